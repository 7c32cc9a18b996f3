//! What moving from ingress-nginx comes to: objects in, a report, values of Tidegate's chart and converted manifests out.
//!
//! Pure: nothing is read or written here. How an Ingress fares is what translation finds about it, as `tidegate check` shows it.
//! What is known of ingress-nginx besides its annotations is in two tables: `keys` for the controller's ConfigMap and `flags`.

mod controller;
mod diff;
mod document;
mod edited;
mod fields;
mod flags;
mod installation;
mod keys;
mod manifests;
mod markdown;
mod plan;
mod report;
mod setting;
mod terminal;
mod values;
mod verdicts;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::model::{ObjectKind, ObjectName, ObjectRef, PortRef, Problem, ProblemCode, RoutePolicy};
use crate::source::manifests::{Loaded, Written};
use crate::source::objects::{Change, Object};
use crate::translate::annotations::{Choices, Dialects, MissingWaf, Snippets};
use crate::translate::{self, ExternalNames, Input, Profile, Settings};

use controller::{Controller, controllers};
use fields::Named;
use installation::{Moved, Surroundings};
use plan::Entry;
use report::{Class, Installation, Score};
use verdicts::{Judged, Unread};
use words::{count, plain};

pub use document::document;
pub use installation::Stream;
pub use manifests::Conversion;
pub use markdown::markdown;
pub use report::{AnnotationTotal, Finding, IngressReport, OtherFinding, Report, Verdict};
pub use setting::{Outcome, Setting};
pub use terminal::terminal;

/// Label selector of what ingress-nginx is installed as.
pub const SELECTOR: &str = "app.kubernetes.io/name=ingress-nginx";
/// Longest body that the profile lets through. Bytes.
const PROFILE_BODY: u64 = 1 << 20;

/// Where the objects come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Manifests.
    Manifests,
    /// A cluster, whose API server validates objects and gives Ingresses the default class.
    Cluster,
}

/// What was read.
#[derive(Debug)]
pub struct Found {
    /// Objects that are translated, and findings of reading.
    pub loaded: Loaded,
    /// Objects that [`is_wanted`] picks out, as they are written.
    pub written: Vec<Written>,
    /// Kinds of which all objects were read, so that one that is not among them does not exist.
    pub listed: BTreeSet<ObjectKind>,
    /// What could not be read, in words.
    pub unread: Vec<String>,
    /// Where from.
    pub origin: Origin,
}

/// What is asked for beside the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The class to move; that of the installation if `None`.
    pub class: Option<String>,
    /// The `spec.controller` of the classes to move.
    pub controller: Option<String>,
    /// What becomes of snippets; as `allow-snippet-annotations` says if `None`.
    pub snippets: Option<Snippets>,
    /// What becomes of requests that ModSecurity was to inspect.
    pub waf: MissingWaf,
}

/// All that comes of it.
#[derive(Debug)]
pub struct Examined {
    /// The report.
    pub report: Report,
    /// `values.yaml` for Tidegate's chart.
    pub values: String,
    /// Ingresses of former versions in that of today.
    pub conversions: Vec<Conversion>,
}

/// Whether objects of this `apiVersion` and `kind` are looked at as they are written.
pub fn is_wanted(version: &str, kind: &str) -> bool {
    match kind {
        "ConfigMap" | "Service" => version == "v1",
        "IngressClass" => version.starts_with("networking.k8s.io/"),
        "Ingress" => matches!(version, "extensions/v1beta1" | "networking.k8s.io/v1beta1"),
        "HorizontalPodAutoscaler" => matches!(version, "autoscaling/v2" | "autoscaling/v2beta2"),
        kind => controller::is_workload(version, kind),
    }
}

/// A ConfigMap that a controller's flags name: namespace and name.
pub fn config_maps(written: &[Written]) -> Vec<(String, String)> {
    let flags = ["configmap", "tcp-services-configmap", "udp-services-configmap"];
    let all = controllers(written);
    let named = all.iter().flat_map(|controller| flags.map(|flag| controller.named_by(flag))).flatten();
    let named: BTreeSet<_> = named.map(|Named { namespace, name }| (namespace, name)).collect();
    named.into_iter().collect()
}

/// The namespaces of workloads that run ingress-nginx.
pub fn namespaces(written: &[Written]) -> BTreeSet<String> {
    controllers(written).into_iter().map(|controller| controller.name.namespace).collect()
}

/// Whether one of these objects runs ingress-nginx.
pub fn has_controller(written: &[Written]) -> bool {
    !controllers(written).is_empty()
}

/// Judges all that was read. `now` is the time at which certificates are judged, in seconds since the Unix epoch.
pub fn examine(found: Found, wishes: &Wishes, now: i64) -> Examined {
    let Found { loaded, written, listed, unread, origin } = found;
    let all = controllers(&written);
    let (controller, class, controller_class) = choose(&all, &loaded, wishes);
    let around = Surroundings { objects: &written, class: &class, controller_class: &controller_class };
    let mut moved = installation::moved(&around, controller, wishes);
    let kinds: BTreeSet<ObjectKind> = loaded.changes.iter().map(|change| change.object().kind).chain(listed).collect();
    let is_unread = |kind: ObjectKind| !kinds.contains(&kind);
    let missing = Unread {
        services: is_unread(ObjectKind::Service),
        secrets: is_unread(ObjectKind::Secret),
        config_maps: is_unread(ObjectKind::ConfigMap),
        // ingress-nginx ignores the annotation without this flag.
        passthrough: controller
            .is_some_and(|controller| controller.flag("enable-ssl-passthrough").is_none_or(|flag| flag == "false")),
    };
    let Loaded { mut changes, problems } = loaded;
    changes.extend(moved.followed.clone().map(Change::arrival));
    let settings = Settings {
        class: Arc::from(&*class),
        controller: Arc::from(&*controller_class),
        class_lookup: kinds.contains(&ObjectKind::IngressClass),
        default_class_applies: origin == Origin::Manifests,
        now,
        ..settings(&moved, wishes, &missing)
    };
    let problems = problems_of_source(problems, origin);
    let old = manifests::old_versions(&written);
    // Whether it would be better with snippets translated is asked only where somebody has any.
    let is_refused = settings.dialects == dialects(Snippets::Refused, wishes);
    let retry = (is_refused && wishes.snippets.is_none() && has_snippets(&changes)).then(|| {
        let settings = Settings { dialects: dialects(Snippets::Translated, wishes), ..settings.clone() };
        (settings, changes.clone())
    });
    let input = input(settings, changes);
    moved.values.extend(config_map_names(&input));
    let judged = verdicts::judge(&input, &problems, &missing, &old);
    if let Some((settings, changes)) = retry {
        let better = verdicts::judge(&self::input(settings, changes), &problems, &missing, &old);
        moved.notes.extend(better_with_snippets(&judged, &better));
    }
    let is_moved = |name: &Named| {
        let ingress = input.objects().ingress(&ObjectName::new(&*name.namespace, &*name.name));
        ingress.is_some_and(|ingress| translate::is_ours(&input, ingress))
    };
    let (conversions, too_long) = manifests::conversions(&written, &is_moved);
    let mut notes = unread;
    notes.extend(notes_of(&judged, &all, controller, origin));
    notes.append(&mut moved.notes);
    notes.extend(too_long);
    let values = values::text(&head(controller), &moved.values);
    let report =
        report(judged, moved, controller, Class { name: plain(&class), controller: plain(&controller_class) }, notes);
    Examined { report, values, conversions }
}

/// The difference that [`Examined`] makes: each converted Ingress against what was read, and the values. `folder` is where they
/// would be written. Nothing in it steers a terminal.
pub fn difference(examined: &Examined, folder: &str) -> String {
    let mut text = String::new();
    for Conversion { file, place, before, after } in &examined.conversions {
        text.push_str(&diff::unified(place, &format!("{folder}/{INGRESSES}/{file}"), before, after));
    }
    text.push_str(&diff::unified("/dev/null", &format!("{folder}/{VALUES}"), "", &examined.values));
    text.split('\n').map(words::sentence).collect::<Vec<_>>().join("\n")
}

fn input(settings: Settings, changes: Vec<Change>) -> Input {
    let mut input = Input::new(settings);
    input.apply_all(changes);
    input
}

fn dialects(snippets: Snippets, wishes: &Wishes) -> Dialects {
    Dialects::default().with(Choices { snippets, waf: wishes.waf })
}

fn has_snippets(changes: &[Change]) -> bool {
    let ingresses = changes.iter().filter_map(Change::current).filter_map(|object| match object {
        Object::Ingress(ingress) => Some(ingress),
        Object::IngressClass(_)
        | Object::Service(_)
        | Object::EndpointSlice(_)
        | Object::Secret(_)
        | Object::ConfigMap(_)
        | Object::CertificateFile(_) => None,
    });
    let mut keys = ingresses.flat_map(|ingress| ingress.annotations.iter()).map(|(key, _)| key);
    keys.any(|key| key.ends_with("-snippet"))
}

/// What translating snippets would change.
fn better_with_snippets(now: &Judged, then: &Judged) -> Option<String> {
    let works = |judged: &Judged| judged.ingresses.iter().filter(|ingress| ingress.verdict == Verdict::Works).count();
    let (now, better) = (works(now), works(then));
    (better > now).then(|| {
        format!(
            "With snippets translated to filters (nginxSnippets: translate, here --nginx-snippets translate) {better} work \
             unchanged instead of {now}"
        )
    })
}

/// Name of the file of values.
pub const VALUES: &str = "values.yaml";
/// Name of the folder of converted Ingresses.
pub const INGRESSES: &str = "ingresses";

/// What reading found. An API server has validated its objects: what we do not know of them is newer than we are.
fn problems_of_source(problems: Vec<Problem>, origin: Origin) -> Vec<Problem> {
    let is_told = |problem: &Problem| origin == Origin::Manifests || problem.code != ProblemCode::InvalidField;
    problems.into_iter().filter(is_told).collect()
}

/// The installation that is moved, with its class and controller: what is wished for, or the one with the most Ingresses.
fn choose<'a>(all: &'a [Controller], loaded: &Loaded, wishes: &Wishes) -> (Option<&'a Controller>, String, String) {
    let mut of_class: BTreeMap<&str, usize> = BTreeMap::new();
    let mut controllers: BTreeMap<&str, &str> = BTreeMap::new();
    for object in loaded.changes.iter().filter_map(Change::current) {
        match object {
            Object::Ingress(ingress) => {
                *of_class.entry(translate::asked_class(ingress).unwrap_or_default()).or_default() += 1;
            }
            Object::IngressClass(class) => {
                controllers.insert(&class.name, &class.controller);
            }
            Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::Secret(_)
            | Object::ConfigMap(_)
            | Object::CertificateFile(_) => {}
        }
    }
    let serves = |controller: &Controller, class: &str| match controllers.get(class) {
        Some(name) => *name == controller.controller(),
        None => class == controller.class(),
    };
    let wished = all.iter().filter(|controller| {
        wishes.class.as_ref().is_none_or(|class| serves(controller, class))
            && wishes.controller.as_ref().is_none_or(|name| name == controller.controller())
    });
    let used = |controller: &&Controller| -> usize {
        of_class.iter().filter(|(class, _)| serves(controller, class)).map(|(_, number)| number).sum()
    };
    // The first of those with the most.
    let chosen = wished.rev().max_by_key(used);
    let (class, controller) = installation::class_of(chosen);
    let class = wishes.class.clone().unwrap_or(class);
    let controller = wishes.controller.clone().unwrap_or_else(|| match controllers.get(&*class) {
        Some(name) if chosen.is_none() => (*name).to_owned(),
        Some(_) | None => controller,
    });
    // A class with another name than the flag's, if there is only one of this controller.
    let mut names = controllers.iter().filter(|(_, name)| **name == controller).map(|(class, _)| *class);
    let class =
        match (wishes.class.is_none() && controllers.get(&*class) != Some(&&*controller), names.next(), names.next()) {
            (true, Some(only), None) => only.to_owned(),
            _ => class,
        };
    (chosen, class, controller)
}

/// The settings that translation has with the values.
fn settings(moved: &Moved, wishes: &Wishes, missing: &Unread) -> Settings {
    let value = |path: &str| moved.values.iter().find(|entry| entry.path == path).map(|entry| &entry.value);
    let is_set = |path: &str, default: bool| value(path).and_then(Value::as_bool).unwrap_or(default);
    let text = |path: &str| value(path).and_then(Value::as_str);
    let object = |text: &str| text.split_once('/').map(|(namespace, name)| ObjectName::new(namespace, name));
    let backend = text("defaultBackend").filter(|_| !missing.services).and_then(|text| {
        let (name, port) = text.split_once(':')?;
        Some((object(name)?, PortRef::Number(port.parse().ok()?)))
    });
    let snippets = match text("nginxSnippets") {
        Some("translate") => Snippets::Translated,
        Some(_) | None => Snippets::Refused,
    };
    Settings {
        nginx_config_map: moved.followed.as_ref().map(|map| map.name.clone()),
        serve_classless: is_set("watch.ingressWithoutClass", false),
        default_certificate: text("defaultCertificate").and_then(object),
        default_backend: backend,
        dialects: dialects(snippets, wishes),
        profile: Profile::IngressNginx,
        ssl_redirect: is_set("sslRedirect", true),
        policy: Arc::new(RoutePolicy { body_bytes: Some(PROFILE_BODY), ..RoutePolicy::default() }),
        external_names: if is_set("externalName", true) { ExternalNames::Resolved } else { ExternalNames::Off },
        ..Settings::default()
    }
}

/// The ConfigMaps that annotations and keys name: the process reads none but those that the values list.
fn config_map_names(input: &Input) -> Option<Entry> {
    let mut names: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for ObjectRef { kind, name } in input.followed() {
        if kind == ObjectKind::ConfigMap && input.settings().nginx_config_map.as_ref() != Some(&name) {
            names.entry(name.namespace).or_default().push(name.name);
        }
    }
    let comment = "those that annotations and keys of the ConfigMap name".to_owned();
    (!names.is_empty()).then(|| Entry { path: "configMaps.names", value: serde_json::json!(names), comment })
}

/// What the values begin with.
fn head(controller: Option<&Controller>) -> String {
    let of = controller.map_or_else(
        || "No workload of ingress-nginx was found, so these are the class and the profile alone.".to_owned(),
        |controller| format!("They stand for {} {} of ingress-nginx.", controller.kind, controller.name),
    );
    format!(
        "Values of Tidegate's Helm chart, written by tidegate migrate. Read them before you use them.\n{of}\n\
         Tidegate takes over the class with them. To run it beside ingress-nginx first: docs/migrate-from-ingress-nginx.md"
    )
}

/// What is to be told about what was read, beside the findings.
fn notes_of(judged: &Judged, all: &[Controller], chosen: Option<&Controller>, origin: Origin) -> Vec<String> {
    let mut notes = Vec::new();
    let place = match origin {
        Origin::Manifests => "in the manifests",
        Origin::Cluster => "in the cluster",
    };
    if chosen.is_none() {
        notes.push(format!(
            "No workload of ingress-nginx was found {place}: flags, ConfigMaps and the Service of the controller are not in this report"
        ));
    }
    for other in all.iter().filter(|other| chosen.is_none_or(|chosen| chosen.name != other.name)) {
        notes.push(format!(
            "{} {} runs ingress-nginx too, for class {}: ask for it with --ingress-class",
            other.kind,
            other.name,
            plain(other.class())
        ));
    }
    for (kind, number) in &judged.unchecked {
        let what = count(*number, "reference was", "references were");
        let (name, more) = match (kind, origin) {
            (ObjectKind::ConfigMap, _) => ("ConfigMaps that annotations name", ""),
            (ObjectKind::Secret, Origin::Cluster) => ("Secrets", "; --read-secrets reads them"),
            (ObjectKind::Secret, Origin::Manifests) => ("Secrets", ""),
            _ => ("Services", ""),
        };
        notes.push(format!("No {name} were read, so {what} not checked{more}"));
    }
    if !judged.left_out.is_empty() {
        let classes: Vec<String> = judged
            .left_out
            .iter()
            .map(|(class, number)| format!("{} ({number})", if class.is_empty() { "none" } else { class.as_str() }))
            .collect();
        let number = judged.left_out.values().sum();
        notes.push(format!(
            "{} of other classes left out: {}",
            count(number, "Ingress", "Ingresses"),
            some(&classes, 5)
        ));
    }
    notes
}

/// The first of them, and how many more there are.
fn some(items: &[String], most: usize) -> String {
    let shown = items.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn report(judged: Judged, moved: Moved, controller: Option<&Controller>, class: Class, notes: Vec<String>) -> Report {
    let number = |verdict: Verdict| judged.ingresses.iter().filter(|ingress| ingress.verdict == verdict).count();
    let (ingresses, works) = (judged.ingresses.len(), number(Verdict::Works));
    Report {
        score: Score {
            ingresses,
            works,
            differs: number(Verdict::Differs),
            refused: number(Verdict::Refused),
            closed: number(Verdict::Closed),
            percent: (works * 100).checked_div(ingresses).unwrap_or(100),
        },
        class,
        installation: controller.map(|controller| Installation {
            kind: controller.kind.clone(),
            namespace: controller.name.namespace.clone(),
            name: controller.name.name.clone(),
            version: plain(&controller.version),
            replicas: controller.replicas,
            service: moved.service.as_ref().map(ToString::to_string),
        }),
        ingresses: judged.ingresses,
        annotations: judged.annotations,
        config_map: moved.keys,
        flags: moved.flags,
        streams: moved.streams,
        others: judged.others,
        notes: notes.iter().map(|note| words::sentence(note)).collect(),
    }
}
