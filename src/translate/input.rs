//! What translation reads, kept up to date one change at a time.

use std::collections::BTreeSet;

use crate::model::{HostPattern, ObjectKind, ObjectName, ObjectRef, UnitKey};
use crate::source::objects::{Change, Ingress, Object, Objects};

use super::index::{self, Index};
use super::settings::{Settings, VisibleSecrets};
use super::{address, classes, validity};

/// All objects, the index over them, and the settings. Changed only by `apply` and `advance`, which tell what must be
/// translated again.
#[derive(Clone, Debug, Default)]
pub struct Input {
    objects: Objects,
    index: Index,
    settings: Settings,
}

/// What a change concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Units to translate again.
    pub units: BTreeSet<UnitKey>,
    /// Services whose living upstreams need their endpoints computed again. New upstreams are not among them: whoever
    /// creates one fills it.
    pub services: BTreeSet<ObjectName>,
    /// Secrets that may be wanted now and were not, or the other way round (`Input::wants`).
    pub secrets: BTreeSet<ObjectName>,
    /// Ingresses that differ from before in their status only: nothing to translate, but those who write it are told.
    pub statuses: BTreeSet<ObjectName>,
}

impl Touched {
    /// Whether nothing is concerned.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.services.is_empty() && self.statuses.is_empty()
    }

    /// Adds what another change concerns.
    pub fn extend(&mut self, other: Touched) {
        let Touched { units, services, secrets, statuses } = other;
        self.units.extend(units);
        self.services.extend(services);
        self.secrets.extend(secrets);
        self.statuses.extend(statuses);
    }

    fn object(&mut self, kind: ObjectKind, name: ObjectName) {
        self.units.insert(UnitKey::Object(ObjectRef { kind, name }));
    }

    fn hosts(&mut self, hosts: impl IntoIterator<Item = HostPattern>) {
        self.units.extend(hosts.into_iter().map(|host| UnitKey::Host(host.into())));
    }
}

impl Input {
    /// No objects yet.
    pub fn new(settings: Settings) -> Self {
        Self { objects: Objects::default(), index: Index::default(), settings }
    }

    /// The objects.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Takes one change in and tells what it concerns. An object that is as before concerns nothing.
    ///
    /// Costs what the object touches, not what is loaded; only a class may touch everything.
    pub fn apply(&mut self, change: Change) -> Touched {
        if self.objects.agree_with(&change) {
            return Touched::default();
        }
        let object = change.object().clone();
        let old = self.objects.apply(change);
        if self.objects.get(&object) == old {
            return Touched::default();
        }
        let ObjectRef { kind, name } = object;
        match kind {
            ObjectKind::Ingress => self.ingress_changed(name, old),
            ObjectKind::IngressClass => self.class_changed(name),
            ObjectKind::Service => self.service_changed(name),
            ObjectKind::EndpointSlice => self.slice_changed(name, old),
            ObjectKind::Secret => {
                let mut touched = Touched::default();
                self.touch_secret(&name, &mut touched);
                touched
            }
            ObjectKind::File => Touched::default(),
        }
    }

    /// Moves the time at which certificates are judged, and tells what that concerns. Looks at every Secret that is in
    /// use: meant to be called every minute or less often.
    pub fn advance(&mut self, now: i64) -> Touched {
        let before = std::mem::replace(&mut self.settings.now, now);
        let mut touched = Touched::default();
        for name in self.used_secrets() {
            let certificate = self.objects.secret(name).and_then(validity::usable);
            if certificate.is_some_and(|c| validity::validity(c, before) != validity::validity(c, now)) {
                self.touch_secret(name, &mut touched);
            }
        }
        touched
    }

    /// The Secrets that Ingresses or the settings name.
    pub(crate) fn used_secrets(&self) -> BTreeSet<&ObjectName> {
        self.index.secrets().chain(self.settings.default_certificate.as_ref()).collect()
    }

    /// Whether a certificate is wanted from this Secret: an Ingress of ours or the settings name it.
    pub fn wants(&self, secret: &ObjectName) -> bool {
        let mut users = self.index.users_of_secret(secret).iter();
        self.settings.default_certificate.as_ref() == Some(secret)
            || users.any(|ingress| classes::is_ours(ingress, &self.objects, &self.settings))
    }

    /// Whether this Secret can be known. One that cannot be may be wanted all the same.
    pub fn may_see(&self, secret: &ObjectName) -> bool {
        match &self.settings.secrets {
            VisibleSecrets::All | VisibleSecrets::Allowed => true,
            VisibleSecrets::Listed(listed) => listed.contains(secret),
        }
    }

    /// All Secrets that are wanted. Looks at everything.
    pub fn wanted_secrets(&self) -> BTreeSet<ObjectName> {
        self.used_secrets().into_iter().filter(|name| self.wants(name)).cloned().collect()
    }

    /// Every unit that can come to anything, in no particular order.
    pub fn units(&self) -> impl Iterator<Item = UnitKey> {
        let object = |kind, name| UnitKey::Object(ObjectRef { kind, name });
        let any = self.index.claims(&HostPattern::Any).is_empty().then_some(HostPattern::Any);
        let hosts = self.index.hosts().cloned().chain(any).map(|host| UnitKey::Host(host.into()));
        let ingresses = self.objects.ingresses().map(move |ingress| object(ObjectKind::Ingress, ingress.name.clone()));
        let classes = self
            .objects
            .classes()
            .map(move |class| object(ObjectKind::IngressClass, ObjectName::new("", class.name.clone())));
        let faulty = self.objects.slices().filter(|slice| address::is_faulty(slice, &self.settings));
        let slices = faulty.map(move |slice| object(ObjectKind::EndpointSlice, slice.name.clone()));
        hosts.chain([UnitKey::DefaultCertificate]).chain(ingresses).chain(classes).chain(slices)
    }

    fn ingress_changed(&mut self, name: ObjectName, old: Option<Object>) -> Touched {
        let mut touched = Touched::default();
        let old = old.and_then(Object::into_ingress);
        let new = self.objects.ingress(&name).cloned();
        if let Some(old) = &old {
            self.index.remove(old);
        }
        if let Some(new) = &new {
            self.index.insert(new);
        }
        if let (Some(old), Some(new)) = (&old, &new)
            && old.asks_the_same_as(new)
        {
            touched.statuses.insert(name);
            return touched;
        }
        touched.object(ObjectKind::Ingress, name);
        for ingress in [&old, &new].into_iter().flatten() {
            self.touch_ingress(ingress, &mut touched);
        }
        touched
    }

    fn class_changed(&self, name: ObjectName) -> Touched {
        let mut touched = Touched::default();
        for ingress in self.objects.ingresses() {
            if classes::depends_on(ingress, &name.name, &self.settings) {
                self.touch_ingress(ingress, &mut touched);
            }
        }
        touched.object(ObjectKind::IngressClass, name);
        touched
    }

    fn service_changed(&self, name: ObjectName) -> Touched {
        let mut touched = Touched::default();
        for ingress in self.index.users_of_service(&name) {
            touched.hosts(index::hosts_with_service(ingress, &name));
            touched.object(ObjectKind::Ingress, ingress.name.clone());
        }
        if self.is_default_backend(&name) {
            touched.hosts([HostPattern::Any]);
        }
        touched.services.insert(name);
        touched
    }

    fn slice_changed(&self, name: ObjectName, old: Option<Object>) -> Touched {
        let mut touched = Touched::default();
        let old = old.and_then(Object::into_endpoint_slice);
        let new = self.objects.slice(&name).cloned();
        // A slice that is in order, before and after, concerns no Ingress.
        let faulty = [&old, &new].into_iter().flatten().filter(|slice| address::is_faulty(slice, &self.settings));
        for service in faulty.filter_map(|slice| slice.service.clone()) {
            let service = ObjectName::new(name.namespace.clone(), service);
            for ingress in self.index.users_of_service(&service) {
                touched.object(ObjectKind::Ingress, ingress.name.clone());
            }
        }
        let labels = [old, new].into_iter().flatten().filter_map(|slice| slice.service.clone());
        touched.services.extend(labels.map(|service| ObjectName::new(name.namespace.clone(), service)));
        touched.object(ObjectKind::EndpointSlice, name);
        touched
    }

    /// All that depends on whether and how an Ingress is served.
    fn touch_ingress(&self, ingress: &Ingress, touched: &mut Touched) {
        touched.hosts(index::hosts_of(ingress));
        touched.object(ObjectKind::Ingress, ingress.name.clone());
        touched.secrets.extend(index::secrets_of(ingress));
        for service in index::services_of(ingress) {
            for slice in self.objects.slices_of(&service) {
                if address::is_faulty(slice, &self.settings) {
                    touched.object(ObjectKind::EndpointSlice, slice.name.clone());
                }
            }
        }
    }

    fn touch_secret(&self, name: &ObjectName, touched: &mut Touched) {
        for ingress in self.index.users_of_secret(name) {
            touched.hosts(index::hosts_with_secret(ingress, name));
            touched.object(ObjectKind::Ingress, ingress.name.clone());
        }
        if self.settings.default_certificate.as_ref() == Some(name) {
            touched.units.insert(UnitKey::DefaultCertificate);
        }
    }

    /// Whether the Service is that of `--default-backend`.
    pub(crate) fn is_default_backend(&self, service: &ObjectName) -> bool {
        self.settings.default_backend.as_ref().is_some_and(|(name, _)| name == service)
    }
}
