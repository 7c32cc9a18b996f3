//! What objects ask for beside HTTP, by port.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    HeaderOfClients, HeaderVersion, ListenerKey, ObjectKind, ObjectName, ObjectRef, Origin, Place, PortRef, Problem,
    ProblemCode, Severity,
};

use crate::source::objects::Service;

use super::super::annotations::{Exposed, Parsed};
use super::super::problems::on;

/// That an object asks for a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The object.
    pub(crate) by: ObjectRef,
    /// When it was created, seconds since the Unix epoch. Of ConfigMaps it does not count.
    pub(crate) created: i64,
    /// The port.
    pub(crate) listener: ListenerKey,
    /// Where connections go.
    pub(crate) service: ObjectName,
    /// The port of the Service.
    pub(crate) port: PortRef,
    /// What connections begin with.
    pub(crate) from_clients: HeaderOfClients,
    /// What pods are told of clients.
    pub(crate) to_pods: Option<HeaderVersion>,
}

impl Claim {
    /// Whose claim counts: those of ConfigMaps, which the operator named, then the oldest, then by name.
    fn seniority(&self) -> (bool, i64, &ObjectName) {
        let is_named_by_operator = self.by.kind == ObjectKind::ConfigMap;
        (!is_named_by_operator, if is_named_by_operator { 0 } else { self.created }, &self.by.name)
    }

    /// Whether nothing is lost for who asks for the other one.
    pub(crate) fn leads_where(&self, other: &Self) -> bool {
        let Self { by: _, created: _, listener, service, port, from_clients, to_pods } = self;
        *listener == other.listener
            && *service == other.service
            && *port == other.port
            && *from_clients == other.from_clients
            && *to_pods == other.to_pods
    }

    /// Where the object asks for it.
    fn field(&self) -> String {
        let (kind, name, place) = (self.by.kind, self.by.name.clone(), Place::Listener(self.listener));
        Origin::Object { kind, name, place }.field().unwrap_or_default()
    }

    /// A finding about the entry.
    pub(crate) fn problem(
        &self,
        code: ProblemCode,
        severity: Severity,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        on(&self.by, self.field(), code, severity, message, remedy)
    }
}

/// What the annotation of a Service asks for.
pub(super) fn of_service(service: &Service, annotations: &Parsed) -> Vec<Claim> {
    let exposed = annotations.options().rare().and_then(|rare| rare.exposed.as_deref()).unwrap_or_default();
    let claim = |Exposed { listener, port, from_clients, to_pods }: &Exposed| Claim {
        by: ObjectRef::new(ObjectKind::Service, service.name.clone()),
        created: service.created,
        listener: *listener,
        service: service.name.clone(),
        port: port.clone(),
        from_clients: *from_clients,
        to_pods: *to_pods,
    };
    exposed.iter().map(claim).collect()
}

/// All claims.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    /// Whose claim counts stands first.
    by_listener: BTreeMap<ListenerKey, Vec<Claim>>,
    by_object: BTreeMap<ObjectRef, Vec<ListenerKey>>,
    /// The ports of claims that lead to a Service, one for each claim.
    by_service: BTreeMap<ObjectName, Vec<ListenerKey>>,
}

impl Streams {
    /// The claims on a port, that which counts first.
    pub(crate) fn claims(&self, listener: ListenerKey) -> &[Claim] {
        self.by_listener.get(&listener).map_or(&[], Vec::as_slice)
    }

    /// The ports that are claimed.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = ListenerKey> {
        self.by_listener.keys().copied()
    }

    /// Whether an object claims any port.
    pub(crate) fn has(&self, object: &ObjectRef) -> bool {
        self.by_object.contains_key(object)
    }

    /// The ports of claims that lead to a Service.
    pub(crate) fn of_service(&self, service: &ObjectName) -> impl Iterator<Item = ListenerKey> {
        self.by_service.get(service).into_iter().flatten().copied()
    }

    /// The objects whose claims lead to a Service.
    pub(crate) fn users(&self, service: &ObjectName) -> BTreeSet<ObjectRef> {
        let claims = self.of_service(service).flat_map(|listener| self.claims(listener));
        claims.filter(|claim| claim.service == *service).map(|claim| claim.by.clone()).collect()
    }

    /// Replaces the claims of an object. Returns the ports whose claims differ, and the Services that they lead to.
    pub(crate) fn replace(
        &mut self,
        object: &ObjectRef,
        claims: Vec<Claim>,
    ) -> (BTreeSet<ListenerKey>, BTreeSet<ObjectName>) {
        let (mut listeners, mut services) = (BTreeSet::new(), BTreeSet::new());
        let mut former = Vec::new();
        for listener in self.by_object.remove(object).unwrap_or_default() {
            let Some(all) = self.by_listener.get_mut(&listener) else { continue };
            former.extend(all.extract_if(.., |claim| claim.by == *object));
            if all.is_empty() {
                self.by_listener.remove(&listener);
            }
        }
        for claim in &former {
            if let Some(all) = self.by_service.get_mut(&claim.service) {
                all.iter().position(|listener| *listener == claim.listener).map(|at| all.swap_remove(at));
                if all.is_empty() {
                    self.by_service.remove(&claim.service);
                }
            }
        }
        let mut differ = |claim: &Claim| {
            listeners.insert(claim.listener);
            services.insert(claim.service.clone());
        };
        former.iter().filter(|claim| !claims.contains(claim)).for_each(&mut differ);
        claims.iter().filter(|claim| !former.contains(claim)).for_each(&mut differ);
        for claim in claims {
            self.by_object.entry(object.clone()).or_default().push(claim.listener);
            self.by_service.entry(claim.service.clone()).or_default().push(claim.listener);
            let all = self.by_listener.entry(claim.listener).or_default();
            let at = all.partition_point(|other| other.seniority() <= claim.seniority());
            all.insert(at, claim);
        }
        (listeners, services)
    }
}
