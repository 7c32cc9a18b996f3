//! What becomes of a panic. In a binary of its own, because there is one hook for the process.

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::sync::Arc;
use std::thread;

use tidegate::observe::{Metrics, panics};

#[test]
fn e08_a_panic_is_counted_and_ends_nothing_else() {
    let metrics = Arc::new(Metrics::new());
    panics::watch(&metrics);
    assert!(metrics.render().contains("\ntidegate_panics_total 0\n"));
    for count in 1..=2 {
        assert!(thread::spawn(move || assert_eq!(count, 0, "by design")).join().is_err());
        assert!(metrics.render().contains(&format!("\ntidegate_panics_total {count}\n")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert!(tokio::spawn(async { panic!("by design") }).await.is_err());
    });
    assert!(metrics.render().contains("\ntidegate_panics_total 3\n"));
}
