//! Secrets that are wanted: those that objects of ours, or the settings, name.

use std::collections::BTreeSet;

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
    pub(super) fn is_named_by_services(&self, object: &ObjectRef) -> bool {
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
    pub(super) fn may_use(&self, user: &Lowered, secret: &ObjectName) -> bool {
        self.settings().secrets_across_namespaces || user.name().namespace == secret.namespace
    }

    /// Whether we may read this Secret. A Secret that we may not read can be wanted nevertheless.
    pub fn may_see(&self, secret: &ObjectName) -> bool {
        match &self.settings().secrets {
            VisibleSecrets::All | VisibleSecrets::Allowed => true,
            VisibleSecrets::Listed(listed) => listed.contains(secret),
        }
    }
}
