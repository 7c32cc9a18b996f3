//! One write of one status.

use std::time::Duration;

use k8s_openapi::api::networking::v1 as networking;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::model::ObjectName;
use crate::observe::StatusWrite;
use crate::report::address::sorted;
use crate::report::jitter;
use crate::report::lease::Term;
use crate::report::{Clients, WRITE_TIMEOUT};
use crate::source::objects::annotations::CLASS_ANNOTATION;
use crate::source::objects::{Address, Ingress, Signature};

use super::book::Work;

/// Attempts of one write when the Ingress changes during each.
const ATTEMPTS: u32 = 5;
/// Pause after the first conflict, doubled after each.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes statuses while the term lasts.
#[derive(Clone)]
pub(in crate::report) struct Writer {
    clients: Clients,
    signature: Signature,
    params: PatchParams,
    term: Term,
}

impl Writer {
    /// With this signature.
    pub(in crate::report) fn new(clients: Clients, signature: Signature, term: Term) -> Self {
        let params = PatchParams::apply(signature.as_str()).force();
        Self { clients, signature, params, term }
    }

    pub(super) fn term(&self) -> Term {
        self.term.clone()
    }

    /// Writes, more than once if needed.
    pub(super) async fn write(&self, name: &ObjectName, work: &Work) -> StatusWrite {
        match tokio::time::timeout(WRITE_TIMEOUT, self.attempts(name, work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                tracing::debug!(ingress = %name, %error, "a status was not taken");
                StatusWrite::Failed
            }
            Err(_) => StatusWrite::Failed,
        }
    }

    async fn attempts(&self, name: &ObjectName, work: &Work) -> kube::Result<StatusWrite> {
        for attempt in 0..ATTEMPTS {
            if !self.term.is_held() {
                return Ok(StatusWrite::Failed);
            }
            match self.attempt(name, work).await {
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(StatusWrite::Skipped),
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    tokio::time::sleep(jitter::around(PAUSE * (1 << attempt))).await;
                }
                ended => return ended,
            }
        }
        Ok(StatusWrite::Conflict)
    }

    async fn attempt(&self, name: &ObjectName, work: &Work) -> kube::Result<StatusWrite> {
        let api: Api<networking::Ingress> = Api::namespaced((self.clients)(), &name.namespace);
        let (Work::Write(known, _) | Work::Clear(known)) = work;
        let now = api.get(&name.name).await?;
        if !asks_for_the_same_class(known, &now) {
            return Ok(StatusWrite::Skipped);
        }
        let is_signed = is_signed(&now, &self.signature);
        let (status, result) = match work {
            Work::Clear(_) if !is_signed => return Ok(StatusWrite::Skipped),
            // Removes what this manager wrote, and nothing else.
            Work::Clear(_) => (json!({}), StatusWrite::Cleared),
            Work::Write(_, addresses) if is_signed && holds(&now, addresses) => return Ok(StatusWrite::Unchanged),
            Work::Write(_, addresses) => {
                (json!({"loadBalancer": {"ingress": entries(addresses)}}), StatusWrite::Written)
            }
        };
        // The version is a condition: nothing is written to an Ingress that leaves or enters the class at this moment.
        let body = body(name, now.metadata.resource_version.as_deref(), status);
        api.patch_status(&name.name, &self.params, &Patch::Apply(body)).await?;
        Ok(result)
    }
}

fn body(name: &ObjectName, version: Option<&str>, status: Value) -> Value {
    let mut metadata = json!({"name": &*name.name, "namespace": &*name.namespace});
    if let Some(version) = version {
        metadata["resourceVersion"] = version.into();
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "status": status})
}

fn entries(addresses: &[Address]) -> Vec<Value> {
    let entry = |address: &Address| match address {
        Address::Ip(ip) => json!({"ip": ip.to_string()}),
        Address::Hostname(name) => json!({"hostname": &**name}),
    };
    addresses.iter().map(entry).collect()
}

fn asks_for_the_same_class(known: &Ingress, now: &networking::Ingress) -> bool {
    let field = now.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    let annotation = now.metadata.annotations.as_ref().and_then(|all| all.get(CLASS_ANNOTATION)).map(String::as_str);
    field == known.class.as_deref() && annotation == known.annotations.get(CLASS_ANNOTATION).map(|class| &**class)
}

fn is_signed(ingress: &networking::Ingress, signature: &Signature) -> bool {
    ingress.metadata.managed_fields.iter().flatten().any(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        signature.stands_in(entry.manager.as_deref(), entry.operation.as_deref(), entry.subresource.as_deref(), fields)
    })
}

/// Whether the status has exactly these addresses, in any order.
fn holds(ingress: &networking::Ingress, addresses: &[Address]) -> bool {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let entries = balancer.and_then(|balancer| balancer.ingress.as_ref()).into_iter().flatten();
    let parsed =
        entries.flat_map(|entry| [&entry.ip, &entry.hostname].into_iter().flatten().filter(|text| !text.is_empty()));
    *sorted(parsed.map(|text| crate::report::parse_address(text)).collect()) == *addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_62_each_address_is_an_ip_or_a_hostname_without_ports() {
        let written = entries(&["192.0.2.7", "fd00::7", "nlb.example"].map(crate::report::address::parse));
        let expected = [json!({"ip": "192.0.2.7"}), json!({"ip": "fd00::7"}), json!({"hostname": "nlb.example"})];
        assert_eq!(written, expected);
    }
}
