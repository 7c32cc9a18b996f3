//! What is kept in the manner of ingress-nginx, where it is asked for.

use std::sync::Arc;

use super::Metrics;
use crate::observe::exposition::Exposition;
use crate::observe::nginx::{
    self, Compat, ConnectionStates, ControllerNames, HostCertificate, Nginx, RouteDetail, RouteNames, Whole,
};

impl Metrics {
    /// Keeps what is wanted in the manner of ingress-nginx.
    #[must_use]
    pub fn in_the_manner_of_nginx(mut self, wanted: Compat, controller: ControllerNames) -> Self {
        self.nginx = Some(Box::new(Nginx::new(wanted, controller)));
        self
    }

    /// What is kept of a route besides its own counters; `None` where nobody asks for it. The same names give the same handle
    /// for as long as anyone holds it.
    pub fn detail(&self, names: impl FnOnce() -> RouteNames) -> Option<Arc<RouteDetail>> {
        Some(self.nginx.as_ref()?.route(names()))
    }

    /// The same of requests that no route took.
    pub fn unrouted_detail(&self) -> Option<&Arc<RouteDetail>> {
        Some(self.nginx.as_ref()?.unrouted())
    }

    /// The certificates that are served now by host, all of them. Nobody is asked for them if nothing shows them.
    pub fn set_host_certificates(&self, certificates: impl FnOnce() -> Vec<HostCertificate>) {
        if let Some(nginx) = self.nginx.as_ref().filter(|nginx| nginx.shows_metrics()) {
            nginx.set_certificates(certificates());
        }
    }

    /// Whether what connections do is shown.
    pub fn shows_connection_states(&self) -> bool {
        self.nginx.as_ref().is_some_and(|nginx| nginx.shows_metrics())
    }

    /// The connections of a shard do something else than it told before.
    pub fn connection_states_changed(&self, before: ConnectionStates, now: ConnectionStates) {
        if let Some(nginx) = &self.nginx {
            nginx.states_changed(before, now);
        }
    }

    /// Writes the families of ingress-nginx, where they are asked for.
    pub(super) fn write_nginx(&self, out: &mut Exposition) {
        let Some(nginx) = self.nginx.as_ref().filter(|nginx| nginx.shows_metrics()) else { return };
        let whole = Whole {
            tables: self.builds.iter().map(|builds| builds.get()).sum(),
            changed: self.table.changed.get(),
            is_leader: self.report.leader.get() == 1,
            open: self.listeners.iter().map(|listener| listener.open.get()).sum(),
            accepted: self.listeners.iter().map(|listener| listener.total.get()).sum(),
        };
        nginx::write(out, nginx, &whole);
    }
}

#[cfg(test)]
mod tests;
