//! Which Secrets and ConfigMaps are followed by themselves, and which may be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{ObjectKind, ObjectName, ObjectRef};

use super::input::Input;
use super::lower::Lowered;
use super::settings::VisibleSecrets;

impl Input {
    /// The Secrets that objects or the settings name.
    pub(crate) fn used_secrets(&self) -> BTreeSet<&ObjectName> {
        let is_allowed = |name: &&ObjectName| {
            let mut users = self.index().users(ObjectKind::Secret, name).iter();
            self.settings().secrets_across_namespaces || users.any(|user| self.may_use(user, name))
        };
        let named = self.index().used(ObjectKind::Secret).filter(is_allowed);
        let by_services = self.index().named_by_services().filter(|object| object.kind == ObjectKind::Secret);
        let by_services = by_services.filter(|object| self.is_named_by_services(object)).map(|object| &object.name);
        let of_settings = self.settings().default_certificate.iter().chain(&self.settings().shared_keys);
        named.chain(by_services).chain(of_settings).collect()
    }

    /// Whether this Secret is wanted: an object of ours or the settings name it.
    pub fn wants(&self, secret: &ObjectName) -> bool {
        let mut users = self.index().users(ObjectKind::Secret, secret).iter();
        self.settings().default_certificate.as_ref() == Some(secret)
            || self.settings().shared_keys.as_ref() == Some(secret)
            || users.any(|user| self.may_use(user, secret) && user.is_ours(self.objects(), self.settings()))
            || self.is_named_by_services(&ObjectRef::new(ObjectKind::Secret, secret.clone()))
    }

    /// Whether an annotation of a Service that somebody of ours routes to names this object, and may.
    fn is_named_by_services(&self, object: &ObjectRef) -> bool {
        let may_name = |service: &ObjectName| {
            self.settings().secrets_across_namespaces || service.namespace == object.name.namespace
        };
        let services = self.index().services_naming(object).iter().filter(|service| may_name(service));
        services.into_iter().any(|service| {
            let mut users = self.index().users(ObjectKind::Service, service).iter();
            users.any(|user| user.is_ours(self.objects(), self.settings()))
        })
    }

    /// Whether an object may name this Secret. TLS entries name those of their namespace only.
    fn may_use(&self, user: &Lowered, secret: &ObjectName) -> bool {
        self.settings().secrets_across_namespaces || user.name().namespace == secret.namespace
    }

    /// Whether this object is to be followed by itself: it is wanted, and no list has it or is meant to have it.
    pub fn follows(&self, object: &ObjectRef) -> bool {
        match object.kind {
            ObjectKind::Secret => match &self.settings().secrets {
                VisibleSecrets::All | VisibleSecrets::Listed(_) => self.wants(&object.name),
                VisibleSecrets::Allowed => {
                    self.settings().shared_keys.as_ref() == Some(&object.name)
                        || self.is_named_by_annotation(object, |user| self.may_use(user, &object.name))
                }
            },
            ObjectKind::ConfigMap => {
                self.is_named_by_settings(&object.name)
                    || self.settings().streams.names(&object.name)
                    || self.is_named_by_annotation(object, |user| self.may_name(&user.name().namespace, &object.name))
            }
            ObjectKind::Ingress
            | ObjectKind::IngressClass
            | ObjectKind::Service
            | ObjectKind::EndpointSlice
            | ObjectKind::File => false,
        }
    }

    fn is_named_by_annotation(&self, object: &ObjectRef, counts: impl Fn(&Lowered) -> bool) -> bool {
        let users = self.index().users(object.kind, &object.name).iter();
        users
            .filter(|user| user.annotations().references().contains(object) && counts(user))
            .any(|user| user.is_ours(self.objects(), self.settings()))
            || self.is_named_by_services(object)
    }

    /// Whether annotations of an object in this namespace may name this ConfigMap.
    pub(crate) fn may_name(&self, namespace: &Arc<str>, config_map: &ObjectName) -> bool {
        self.settings().config_maps_across_namespaces || *namespace == config_map.namespace
    }

    /// Whether we may read this Secret. A Secret that we may not read can be wanted nevertheless.
    pub fn may_see(&self, secret: &ObjectName) -> bool {
        match &self.settings().secrets {
            VisibleSecrets::All | VisibleSecrets::Allowed => true,
            VisibleSecrets::Listed(listed) => listed.contains(secret),
        }
    }

    /// Whether we may read this ConfigMap. One that we may not read can be wanted nevertheless.
    pub fn may_see_config_map(&self, config_map: &ObjectName) -> bool {
        self.settings().config_maps.has(config_map)
            || self.settings().config_map() == Some(config_map)
            || self.settings().streams.names(config_map)
    }

    /// All objects that are to be followed by themselves. Looks at everything.
    pub fn followed(&self) -> BTreeSet<ObjectRef> {
        let secrets = self.used_secrets().into_iter().map(|name| (ObjectKind::Secret, name));
        let of_settings = self.named_by_settings();
        let of_streams = self.settings().streams.config_maps().map(|(name, _)| name);
        let config_maps = self.index().used(ObjectKind::ConfigMap).chain(of_settings).chain(of_streams);
        let config_maps = config_maps.map(|name| (ObjectKind::ConfigMap, name));
        let named = secrets.chain(config_maps).map(|(kind, name)| ObjectRef::new(kind, name.clone()));
        named.filter(|object| self.follows(object)).collect()
    }
}
