//! Services that are routed to and have had no endpoint for a while: a finding about each Ingress that routes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectName, Problem, ProblemCode, Severity};
use crate::translate::{self, Input};

/// How long a Service may be without endpoints before that is a finding: pods take time to start.
const TOLERATED: Duration = Duration::from_secs(30);

/// The Services without endpoints, each with the time since when.
#[derive(Debug, Default)]
pub(super) struct ServicesWithoutEndpoints(BTreeMap<ObjectName, Instant>);

impl ServicesWithoutEndpoints {
    /// The findings about those of `without` that have been without endpoints for long enough.
    pub(super) fn problems(&mut self, input: &Input, without: &BTreeSet<ObjectName>, now: Instant) -> Vec<Problem> {
        self.0.retain(|service, _| without.contains(service));
        without.iter().for_each(|service| _ = self.0.entry(service.clone()).or_insert(now));
        let late = self.0.iter().filter(|(_, since)| now.saturating_duration_since(**since) >= TOLERATED);
        late.flat_map(|(service, _)| problems(input, service)).collect()
    }
}

/// One finding for each object of ours that routes to the Service.
fn problems(input: &Input, service: &ObjectName) -> impl Iterator<Item = Problem> {
    // Those of an external name have findings of their own, which tell more.
    let has_endpoints_of_pods = input.external_name(service).is_none();
    let users = translate::users_of_service(input, service).filter(move |_| has_endpoints_of_pods);
    users.map(move |object| Problem {
        field: format!("service {}", service.name),
        code: ProblemCode::NoEndpoints,
        severity: Severity::Error,
        message: format!(
            "Service {service} has had no ready endpoint for {} seconds or more, so {}",
            TOLERATED.as_secs(),
            if translate::is_canary(input, service, &object) {
                "the canary gets no requests of the main Ingress"
            } else {
                "its requests are answered with 503"
            }
        ),
        object,
        remedy: format!(
            "Look at the Pods that its selector matches, and at kubectl get endpointslices -n {} -l kubernetes.io/service-name={}",
            service.namespace, service.name
        ),
    })
}
