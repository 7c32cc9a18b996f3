//! From objects of any kind to neutral claims: the front ends of translation.
//!
//! A front end takes an object apart in terms that all kinds share: which hosts it claims, with which of its parts, and which
//! other objects it refers to. The index, the hosts and the findings about conflicts know these terms only. A kind is a
//! variant of `RoutingObject` and a file beside this one.
//!
//! What is kept for each object is small: positions in it, not copies of it. What stands at a position is read while a host is
//! translated.

mod claim;
mod ingress;

use std::sync::Arc;

use crate::model::{HostPattern, ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::{Ingress, Objects};

use super::annotations::{self, Options, Parsed, Scope};
use super::settings::Settings;
use super::{classes, problems};

pub(crate) use claim::{BackendRef, Bid, Claim, Field, Positions, RouteClaim, TlsClaim};

/// An object that claims hosts. It stays as the source gave it.
#[derive(Clone, Debug)]
pub(crate) enum RoutingObject {
    /// An Ingress.
    Ingress(Arc<Ingress>),
}

/// An object that claims hosts, with its annotations read. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    object: RoutingObject,
    annotations: Parsed,
}

/// What an object, or two versions of one, names. Some of it may stand there more than once.
#[derive(Debug)]
pub(crate) struct Named {
    /// The hosts that it claims.
    pub(crate) hosts: Vec<HostPattern>,
    /// The objects that it refers to.
    pub(crate) references: Vec<ObjectRef>,
}

/// The hosts that annotations add to those that fields name.
#[derive(Clone, Copy, Debug)]
struct Added<'a> {
    /// Other names of the hosts of rules.
    aliases: &'a [HostPattern],
    /// Those with or without `www.` in front.
    with_www: bool,
}

impl RoutingObject {
    /// The first host that its fields claim; `None` when they claim none.
    pub(crate) fn first_host(&self) -> Option<HostPattern> {
        match self {
            Self::Ingress(ingress) => ingress::first_host(ingress),
        }
    }

    /// The order that decides conflicts: oldest first, then by namespace, name and kind.
    pub(crate) fn seniority(&self) -> (i64, &ObjectName, ObjectKind) {
        match self {
            Self::Ingress(ingress) => (ingress.created, &ingress.name, ObjectKind::Ingress),
        }
    }

    /// Reads its annotations; with the former version of the object at hand, only if they differ from the former ones.
    pub(crate) fn lower(self, former: Option<&Lowered>, settings: &Settings) -> Lowered {
        let annotations = match (&self, former.map(|former| (&former.object, &former.annotations))) {
            (Self::Ingress(new), Some((Self::Ingress(old), parsed))) if new.annotations == old.annotations => {
                parsed.clone()
            }
            (Self::Ingress(new), _) => {
                annotations::read(&settings.dialects, Scope::Ingress, &new.name, &new.annotations)
            }
        };
        Lowered { object: self, annotations }
    }
}

impl Lowered {
    /// The object.
    pub(crate) fn object(&self) -> &RoutingObject {
        &self.object
    }

    /// Whether this is the very object, not another version of it.
    pub(crate) fn is(&self, object: &RoutingObject) -> bool {
        match (&self.object, object) {
            (RoutingObject::Ingress(this), RoutingObject::Ingress(other)) => Arc::ptr_eq(this, other),
        }
    }

    /// Whether it is the same object, in this or another version.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.kind(), self.name()) == (other.kind(), other.name())
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> ObjectKind {
        self.object.seniority().2
    }

    /// Namespace and name.
    pub(crate) fn name(&self) -> &ObjectName {
        self.object.seniority().1
    }

    /// Kind and name.
    pub(crate) fn reference(&self) -> ObjectRef {
        let (_, name, kind) = self.object.seniority();
        ObjectRef { kind, name: name.clone() }
    }

    /// When it was created, in seconds since the Unix epoch.
    pub(crate) fn created(&self) -> i64 {
        self.object.seniority().0
    }

    /// What it asks to take requests that no route takes, wherever it has a say in that.
    pub(crate) fn default_backend(&self) -> Option<Bid<'_>> {
        match &self.object {
            RoutingObject::Ingress(ingress) => ingress::default_backend(ingress, self),
        }
    }

    /// What its annotations set.
    pub(crate) fn options(&self) -> &Options {
        self.annotations.options()
    }

    /// Its annotations.
    pub(crate) fn annotations(&self) -> &Parsed {
        &self.annotations
    }

    /// The hosts that its rules name.
    pub(crate) fn hosts_of_rules(&self) -> Vec<HostPattern> {
        match &self.object {
            RoutingObject::Ingress(ingress) => ingress::named_by_rules(ingress),
        }
    }

    /// Whether its annotations add hosts to those that its fields name.
    pub(crate) fn adds_hosts(&self) -> bool {
        let Added { aliases, with_www } = self.added();
        with_www || !aliases.is_empty()
    }

    fn added(&self) -> Added<'_> {
        let with_www = self.options().locations().is_some_and(|locations| locations.is_with_www());
        Added { aliases: self.annotations.hosts(), with_www }
    }

    /// Whether we serve it.
    pub(crate) fn is_ours(&self, objects: &Objects, settings: &Settings) -> bool {
        match &self.object {
            RoutingObject::Ingress(ingress) => classes::is_ours(ingress, objects, settings),
        }
    }

    /// What it claims, by host. A host that cannot be read is left out: a finding tells of it.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (HostPattern, Claim)> {
        let hosts = match &self.object {
            RoutingObject::Ingress(ingress) => ingress::claims(ingress, self.added()),
        };
        hosts.into_iter().map(|(host, parts)| (host, parts.into_claim(self.clone())))
    }

    /// All hosts that it claims, some of them perhaps more than once.
    pub(crate) fn hosts(&self) -> Vec<HostPattern> {
        match &self.object {
            RoutingObject::Ingress(ingress) => ingress::hosts(ingress, self.added()),
        }
    }

    /// The wildcards that it has rules for.
    pub(crate) fn wildcards(&self) -> impl Iterator<Item = HostPattern> {
        match &self.object {
            RoutingObject::Ingress(ingress) => ingress::wildcards(ingress, self.added()),
        }
    }

    /// The hosts that are to be translated again when this other object changes, some of them perhaps more than once.
    pub(crate) fn hosts_using(&self, used: &ObjectRef) -> Vec<HostPattern> {
        if self.annotations.references().contains(used) {
            return self.hosts();
        }
        match &self.object {
            RoutingObject::Ingress(ingress) => ingress::hosts_using(ingress, self.added(), used),
        }
    }

    /// All objects that it refers to in fields and annotations, in order and each once. Classes are not among them: nearly
    /// all objects name the same one, so the few changes of a class look at all objects instead.
    pub(crate) fn references(&self) -> Vec<ObjectRef> {
        let mut references = match &self.object {
            RoutingObject::Ingress(ingress) => ingress::references(ingress),
        };
        let own_hosts = self.own_hosts_asked();
        if !self.annotations.references().is_empty() || !own_hosts.is_empty() {
            references.extend_from_slice(self.annotations.references());
            references.extend(own_hosts);
            references.sort_unstable();
            references.dedup();
        }
        references
    }

    /// The exact hosts of its rules, where the URL of an annotation asks at the host of the request.
    fn own_hosts_asked(&self) -> Vec<ObjectRef> {
        if !self.options().rare().is_some_and(|rare| rare.asks_at_own_host()) {
            return Vec::new();
        }
        let namespace = &self.name().namespace;
        let exact = self.hosts_of_rules().into_iter().filter_map(|host| match host {
            HostPattern::Exact(host) => Some(annotations::service(host.as_str(), namespace)),
            HostPattern::Wildcard { .. } | HostPattern::Any => None,
        });
        exact.map(|service| ObjectRef::new(ObjectKind::Service, service)).collect()
    }

    /// All that it names.
    pub(crate) fn named(&self) -> Named {
        Named { hosts: self.hosts(), references: self.references() }
    }

    /// A finding about it.
    pub(crate) fn problem(
        &self,
        field: impl Into<String>,
        code: ProblemCode,
        severity: Severity,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        problems::on(&self.reference(), field, code, severity, message, remedy)
    }
}

impl Claim {
    /// The routes that are asked for at the host, in the order of the object.
    pub(crate) fn each_route<'a>(&'a self, each: &mut dyn FnMut(RouteClaim<'a>)) {
        match self.by.object() {
            RoutingObject::Ingress(ingress) => ingress::each_route(ingress, self, each),
        }
    }

    /// What is asked to take the requests of the host that no route takes.
    pub(crate) fn fallback(&self, host: &HostPattern) -> Option<Bid<'_>> {
        let takes_part = match self.by.object() {
            RoutingObject::Ingress(_) => ingress::has_say_in_fallback(self, host),
        };
        if takes_part { self.by.default_backend() } else { None }
    }

    /// Where its TLS entries name the host.
    pub(crate) fn tls_fields(&self) -> impl Iterator<Item = Field> {
        self.tls.iter().map(|mention| mention.field())
    }

    /// The certificates that the object names for the host, in its order.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = TlsClaim> {
        self.tls.iter().filter_map(|mention| match self.by.object() {
            RoutingObject::Ingress(ingress) => ingress::certificate(ingress, *mention),
        })
    }
}
