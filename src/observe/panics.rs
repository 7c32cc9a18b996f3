//! Panics: a defect of ours that costs one task, as a connection, and must not go unnoticed (class E8).

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;

use super::metrics::Metrics;

/// From now on every panic of the process is counted, and logged as everything else is instead of as plain text.
pub fn watch(metrics: &Arc<Metrics>) {
    let metrics = Arc::clone(metrics);
    panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        metrics.panicked();
        let thread = std::thread::current();
        let place = panic.location().map(tracing::field::display);
        // Says something when the environment asks for it only (RUST_BACKTRACE).
        let backtrace = std::backtrace::Backtrace::capture();
        let message = text(panic.payload());
        tracing::error!(thread = thread.name(), place, panic = message, %backtrace, "a task panicked, which is a defect");
    }));
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
