//! What black-box tests share: Tidegate in process on free ports, scripted pods, raw clients. All of it blocks, on
//! threads of the test; every wait has a deadline, nothing sleeps, and tests share nothing but the machine.

#![allow(clippy::unwrap_used, reason = "it is for tests")]
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs, reason = "each test binary uses a part of it")]

pub mod asker;
mod authority;
pub mod baseline;
mod client;
pub mod dns;
pub mod frames;
pub mod h2;
mod manifests;
mod pod;
mod tidegate;
pub mod tls;
mod tls_pod;
mod wire;

use std::time::Duration;

use tokio::time::Instant;

pub use authority::Authority;
pub use client::{Client, get};
pub use manifests::{Manifests, Path, certificate};
pub use pod::{Pod, PodConnection, not_accepting, refusing};
pub use tidegate::Tidegate;
pub use tls_pod::{Asked, Speech, TlsPod};
pub use wire::{BodyEnd, End, Message, Wire};

/// Longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Asks again and again until there is an answer. For what cannot be waited for; the pause only spares the processor.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
