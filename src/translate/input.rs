//! What translation reads, kept up to date one change at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{
    ExternalName, HostPattern, ObjectKind, ObjectName, ObjectRef, Problem, Replicas, Resolution, UnitKey,
};
use crate::source::objects::{Applied, CertificateFile, Change, EndpointSlice, Object, Objects, Service};

use super::annotations::{self, Scope};
use super::canaries::Canaries;
use super::files_by_host::{self, FilesByHost};
use super::index::Index;
use super::invalidated::Invalidated;
use super::lower::{Claim, Lowered, Named, RoutingObject};
use super::nginx_config::{self, Outcome};
use super::resolutions::Resolutions;
use super::rulers::Rulers;
use super::settings::Settings;
use super::stream_claims::{self, Streams};
use super::{address, classes, external_name, replicas, validity};

/// All objects, the index over them, and the settings. Only the functions of `apply` and `resolved` change them, and tell what must be
/// translated again.
#[derive(Clone, Debug, Default)]
pub struct Input {
    objects: Objects,
    index: Index,
    canaries: Canaries,
    files_by_host: FilesByHost,
    resolutions: Resolutions,
    streams: Streams,
    settings: Settings,
    replicas: Replicas,
    /// The settings without what the ConfigMap of another controller says, and what comes of it besides. `None`: there is none.
    nginx: Option<Box<NginxConfig>>,
}

/// What comes of the ConfigMap of another controller besides settings.
#[derive(Clone, Debug)]
struct NginxConfig {
    /// Without what it says.
    base: Settings,
    /// What is wrong with it.
    problems: Vec<Problem>,
    /// The ConfigMaps that it names.
    named: Vec<ObjectName>,
    /// Whether it has gone: what it said last is kept, as it may say whom to keep out.
    is_gone: bool,
}

impl Input {
    /// No objects yet.
    pub fn new(settings: Settings) -> Self {
        let objects = Objects::default();
        let Outcome { settings: of_map, problems, named } = nginx_config::apply(&settings, &objects);
        let has_map = settings.config_map().is_some();
        let nginx = has_map.then(|| Box::new(NginxConfig { base: settings, problems, named, is_gone: false }));
        let (index, canaries, resolutions) = (Index::default(), Canaries::default(), Resolutions::default());
        let (files_by_host, streams, replicas) = (FilesByHost::default(), Streams::default(), Replicas::default());
        Self { objects, index, canaries, files_by_host, resolutions, streams, settings: of_map, replicas, nginx }
    }

    /// The objects.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The replicas of this installation that are ready; none where `--self-service` is not given.
    pub fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// Drops what a change has that nobody asks for.
    pub fn reduce(&self, change: &mut Change) {
        change.reduce(self.settings.self_service.as_ref(), self.settings.shared_keys.as_ref());
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Who asks for which ports.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The files of certificates that name each host.
    pub(crate) fn files_by_host(&self) -> &FilesByHost {
        &self.files_by_host
    }

    /// Which canaries share requests with which Services.
    pub(crate) fn canaries(&self) -> &Canaries {
        &self.canaries
    }

    /// The same, to follow what has changed.
    pub(super) fn canaries_mut(&mut self) -> &mut Canaries {
        &mut self.canaries
    }

    pub(crate) fn rulers(&self) -> Rulers<'_> {
        let Self { index, objects, settings, .. } = self;
        Rulers { index, objects, settings }
    }

    /// Takes one change in and tells what it invalidates, without what follows for canaries.
    pub(super) fn change(&mut self, change: Change) -> Invalidated {
        let (object, new) = (change.object().clone(), change.current().cloned());
        // The ConfigMap of another controller is not removed: it may say whom to keep out, and that holds until it is there again.
        if let Some(nginx) = &mut self.nginx
            && object.kind == ObjectKind::ConfigMap
            && nginx.base.config_map() == Some(&object.name)
            && let Some(known) = self.objects.config_map(&object.name)
        {
            nginx.is_gone = new.is_none();
            let is_kept = new.as_ref().is_none_or(|new| *new == Object::ConfigMap(Arc::clone(known)));
            if is_kept {
                return self.config_map_changed(&object.name);
            }
        }
        let Applied::Changed(old) = self.objects.apply(change) else { return Invalidated::default() };
        match object.kind {
            ObjectKind::Ingress => self.ingress_changed(object, old, new),
            ObjectKind::IngressClass => self.class_changed(object),
            ObjectKind::Service => self.service_changed(object, old),
            ObjectKind::EndpointSlice => self.slice_changed(object, old),
            ObjectKind::Secret => {
                let mut invalidated = Invalidated::default();
                self.invalidate_secret(object, &mut invalidated);
                invalidated
            }
            ObjectKind::ConfigMap => {
                let mut invalidated = self.config_map_changed(&object.name);
                self.invalidate_users(&object, &mut invalidated);
                if self.settings.streams.names(&object.name) {
                    invalidated.object(object.clone());
                    self.streams_changed(&object, &mut invalidated);
                }
                invalidated
            }
            ObjectKind::File => self.certificate_file_changed(object, old),
        }
    }

    /// Moves the time at which certificates are judged, and tells what that invalidates, without what follows for canaries.
    pub(super) fn set_time(&mut self, now: i64) -> Invalidated {
        let before = std::mem::replace(&mut self.settings.now, now);
        if let Some(nginx) = &mut self.nginx {
            nginx.base.now = now;
        }
        let mut invalidated = Invalidated::default();
        for name in self.used_secrets() {
            let certificate = self.objects.secret(name).and_then(validity::usable);
            if certificate.is_some_and(|c| validity::validity(c, before) != validity::validity(c, now)) {
                self.invalidate_secret(ObjectRef::new(ObjectKind::Secret, name.clone()), &mut invalidated);
            }
        }
        for file in self.objects.certificate_files() {
            let certificate = file.usable();
            if certificate.is_some_and(|c| validity::validity(c, before) != validity::validity(c, now)) {
                let hosts = files_by_host::hosts_of(Some(file));
                self.invalidate_certificate_file(&file.name, hosts, &mut invalidated);
            }
        }
        invalidated
    }

    /// Whether it is ingress-nginx's ConfigMap, or that one names it.
    pub(super) fn is_named_by_settings(&self, config_map: &ObjectName) -> bool {
        self.nginx
            .as_ref()
            .is_some_and(|nginx| nginx.base.config_map() == Some(config_map) || nginx.named.contains(config_map))
    }

    /// What is wrong with a ConfigMap that options name.
    pub(crate) fn problems_of_config_map(&self, name: &ObjectName) -> Vec<Problem> {
        let nginx = self.nginx.as_ref().filter(|nginx| nginx.base.config_map() == Some(name));
        let mut problems = nginx.map(|nginx| nginx.problems.clone()).unwrap_or_default();
        if self.settings.streams.names(name) {
            problems.extend(stream_claims::problems_of_config_map(&self.settings, &self.objects, name));
        }
        problems
    }

    /// ingress-nginx's ConfigMap, and those that it names.
    pub(super) fn named_by_settings(&self) -> impl Iterator<Item = &ObjectName> {
        self.nginx.iter().flat_map(|nginx| nginx.base.config_map().into_iter().chain(&nginx.named))
    }

    /// What DNS says of this name, which a Service has; `None` before it has answered.
    pub fn resolution(&self, name: &ExternalName) -> Option<&Resolution> {
        self.resolutions.get(name)
    }

    /// Takes in what DNS says of a name, and tells what that invalidates.
    pub fn resolved(&mut self, name: &ExternalName, resolution: Resolution) -> Invalidated {
        let mut invalidated = Invalidated::default();
        let has_finding = |of: &Resolution| address::is_faulty_resolution(of, &self.settings);
        let has_new_finding = has_finding(&resolution);
        let Some(former) = self.resolutions.set(name, Some(resolution)) else { return invalidated };
        let findings_differ = has_new_finding || former.as_ref().is_some_and(has_finding);
        for service in self.resolutions.services(name) {
            invalidated.services.insert(service.clone());
            if findings_differ {
                let users = self.index.users(ObjectKind::Service, service);
                users.iter().for_each(|user| invalidated.object(user.reference()));
                invalidated.units.extend(self.streams.of_service(service).map(UnitKey::Stream));
                if self.is_default_backend(service) {
                    invalidated.hosts([HostPattern::Any]);
                }
            }
        }
        invalidated
    }

    /// Forgets what DNS said of a name that is not wanted any more: it will be out of date when it is wanted again.
    pub fn forget_name(&mut self, name: &ExternalName) {
        self.resolutions.set(name, None);
    }

    /// Whether this name has to be resolved: an object of ours or the settings use a Service that has it.
    pub fn wants_name(&self, name: &ExternalName) -> bool {
        self.resolutions.services(name).any(|service| {
            let mut users = self.index.users(ObjectKind::Service, service).iter();
            self.is_default_backend(service)
                || users.any(|user| user.is_ours(&self.objects, &self.settings))
                || self.streams.of_service(service).next().is_some()
        })
    }

    /// All names that have to be resolved. Looks at everything.
    pub fn wanted_names(&self) -> BTreeSet<ExternalName> {
        self.resolutions.names().filter(|name| self.wants_name(name)).cloned().collect()
    }

    /// The name that a Service has outside of the cluster, if that is to be resolved.
    pub fn external_name(&self, service: &ObjectName) -> Option<ExternalName> {
        if service.namespace.is_empty() {
            return external_name::name_of_url(service, &self.settings);
        }
        self.external_name_of(self.objects.service(service)?)
    }

    /// The same of any version of a Service.
    pub fn external_name_of(&self, service: &Service) -> Option<ExternalName> {
        external_name::name_of(service, &self.settings)
    }

    /// Every unit that can serve something or have findings, in no particular order.
    pub fn units(&self) -> impl Iterator<Item = UnitKey> {
        let object = |kind, name| UnitKey::Object(ObjectRef { kind, name });
        // Hosts that objects name too are there already.
        let of_files = self.files_by_host.hosts().filter(|host| self.index.claims(host).is_empty());
        let files = self.objects.certificate_files();
        let files = files.map(move |file| object(ObjectKind::File, ObjectName::new("", file.name.clone())));
        let any = self.index.claims(&HostPattern::Any).is_empty().then_some(HostPattern::Any);
        let hosts = self.index.hosts().chain(of_files).cloned().chain(any).map(|host| UnitKey::Host(host.into()));
        let ingresses = self.objects.ingresses().map(move |ingress| object(ObjectKind::Ingress, ingress.name.clone()));
        let classes = self
            .objects
            .classes()
            .map(move |class| object(ObjectKind::IngressClass, ObjectName::new("", class.name.clone())));
        let faulty = self.objects.slices().filter(|slice| address::is_faulty(slice, &self.settings));
        let slices = faulty.map(move |slice| object(ObjectKind::EndpointSlice, slice.name.clone()));
        let config_map = self.settings.config_map().into_iter();
        // One that is named twice is one unit.
        let of_streams: BTreeSet<_> = self.settings.streams.config_maps().map(|(name, _)| name).collect();
        let of_streams = of_streams.into_iter().filter(|name| self.settings.config_map() != Some(*name));
        let config_map = config_map.chain(of_streams).map(move |name| object(ObjectKind::ConfigMap, name.clone()));
        let services = self.index.annotated_services().map(move |name| object(ObjectKind::Service, name.clone()));
        let keys = self.settings.shared_keys.iter().map(move |name| object(ObjectKind::Secret, name.clone()));
        let files = files.chain(keys);
        let of_objects = ingresses.chain(classes).chain(slices).chain(config_map).chain(services).chain(files);
        let streams = self.streams.listeners().map(UnitKey::Stream);
        hosts.chain([UnitKey::DefaultCertificate]).chain(of_objects).chain(streams)
    }

    fn ingress_changed(&mut self, ingress: ObjectRef, old: Option<Object>, new: Option<Object>) -> Invalidated {
        let mut invalidated = Invalidated::default();
        let [old, new] = [old, new].map(|version| version.and_then(Object::into_ingress));
        let differ_in_status = old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| old.asks_the_same_as(new));
        let old = old.map(|old| self.index.lowered(RoutingObject::Ingress(old), &self.settings));
        let new = new.map(|new| RoutingObject::Ingress(new).lower(old.as_ref(), &self.settings));
        let wildcards: BTreeSet<_> = old.iter().chain(&new).flat_map(Lowered::wildcards).collect();
        let before: Vec<_> = wildcards.iter().map(|wildcard| self.rulers().above(wildcard)).collect();
        let named = self.index.replace(old.as_ref(), new.as_ref());
        new.iter().for_each(|new| self.canaries.expect(new));
        if differ_in_status {
            invalidated.statuses.insert(ingress.name);
            return invalidated;
        }
        self.follow_urls(&named);
        self.invalidate_claims(ingress, named, &mut invalidated);
        let differs = |(wildcard, before): &(_, _)| self.rulers().above(wildcard) != *before;
        let differing = wildcards.into_iter().zip(before).filter(differs).map(|(wildcard, _)| wildcard);
        self.invalidate_below(&differing.collect(), &mut invalidated);
        invalidated
    }

    /// What follows from a ConfigMap that is ingress-nginx's, or is named by it: new settings, and everything translated by them.
    fn config_map_changed(&mut self, name: &ObjectName) -> Invalidated {
        let mut invalidated = Invalidated::default();
        if !self.is_named_by_settings(name) {
            return invalidated;
        }
        let Some(nginx) = &mut self.nginx else { return invalidated };
        let Outcome { settings, mut problems, named } = nginx_config::apply(&nginx.base, &self.objects);
        problems.extend(Some(()).filter(|()| nginx.is_gone).and_then(|()| nginx_config::gone(&nginx.base)));
        let of_map = |name: &ObjectName| ObjectRef::new(ObjectKind::ConfigMap, name.clone());
        invalidated.named.extend(nginx.named.iter().chain(&named).map(of_map));
        if nginx.problems != problems {
            invalidated.units.extend(nginx.base.config_map().map(|name| UnitKey::Object(of_map(name))));
        }
        (nginx.problems, nginx.named) = (problems, named);
        if self.settings != settings {
            self.settings = settings;
            self.read_everything_anew(&mut invalidated);
        }
        invalidated
    }

    /// Reads all annotations again, and invalidates all that there was and is.
    fn read_everything_anew(&mut self, invalidated: &mut Invalidated) {
        invalidated.units.extend(self.units());
        let former = std::mem::take(&mut self.index);
        for ingress in self.objects.ingresses() {
            let lowered = RoutingObject::Ingress(ingress.clone()).lower(None, &self.settings);
            self.index.replace(None, Some(&lowered));
            self.canaries.expect(&lowered);
        }
        let annotated = self.objects.services().filter(|service| !service.annotations.is_empty());
        for service in annotated.cloned().collect::<Vec<_>>() {
            self.index.annotate(&service.name, read_service(&service, &self.settings));
            self.streams_changed(&ObjectRef::new(ObjectKind::Service, service.name.clone()), invalidated);
        }
        invalidated.units.extend(self.units());
        invalidated.named.extend(former.named_by_services().chain(self.index.named_by_services()).cloned());
        for kind in [ObjectKind::Secret, ObjectKind::ConfigMap] {
            let named = former.used(kind).chain(self.index.used(kind));
            invalidated.named.extend(named.map(|name| ObjectRef::new(kind, name.clone())));
        }
        let urls: BTreeSet<_> =
            former.used(ObjectKind::Service).chain(self.index.used(ObjectKind::Service)).cloned().collect();
        for name in urls {
            if let Some(host) = self.follow_url(&name) {
                invalidated.names.insert(host);
            }
        }
    }

    fn class_changed(&self, class: ObjectRef) -> Invalidated {
        let (mut invalidated, mut above) = (Invalidated::default(), BTreeSet::new());
        for ingress in self.objects.ingresses() {
            if classes::depends_on(ingress, &class.name.name, &self.settings) {
                let lowered = self.index.lowered(RoutingObject::Ingress(ingress.clone()), &self.settings);
                self.invalidate_claims(lowered.reference(), lowered.named(), &mut invalidated);
                above.extend(lowered.wildcards());
            }
        }
        self.invalidate_below(&above, &mut invalidated);
        invalidated.object(class);
        invalidated
    }

    fn service_changed(&mut self, service: ObjectRef, old: Option<Object>) -> Invalidated {
        let mut invalidated = Invalidated::default();
        let old = old.and_then(Object::into_service);
        let [former, new] = [old.as_ref(), self.objects.service(&service.name)]
            .map(|version| version.and_then(|version| external_name::name_of(version, &self.settings)));
        let current = self.objects.service(&service.name);
        let annotations_of = |version: Option<&Arc<Service>>| version.map(|version| version.annotations.clone());
        // Who was made anew is younger than others that ask for the same port.
        let is_made_anew = old.as_ref().map(|old| old.created) != current.map(|current| current.created);
        let annotations = annotations_of(current).unwrap_or_default();
        if annotations_of(old.as_ref()).unwrap_or_default() != annotations || is_made_anew && !annotations.is_empty() {
            let read = current.map(|current| read_service(current, &self.settings));
            invalidated.named.extend(self.index.annotate(&service.name, read.unwrap_or_default()));
            invalidated.object(service.clone());
            self.streams_changed(&service, &mut invalidated);
        }
        if former != new {
            self.resolutions.rename(&service.name, former.as_ref(), new.as_ref());
            invalidated.names.extend(former.into_iter().chain(new));
        }
        self.invalidate_users_of_service(&service.name, &mut invalidated);
        invalidated.services.insert(service.name);
        invalidated
    }

    fn slice_changed(&mut self, slice: ObjectRef, old: Option<Object>) -> Invalidated {
        let mut invalidated = Invalidated::default();
        let old = old.and_then(Object::into_endpoint_slice);
        let versions = || old.iter().chain(self.objects.slice(&slice.name));
        let service_of = |version: &EndpointSlice| {
            version.service.clone().map(|service| ObjectName::new(slice.name.namespace.clone(), service))
        };
        // Only a slice with faults is reported on the objects that route to its Service.
        let faulty = versions().filter(|version| address::is_faulty(version, &self.settings));
        for service in faulty.filter_map(|version| service_of(version)) {
            for user in self.index.users(ObjectKind::Service, &service) {
                invalidated.object(user.reference());
            }
        }
        invalidated.services.extend(versions().filter_map(|version| service_of(version)));
        let own = self.settings.self_service.clone();
        let own = own.filter(|own| versions().any(|version| replicas::is_of(version, own)));
        invalidated.object(slice);
        if let Some(own) = own {
            self.follow_replicas(&own, &mut invalidated);
        }
        invalidated
    }

    /// What follows from another number of replicas: limits that are divided among them.
    fn follow_replicas(&mut self, own: &ObjectName, invalidated: &mut Invalidated) {
        self.replicas = replicas::replicas(&self.objects, own);
        let divisor = self.replicas.divisor();
        if std::mem::replace(&mut self.settings.replicas, divisor) == divisor {
            return;
        }
        let mut of_settings = None;
        if let Some(nginx) = &mut self.nginx {
            nginx.base.replicas = divisor;
            of_settings = nginx.base.config_map().cloned();
        }
        if let Some(config_map) = of_settings {
            invalidated.extend(self.config_map_changed(&config_map));
        }
        let divides = |claim: &Claim| claim.by.options().divides();
        let hosts = self.index.hosts().filter(|host| self.index.claims(host).iter().any(divides));
        invalidated.hosts(hosts.cloned());
        let options_of = |service: &&ObjectName| self.index.annotations_of(service).map(annotations::Parsed::options);
        let services = self.index.annotated_services();
        for service in services.filter(|service| options_of(service).is_some_and(|options| options.divides())) {
            self.invalidate_users_of_service(service, invalidated);
        }
    }

    /// What an object asks for beside HTTP may have changed.
    fn streams_changed(&mut self, object: &ObjectRef, invalidated: &mut Invalidated) {
        let annotations = self.index.annotations_of(&object.name);
        let claims = stream_claims::of(object, &self.settings, &self.objects, annotations);
        let (listeners, services) = self.streams.replace(object, claims);
        invalidated.units.extend(listeners.into_iter().map(UnitKey::Stream));
        for service in services {
            invalidated.names.extend(self.external_name(&service));
            self.invalidate_faulty_slices(&service, invalidated);
            // Findings about its annotations depend on whether anything leads to it.
            if self.index.annotations_of(&service).is_some() {
                invalidated.object(ObjectRef::new(ObjectKind::Service, service));
            }
        }
    }

    /// The findings about slices of a Service, which depend on whether anything leads to it.
    fn invalidate_faulty_slices(&self, service: &ObjectName, invalidated: &mut Invalidated) {
        let faulty = |slice: &&Arc<EndpointSlice>| address::is_faulty(slice, &self.settings);
        for slice in self.objects.slices_of(service).filter(faulty) {
            invalidated.object(ObjectRef { kind: ObjectKind::EndpointSlice, name: slice.name.clone() });
        }
    }

    /// All that depends on whether and how an object that claims hosts is served.
    fn invalidate_claims(&self, object: ObjectRef, named: Named, invalidated: &mut Invalidated) {
        let Named { hosts, references } = named;
        invalidated.hosts(self.index.with_aliases(hosts));
        invalidated.object(object);
        for ObjectRef { kind, name } in references {
            match kind {
                ObjectKind::Secret | ObjectKind::ConfigMap => _ = invalidated.named.insert(ObjectRef { kind, name }),
                ObjectKind::Service => {
                    if let Some(annotations) = self.index.annotations_of(&name) {
                        invalidated.named.extend(annotations.references().iter().cloned());
                        invalidated.object(ObjectRef::new(ObjectKind::Service, name.clone()));
                    }
                    invalidated.names.extend(self.external_name(&name));
                    self.invalidate_faulty_slices(&name, invalidated);
                }
                ObjectKind::Ingress | ObjectKind::IngressClass | ObjectKind::EndpointSlice | ObjectKind::File => {}
            }
        }
    }

    /// Hosts that URLs of annotations name are resolved for as long as an object names them.
    fn follow_urls(&mut self, named: &Named) {
        for ObjectRef { kind: _, name } in named.references.iter().filter(|object| object.kind == ObjectKind::Service) {
            self.follow_url(name);
        }
    }

    /// The same of one. Returns the name that it is resolved by.
    fn follow_url(&mut self, name: &ObjectName) -> Option<ExternalName> {
        let host = external_name::name_of_url(name, &self.settings)?;
        if self.index.users(ObjectKind::Service, name).is_empty() {
            self.resolutions.rename(name, Some(&host), None);
        } else {
            self.resolutions.rename(name, None, Some(&host));
        }
        Some(host)
    }

    /// The hosts below these wildcards that depend on who has rules for the wildcard.
    fn invalidate_below(&self, wildcards: &BTreeSet<HostPattern>, invalidated: &mut Invalidated) {
        let below = self.index.below(wildcards).into_iter();
        invalidated.hosts(below.filter(|host| self.rulers().depend_on_wildcard(host)));
    }

    /// All that depends on an object through those that refer to it.
    fn invalidate_users(&self, used: &ObjectRef, invalidated: &mut Invalidated) {
        for user in self.index.users(used.kind, &used.name) {
            invalidated.hosts(self.index.with_aliases(user.hosts_using(used)));
            invalidated.object(user.reference());
        }
        for service in self.index.services_naming(used) {
            self.invalidate_users_of_service(service, invalidated);
        }
    }

    /// All that leads to a Service: routes, ports of streams, and what takes requests that nothing else takes.
    fn invalidate_users_of_service(&self, service: &ObjectName, invalidated: &mut Invalidated) {
        self.invalidate_users(&ObjectRef::new(ObjectKind::Service, service.clone()), invalidated);
        invalidated.units.extend(self.streams.of_service(service).map(UnitKey::Stream));
        if self.is_default_backend(service) {
            let falls_back = |claim: &Claim| claim.by.options().rare().is_some_and(|rare| rare.errors.falls_back());
            let hosts = self.index.hosts().filter(|host| self.index.claims(host).iter().any(falls_back));
            invalidated.hosts([HostPattern::Any].into_iter().chain(hosts.cloned()));
        }
    }

    fn invalidate_secret(&self, secret: ObjectRef, invalidated: &mut Invalidated) {
        self.invalidate_users(&secret, invalidated);
        if self.settings.default_certificate.as_ref() == Some(&secret.name) {
            invalidated.units.insert(UnitKey::DefaultCertificate);
        }
        if self.settings.shared_keys.as_ref() == Some(&secret.name) {
            invalidated.object(secret);
        }
    }

    fn certificate_file_changed(&mut self, file: ObjectRef, old: Option<Object>) -> Invalidated {
        let (mut invalidated, name) = (Invalidated::default(), &file.name.name);
        let (old, new) = (old.and_then(Object::into_certificate_file), self.objects.certificate_file(name));
        let hosts = self.files_by_host.replace(name, old.as_deref(), new.map(|new| &**new));
        self.invalidate_certificate_file(name, hosts, &mut invalidated);
        invalidated
    }

    fn invalidate_certificate_file(
        &self,
        name: &Arc<str>,
        hosts: BTreeSet<HostPattern>,
        invalidated: &mut Invalidated,
    ) {
        // Hosts below a wildcard get its certificate where their own TLS entries have none.
        let wildcards = hosts.iter().filter(|host| matches!(host, HostPattern::Wildcard { .. })).cloned().collect();
        invalidated.hosts(self.index.below(&wildcards));
        invalidated.hosts(hosts);
        invalidated.object(ObjectRef::new(ObjectKind::File, ObjectName::new("", Arc::clone(name))));
        if **name == *CertificateFile::DEFAULT {
            invalidated.units.insert(UnitKey::DefaultCertificate);
        }
    }

    /// Whether the Service is that of `--default-backend`.
    pub(crate) fn is_default_backend(&self, service: &ObjectName) -> bool {
        self.settings.default_backend.as_ref().is_some_and(|(name, _)| name == service)
    }
}

/// The annotations of a Service, read.
fn read_service(service: &Service, settings: &Settings) -> annotations::Parsed {
    annotations::read(&settings.dialects, Scope::Service, &service.name, &service.annotations)
}
