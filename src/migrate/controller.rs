//! The installations of ingress-nginx: workloads that run its controller, with their flags and image.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::manifests::Written;

use super::fields::{self, Named};

/// The class that the controller serves when nothing else is said.
pub(super) const CLASS: &str = "nginx";
/// The `spec.controller` of its classes when nothing else is said.
pub(super) const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// Flags that take no value behind a blank.
const SWITCHES: [&str; 27] = [
    "deep-inspect",
    "disable-catch-all",
    "disable-full-test",
    "disable-leader-election",
    "disable-svc-external-name",
    "disable-sync-events",
    "enable-annotation-validation",
    "enable-metrics",
    "enable-ssl-chain-completion",
    "enable-ssl-passthrough",
    "enable-topology-aware-routing",
    "exclude-socket-metrics",
    "ingress-class-by-name",
    "logtostderr",
    "maxmind-mirror",
    "metrics-per-host",
    "metrics-per-undefined-host",
    "profiling",
    "report-node-internal-ip-address",
    "report-status-classes",
    "skip_headers",
    "skip-headers",
    "update-status",
    "update-status-on-shutdown",
    "version",
    "watch-ingress-without-class",
    "alsologtostderr",
];

/// A workload that runs the controller.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// `Deployment` or `DaemonSet`.
    pub(super) kind: String,
    /// Its name.
    pub(super) name: Named,
    /// Tag of its image; empty where there is none.
    pub(super) version: String,
    /// `spec.replicas`; `None` for a DaemonSet, or where it is not given.
    pub(super) replicas: Option<u64>,
    /// Its flags without the dashes, the last of equal ones.
    pub(super) flags: BTreeMap<String, String>,
    /// Labels of its pods.
    pub(super) labels: BTreeMap<String, String>,
    /// `spec.template.spec`.
    pub(super) pod: Value,
    /// The container's `ports`.
    pub(super) ports: Vec<Value>,
}

impl Controller {
    /// What a flag says; empty is nothing.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The class by annotation, `--ingress-class`.
    pub(super) fn class(&self) -> &str {
        self.flag("ingress-class").unwrap_or(CLASS)
    }

    /// The `spec.controller` of its classes, `--controller-class`.
    pub(super) fn controller(&self) -> &str {
        self.flag("controller-class").unwrap_or(CONTROLLER)
    }

    /// The object that a flag names as `NAMESPACE/NAME`, with `$(POD_NAMESPACE)` for its own.
    pub(super) fn named_by(&self, flag: &str) -> Option<Named> {
        let text = self.flag(flag)?.replace("$(POD_NAMESPACE)", &self.name.namespace);
        let (namespace, name) = text.split_once('/')?;
        Named::new(namespace, name)
    }
}

/// All workloads that run the controller, by namespace and name.
pub(super) fn controllers(objects: &[Written]) -> Vec<Controller> {
    let mut found: Vec<_> = objects.iter().filter_map(controller).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Whether a kind may be such a workload.
pub(super) fn is_workload(version: &str, kind: &str) -> bool {
    matches!(version, "apps/v1" | "apps/v1beta1" | "apps/v1beta2" | "extensions/v1beta1")
        && matches!(kind, "Deployment" | "DaemonSet")
}

fn controller(object: &Written) -> Option<Controller> {
    if !is_workload(&object.version, &object.kind) {
        return None;
    }
    let name = fields::name_of(&object.value)?;
    let pod = object.value.pointer("/spec/template/spec")?;
    let containers = pod.get("containers")?.as_array()?;
    let container = containers.iter().find(|container| is_controller(container))?;
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let words: Vec<&str> = words(container).collect();
    Some(Controller {
        kind: object.kind.clone(),
        name,
        version: tag(image).to_owned(),
        replicas: object
            .value
            .pointer("/spec/replicas")
            .and_then(Value::as_u64)
            .filter(|_| object.kind == "Deployment"),
        flags: flags(&words),
        labels: fields::texts(object.value.pointer("/spec/template/metadata/labels")),
        pod: pod.clone(),
        ports: container.get("ports").and_then(Value::as_array).cloned().unwrap_or_default(),
    })
}

/// `command` and `args` of a container.
fn words(container: &Value) -> impl Iterator<Item = &str> {
    let lists = ["command", "args"].into_iter().filter_map(|field| container.get(field)?.as_array());
    lists.flatten().filter_map(Value::as_str)
}

/// By its program, or by its image and a flag that only the controller has: the same image also runs webhook jobs.
fn is_controller(container: &Value) -> bool {
    let mut words = words(container);
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let is_image = image.contains("ingress-nginx/controller") || image.contains("nginx-ingress-controller");
    words.any(|word| {
        let flag = word.trim_start_matches('-').split('=').next().unwrap_or_default();
        let is_flag = word.starts_with("--");
        word.rsplit('/').next() == Some("nginx-ingress-controller") && !is_flag
            || is_flag && is_image && matches!(flag, "configmap" | "election-id" | "ingress-class" | "controller-class")
    })
}

/// The tag of an image; empty when it has none.
fn tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').map_or("", |(_, tag)| tag)
}

/// `--name=value`, `--name value` and `--name`.
fn flags(words: &[&str]) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|flag| !flag.is_empty())
        else {
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None if SWITCHES.contains(&flag) => (flag, "true".to_owned()),
            None => (flag, words.next_if(|next| !next.starts_with('-')).map(ToString::to_string).unwrap_or_default()),
        };
        flags.insert(name.to_owned(), value);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_every_form() {
        let flags = flags(&[
            "/nginx-ingress-controller",
            "--configmap=$(POD_NAMESPACE)/nginx",
            "--enable-metrics",
            "--watch-namespace",
            "shop",
            "-v=2",
            "--election-id",
            "--x=a=b",
            "-",
        ]);
        let flags: Vec<_> = flags.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("configmap", "$(POD_NAMESPACE)/nginx"),
            ("election-id", ""),
            ("enable-metrics", "true"),
            ("v", "2"),
            ("watch-namespace", "shop"),
            ("x", "a=b"),
        ];
        assert_eq!(flags, expected);
    }

    #[test]
    fn versions_are_the_tags_of_images() {
        for (image, expected) in [
            ("registry.k8s.io/ingress-nginx/controller:v1.11.2@sha256:00", "v1.11.2"),
            ("localhost:5000/controller", ""),
            ("localhost:5000/controller:1.2", "1.2"),
            ("", ""),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
