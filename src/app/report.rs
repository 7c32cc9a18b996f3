//! From the command line to the settings of the reporter.

use std::sync::Arc;

use crate::args::{Pod, ReportArgs};
use crate::model::ObjectName;
use crate::observe::Metrics;
use crate::report::{Identity, Inbox, Publish, Reporter, Settings, parse_address};
use crate::source::api::Access;
use crate::source::objects::{Address, Signature};

/// The options about reports, and the inbox for their news.
pub(super) struct Reports {
    args: ReportArgs,
    class: String,
    controller: String,
    inbox: Inbox,
}

impl Reports {
    /// `None` when nothing is to be written back.
    pub(super) fn new(args: &ReportArgs, class: &str, controller: &str) -> Option<Self> {
        args.report.then(|| Self {
            args: args.clone(),
            class: class.to_owned(),
            controller: controller.to_owned(),
            inbox: Inbox::default(),
        })
    }

    /// Where the controller leaves its news.
    pub(super) fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// The name of the Lease.
    pub(super) fn election(&self) -> String {
        self.args.lease.as_ref().map_or_else(|| lease_name(&self.class), |lease| lease.name.to_string())
    }

    /// The signature of the statuses that are written here.
    pub(super) fn signature(&self, access: &Access) -> Signature {
        Signature::of(&self.lease(access))
    }

    fn lease(&self, access: &Access) -> ObjectName {
        self.args.lease.clone().unwrap_or_else(|| {
            let namespace = Pod::read().namespace.unwrap_or_else(|| access.namespace().to_owned());
            ObjectName::new(namespace, lease_name(&self.class))
        })
    }

    /// Starts to report.
    pub(super) fn start(self, access: Arc<Access>, metrics: &Arc<Metrics>) -> Reporter {
        let lease = self.lease(&access);
        let Self { args, class: _, controller, inbox } = self;
        let publish = match args.publish_service {
            Some(service) => Publish::Service(service),
            None if args.publish_address.is_empty() => Publish::Nothing,
            None => Publish::Fixed(args.publish_address.iter().map(|address| parse_address(address)).collect()),
        };
        let identity = identity(&Pod::read());
        log(&publish, &lease, &identity);
        let clients = Arc::new(move || access.client());
        Reporter::start(Settings { publish, lease, identity, controller }, clients, inbox, metrics)
    }
}

/// Logs the settings for operators, in the words of the options.
fn log(publish: &Publish, lease: &ObjectName, identity: &Identity) {
    let addresses = match publish {
        Publish::Nothing => "none: neither --publish-service nor --publish-address is given".to_owned(),
        Publish::Fixed(addresses) => addresses
            .iter()
            .map(|address| match address {
                Address::Ip(ip) => ip.to_string(),
                Address::Hostname(name) => name.to_string(),
            })
            .collect::<Vec<_>>()
            .join(","),
        Publish::Service(service) => format!("those of Service {service}"),
    };
    let (Identity::Pod(identity) | Identity::Host(identity)) = identity;
    tracing::info!(addresses, %lease, identity, "status and Events are written by the holder of the lease");
}

/// Only one container of a pod runs at a time, so the name of the pod is enough. Several processes may run on a host.
fn identity(pod: &Pod) -> Identity {
    match (&pod.name, &pod.namespace) {
        (Some(name), Some(namespace)) => Identity::Pod(format!("{namespace}/{name}")),
        (Some(name), None) => Identity::Pod(name.clone()),
        (None, _) => Identity::Host(pod.host.clone().unwrap_or_else(|| "tidegate".to_owned())),
    }
}

/// `tidegate-` and the class. Characters that a name of an object may not have are replaced.
fn lease_name(class: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let class: String = class.chars().map(plain).take(200).collect();
    match class.trim_matches('-') {
        "" => "tidegate".to_owned(),
        class => format!("tidegate-{class}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_named_after_the_class() {
        for (class, name) in [
            ("tidegate", "tidegate-tidegate"),
            ("internal", "tidegate-internal"),
            ("a.B/c", "tidegate-a-b-c"),
            ("--", "tidegate"),
        ] {
            assert_eq!(lease_name(class), name);
        }
    }
}
