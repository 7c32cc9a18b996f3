//! Services that are routed to and have no endpoint: told on the Ingresses that route to them, after a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::translate::{self, Input};

/// How long a Service may be without endpoints before that is told: pods that start take their time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Since when which Service has had no endpoint.
#[derive(Debug, Default)]
pub(super) struct Unserved(BTreeMap<ObjectName, Instant>);

impl Unserved {
    /// The findings about those of `without` that were in it for long enough.
    pub(super) fn problems(&mut self, input: &Input, without: &BTreeSet<ObjectName>, now: Instant) -> Vec<Problem> {
        self.0.retain(|service, _| without.contains(service));
        without.iter().for_each(|service| _ = self.0.entry(service.clone()).or_insert(now));
        let late = self.0.iter().filter(|(_, since)| now.saturating_duration_since(**since) >= PATIENCE);
        late.flat_map(|(service, _)| problems(input, service)).collect()
    }
}

/// One finding for each Ingress of ours that routes to the Service.
fn problems(input: &Input, service: &ObjectName) -> impl Iterator<Item = Problem> {
    let users = translate::users_of_service(input, service);
    users.map(move |ingress| Problem {
        object: ObjectRef { kind: ObjectKind::Ingress, name: ingress.name.clone() },
        field: format!("service {}", service.name),
        code: ProblemCode::NoEndpoints,
        severity: Severity::Error,
        message: format!(
            "Service {service} has had no ready endpoint for {} seconds or more, so its requests are answered with 503",
            PATIENCE.as_secs()
        ),
        remedy: format!(
            "Look at the Pods that its selector matches, and at kubectl get endpointslices -n {} -l kubernetes.io/service-name={}",
            service.namespace, service.name
        ),
    })
}
