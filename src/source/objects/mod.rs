//! The plain view of the objects we read: only the fields that matter, in compact form, whatever source they come from.
//!
//! Translation sees these types and nothing else of the sources. Values are as the author wrote them: translation judges
//! them, so that every finding is reported in one way.
//!
//! There may be a hundred thousand objects, so lists are boxed slices: a `Vec` that was collected has room for at least
//! four elements, and most objects have one rule, path or port.
//!
//! The file of saved objects holds these types by the names of their fields (`saved`). A field that is added needs
//! `#[serde(default)]` unless it is an `Option`, or files of the version before can no longer be read.

pub mod annotations;
#[cfg(test)]
pub(crate) mod builders;
mod certificate_file;
mod config_map;
mod endpoint_slice;
mod ingress;
mod ingress_class;
mod secret;
mod service;
mod signature;

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::HashMap;

use crate::model::{ObjectKind, ObjectName, ObjectRef};

pub use annotations::Annotations;
pub use certificate_file::CertificateFile;
pub use config_map::{ConfigMap, LARGEST as LARGEST_CONFIG_MAP};
pub use endpoint_slice::{AddressKind, EndpointSlice, SliceEndpoint, SliceHints, SlicePort};
pub use ingress::{Address, Backend, Ingress, Path, PathKind, PortValue, Rule, TlsEntry};
pub use ingress_class::IngressClass;
pub use secret::{Secret, SecretFault};
pub use service::{Service, ServiceKind, ServicePort};
pub use signature::Signature;

/// An object of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the Kubernetes kinds of the same names, and a file beside them")]
pub enum Object {
    Ingress(Arc<Ingress>),
    IngressClass(Arc<IngressClass>),
    Service(Arc<Service>),
    EndpointSlice(Arc<EndpointSlice>),
    Secret(Arc<Secret>),
    ConfigMap(Arc<ConfigMap>),
    CertificateFile(Arc<CertificateFile>),
}

impl Object {
    /// Which object it is.
    pub fn reference(&self) -> ObjectRef {
        let (kind, name) = match self {
            Self::Ingress(object) => (ObjectKind::Ingress, object.name.clone()),
            Self::IngressClass(object) => (ObjectKind::IngressClass, ObjectName::new("", object.name.clone())),
            Self::Service(object) => (ObjectKind::Service, object.name.clone()),
            Self::EndpointSlice(object) => (ObjectKind::EndpointSlice, object.name.clone()),
            Self::Secret(object) => (ObjectKind::Secret, object.name.clone()),
            Self::ConfigMap(object) => (ObjectKind::ConfigMap, object.name.clone()),
            Self::CertificateFile(object) => (ObjectKind::File, ObjectName::new("", object.name.clone())),
        };
        ObjectRef { kind, name }
    }

    /// The Ingress, if it is one.
    pub fn into_ingress(self) -> Option<Arc<Ingress>> {
        if let Self::Ingress(object) = self { Some(object) } else { None }
    }

    /// The Service, if it is one.
    pub fn into_service(self) -> Option<Arc<Service>> {
        if let Self::Service(object) = self { Some(object) } else { None }
    }

    /// The file of a certificate, if it is one.
    pub fn into_certificate_file(self) -> Option<Arc<CertificateFile>> {
        if let Self::CertificateFile(object) = self { Some(object) } else { None }
    }

    /// The EndpointSlice, if it is one.
    pub fn into_endpoint_slice(self) -> Option<Arc<EndpointSlice>> {
        if let Self::EndpointSlice(object) = self { Some(object) } else { None }
    }
}

impl From<Ingress> for Object {
    fn from(object: Ingress) -> Self {
        Self::Ingress(Arc::new(object))
    }
}

impl From<IngressClass> for Object {
    fn from(object: IngressClass) -> Self {
        Self::IngressClass(Arc::new(object))
    }
}

impl From<Service> for Object {
    fn from(object: Service) -> Self {
        Self::Service(Arc::new(object))
    }
}

impl From<EndpointSlice> for Object {
    fn from(object: EndpointSlice) -> Self {
        Self::EndpointSlice(Arc::new(object))
    }
}

impl From<Secret> for Object {
    fn from(object: Secret) -> Self {
        Self::Secret(Arc::new(object))
    }
}

impl From<CertificateFile> for Object {
    fn from(object: CertificateFile) -> Self {
        Self::CertificateFile(Arc::new(object))
    }
}

impl From<ConfigMap> for Object {
    fn from(object: ConfigMap) -> Self {
        Self::ConfigMap(Arc::new(object))
    }
}

/// What happened to an object: it was created or changed, or it was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    object: ObjectRef,
    new: Option<Object>,
}

impl Change {
    /// An object that was created or changed, as it is now.
    pub fn arrival(new: impl Into<Object>) -> Self {
        let new = new.into();
        Self { object: new.reference(), new: Some(new) }
    }

    /// An object that was deleted.
    pub fn removal(object: ObjectRef) -> Self {
        Self { object, new: None }
    }

    /// Drops what is read of every object of its kind and is asked for of one alone: the names of pods of other Services than this
    /// one, and the keys of other Secrets.
    pub fn reduce(&mut self, self_service: Option<&ObjectName>, shared_keys: Option<&ObjectName>) {
        match &mut self.new {
            Some(Object::EndpointSlice(slice)) if !slice.pods.is_empty() => {
                if service_of(slice).as_ref() != self_service || self_service.is_none() {
                    Arc::make_mut(slice).pods = Box::default();
                }
            }
            Some(Object::Secret(secret)) if secret.shared.is_some() => {
                if Some(&secret.name) != shared_keys {
                    Arc::make_mut(secret).shared = None;
                }
            }
            Some(
                Object::Ingress(_)
                | Object::IngressClass(_)
                | Object::Service(_)
                | Object::EndpointSlice(_)
                | Object::Secret(_)
                | Object::ConfigMap(_)
                | Object::CertificateFile(_),
            )
            | None => {}
        }
    }

    /// Which object.
    pub fn object(&self) -> &ObjectRef {
        &self.object
    }

    /// The object as it is now; `None` when it was deleted.
    pub fn current(&self) -> Option<&Object> {
        self.new.as_ref()
    }

    /// Which object, and how it is now.
    pub fn into_parts(self) -> (ObjectRef, Option<Object>) {
        (self.object, self.new)
    }
}

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied<T> {
    /// Everything is as before.
    AsBefore,
    /// The object has changed. As it was before; `None` when it was not there.
    Changed(Option<T>),
}

impl<T> Applied<T> {
    fn map<U>(self, of: impl FnOnce(T) -> U) -> Applied<U> {
        match self {
            Self::AsBefore => Applied::AsBefore,
            Self::Changed(old) => Applied::Changed(old.map(of)),
        }
    }
}

/// All objects, with the one join that both translation and endpoints need: slices by Service.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    ingresses: HashMap<ObjectName, Arc<Ingress>>,
    classes: BTreeMap<Arc<str>, Arc<IngressClass>>,
    services: HashMap<ObjectName, Arc<Service>>,
    slices: HashMap<ObjectName, Arc<EndpointSlice>>,
    /// By Service, sorted by name of slice.
    slices_of: HashMap<ObjectName, Vec<Arc<EndpointSlice>>>,
    secrets: HashMap<ObjectName, Arc<Secret>>,
    config_maps: HashMap<ObjectName, Arc<ConfigMap>>,
    certificate_files: BTreeMap<Arc<str>, Arc<CertificateFile>>,
}

impl Objects {
    /// The Ingress of this name.
    pub fn ingress(&self, name: &ObjectName) -> Option<&Arc<Ingress>> {
        self.ingresses.get(name)
    }

    /// All Ingresses, in no particular order.
    pub fn ingresses(&self) -> impl Iterator<Item = &Arc<Ingress>> {
        self.ingresses.values()
    }

    /// The IngressClass of this name.
    pub fn class(&self, name: &str) -> Option<&Arc<IngressClass>> {
        self.classes.get(name)
    }

    /// All IngressClasses, by name.
    pub fn classes(&self) -> impl Iterator<Item = &Arc<IngressClass>> {
        self.classes.values()
    }

    /// The Service of this name.
    pub fn service(&self, name: &ObjectName) -> Option<&Arc<Service>> {
        self.services.get(name)
    }

    /// All Services, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// The slice of this name.
    pub fn slice(&self, name: &ObjectName) -> Option<&Arc<EndpointSlice>> {
        self.slices.get(name)
    }

    /// All slices, in no particular order.
    pub fn slices(&self) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        self.slices.values()
    }

    /// The slices labelled with this Service, by name of slice.
    pub fn slices_of(&self, service: &ObjectName) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        self.slices_of.get(service).into_iter().flatten()
    }

    /// The Secret of this name.
    pub fn secret(&self, name: &ObjectName) -> Option<&Arc<Secret>> {
        self.secrets.get(name)
    }

    /// All Secrets, in no particular order.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<Secret>> {
        self.secrets.values()
    }

    /// The ConfigMap of this name.
    pub fn config_map(&self, name: &ObjectName) -> Option<&Arc<ConfigMap>> {
        self.config_maps.get(name)
    }

    /// All ConfigMaps, in no particular order.
    pub fn config_maps(&self) -> impl Iterator<Item = &Arc<ConfigMap>> {
        self.config_maps.values()
    }

    /// The file of this name that has a certificate.
    pub fn certificate_file(&self, name: &str) -> Option<&Arc<CertificateFile>> {
        self.certificate_files.get(name)
    }

    /// All files that have a certificate, by name.
    pub fn certificate_files(&self) -> impl Iterator<Item = &Arc<CertificateFile>> {
        self.certificate_files.values()
    }

    /// The object that is meant, if it is there.
    pub fn get(&self, object: &ObjectRef) -> Option<Object> {
        let ObjectRef { kind, name } = object;
        match kind {
            ObjectKind::Ingress => self.ingress(name).cloned().map(Object::Ingress),
            ObjectKind::IngressClass => self.class(&name.name).cloned().map(Object::IngressClass),
            ObjectKind::Service => self.service(name).cloned().map(Object::Service),
            ObjectKind::EndpointSlice => self.slice(name).cloned().map(Object::EndpointSlice),
            ObjectKind::Secret => self.secret(name).cloned().map(Object::Secret),
            ObjectKind::ConfigMap => self.config_map(name).cloned().map(Object::ConfigMap),
            ObjectKind::File => self.certificate_file(&name.name).cloned().map(Object::CertificateFile),
        }
    }

    /// All objects, kind by kind. Classes come first: a class that arrives later makes translation look at all
    /// Ingresses again.
    pub fn iter(&self) -> impl Iterator<Item = Object> {
        let classes = self.classes().cloned().map(Object::IngressClass);
        let ingresses = self.ingresses().cloned().map(Object::Ingress);
        let services = self.services().cloned().map(Object::Service);
        let slices = self.slices().cloned().map(Object::EndpointSlice);
        let secrets = self.secrets().cloned().map(Object::Secret);
        let config_maps = self.config_maps().cloned().map(Object::ConfigMap);
        let files = self.certificate_files().cloned().map(Object::CertificateFile);
        classes.chain(ingresses).chain(services).chain(slices).chain(secrets).chain(config_maps).chain(files)
    }

    /// Whether a change would leave everything as it is.
    pub fn agree_with(&self, change: &Change) -> bool {
        self.get(change.object()).as_ref() == change.current()
    }

    /// Applies a change. A Secret or file that becomes unusable keeps its last usable certificate.
    pub fn apply(&mut self, change: Change) -> Applied<Object> {
        let (ObjectRef { kind, name }, new) = change.into_parts();
        match new {
            Some(Object::Ingress(new)) => set(self.ingresses.entry(name), new).map(Object::Ingress),
            Some(Object::IngressClass(new)) => self.set_class(new).map(Object::IngressClass),
            Some(Object::Service(new)) => set(self.services.entry(name), new).map(Object::Service),
            Some(Object::EndpointSlice(new)) => {
                let applied = set(self.slices.entry(name), Arc::clone(&new));
                if let Applied::Changed(old) = &applied {
                    self.join_slice(old.as_ref(), Some(new));
                }
                applied.map(Object::EndpointSlice)
            }
            Some(Object::Secret(new)) => {
                let new = self.with_last_good(new);
                set(self.secrets.entry(name), new).map(Object::Secret)
            }
            Some(Object::ConfigMap(new)) => set(self.config_maps.entry(name), new).map(Object::ConfigMap),
            Some(Object::CertificateFile(new)) => self.set_certificate_file(new).map(Object::CertificateFile),
            None => self.remove(kind, &name).map_or(Applied::AsBefore, |old| Applied::Changed(Some(old))),
        }
    }

    fn remove(&mut self, kind: ObjectKind, name: &ObjectName) -> Option<Object> {
        match kind {
            ObjectKind::Ingress => self.ingresses.remove(name).map(Object::Ingress),
            ObjectKind::IngressClass => self.classes.remove(&name.name).map(Object::IngressClass),
            ObjectKind::Service => self.services.remove(name).map(Object::Service),
            ObjectKind::EndpointSlice => {
                let old = self.slices.remove(name);
                self.join_slice(old.as_ref(), None);
                old.map(Object::EndpointSlice)
            }
            ObjectKind::Secret => self.secrets.remove(name).map(Object::Secret),
            ObjectKind::ConfigMap => self.config_maps.remove(name).map(Object::ConfigMap),
            ObjectKind::File => self.certificate_files.remove(&name.name).map(Object::CertificateFile),
        }
    }

    fn set_certificate_file(&mut self, mut new: Arc<CertificateFile>) -> Applied<Arc<CertificateFile>> {
        let old = self.certificate_files.get(&new.name);
        if new.certificate.is_err()
            && let Some(old) = old
        {
            Arc::make_mut(&mut new).last_good = old.usable().cloned();
        }
        if old == Some(&new) {
            return Applied::AsBefore;
        }
        Applied::Changed(self.certificate_files.insert(Arc::clone(&new.name), new))
    }

    fn set_class(&mut self, new: Arc<IngressClass>) -> Applied<Arc<IngressClass>> {
        if self.classes.get(&new.name) == Some(&new) {
            return Applied::AsBefore;
        }
        Applied::Changed(self.classes.insert(new.name.clone(), new))
    }

    fn join_slice(&mut self, old: Option<&Arc<EndpointSlice>>, new: Option<Arc<EndpointSlice>>) {
        let from = old.and_then(|old| Some((old, service_of(old)?)));
        let to = new.and_then(|new| service_of(&new).map(|service| (new, service)));
        if let Some((old, service)) = from
            && let Some(slices) = self.slices_of.get_mut(&service)
        {
            if let (Some((new, to)), Some(slice)) = (&to, slices.iter_mut().find(|slice| Arc::ptr_eq(slice, old)))
                && *to == service
            {
                *slice = Arc::clone(new);
                return;
            }
            slices.retain(|slice| !Arc::ptr_eq(slice, old));
            if slices.is_empty() {
                self.slices_of.remove(&service);
            }
        }
        if let Some((new, service)) = to {
            // Most Services have one slice, and a Vec that grows by itself begins with four.
            let slices = self.slices_of.entry(service).or_insert_with(|| Vec::with_capacity(1));
            let at = slices.partition_point(|slice| slice.name < new.name);
            slices.insert(at, new);
        }
    }

    fn with_last_good(&self, mut new: Arc<Secret>) -> Arc<Secret> {
        if new.certificate.is_err()
            && let Some(old) = self.secrets.get(&new.name)
        {
            let last_good = old.certificate.as_ref().ok().or(old.last_good.as_ref()).cloned();
            Arc::make_mut(&mut new).last_good = last_good;
        }
        new
    }
}

/// Sets an object, unless it is there as it is.
fn set<T: Eq>(place: Entry<'_, ObjectName, Arc<T>>, new: Arc<T>) -> Applied<Arc<T>> {
    match place {
        Entry::Occupied(old) if *old.get() == new => Applied::AsBefore,
        Entry::Occupied(mut old) => Applied::Changed(Some(old.insert(new))),
        Entry::Vacant(place) => {
            place.insert(new);
            Applied::Changed(None)
        }
    }
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectName> {
    Some(ObjectName::new(slice.name.namespace.clone(), slice.service.clone()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_removal_of_a_file_removes_no_object_of_its_name() {
        let name = ObjectName::new("", "a");
        let secret = Secret {
            name: name.clone(),
            certificate: Err(SecretFault::Missing("tls.crt")),
            last_good: None,
            authorities: None,
            lone_chain: None,
            clients: None,
            users: None,
            shared: None,
        };
        let mut objects = Objects::default();
        objects.apply(Change::arrival(secret.clone()));
        let removal = |kind| Change::removal(ObjectRef::new(kind, name.clone()));
        for kind in ObjectKind::OF_KUBERNETES.into_iter().chain([ObjectKind::File]) {
            if kind != ObjectKind::Secret {
                assert!(objects.agree_with(&removal(kind)));
                assert_eq!(objects.apply(removal(kind)), Applied::AsBefore);
            }
        }
        assert_eq!(objects.apply(removal(ObjectKind::Secret)), Applied::Changed(Some(secret.into())));
        assert_eq!(objects.iter().count(), 0);
    }
}
