//! A real Kubernetes for tests, and what they need around it: the API server alone ([`ApiServer`]) or with nodes and
//! pods ([`Cluster`]), Tidegate as a process ([`Tidegate`]), and pods that are threads of the test ([`EchoPod`]).
//!
//! Everything blocks and panics with what went wrong: it is for tests. Nothing uses a fixed port or name, so suites run
//! side by side; everything ends with the test, also when that is killed. Needs Linux, root and Go (see
//! `scripts/setup e2e`).

mod api;
mod browser;
mod client;
mod cluster;
mod detour;
mod echo;
mod image;
mod kubernetes;
mod load;
mod names;
mod pki;
mod pod;
mod run;
mod sites;
mod tidegate;
mod tools;

use std::time::Duration;

use tokio::time::Instant;

pub use api::{ApiServer, Audited, Objects};
pub use browser::Browser;
pub use client::{Answer, Certificate, Connection, Request};
pub use cluster::{Cluster, ECHO};
pub use detour::Detour;
pub use echo::{EchoPod, Pods};
pub use image::Image;
pub use kubernetes::Kubernetes;
pub use load::{Load, LoadResult};
pub use names::serve_names;
pub use pod::PodFiles;
pub use run::{Lifetime, Run};
pub use sites::{class, ingress, tls_ingress};
pub use tidegate::{Tidegate, get};
pub use tools::{Program, log_analysis};

/// Longest wait for anything, unless said otherwise. 60 s: the machine may be busy with other suites.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again, every few milliseconds, until there is an answer.
///
/// # Panics
/// When there is none within [`DEADLINE`].
#[track_caller]
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match poll(DEADLINE, probe) {
        Some(found) => found,
        None => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// Asks again and again for as long as `limit` at most.
pub(crate) fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = probe();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        // For what cannot be waited for; the pause only spares the processor.
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
