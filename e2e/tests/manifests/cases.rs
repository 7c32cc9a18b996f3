//! Reads e2e/manifests: Kubernetes objects as people write them, and behind each Ingress what is expected of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tidegate_e2e::Certificate;

/// What is told of objects of versions that are gone, in each manifest of one: not written down with the manifest.
const OLD_VERSION: &str = "warning InvalidManifest apiVersion";

/// All files of the folder.
#[derive(Default)]
pub(crate) struct Cases {
    /// The manifests of each file as they are written, without what is expected.
    pub(crate) files: BTreeMap<String, String>,
    /// All objects but Ingresses.
    pub(crate) others: Vec<Value>,
    /// The Ingresses, in the order in which they are written.
    pub(crate) ingresses: Vec<Case>,
}

/// An Ingress and what is expected of it.
pub(crate) struct Case {
    pub(crate) object: Value,
    pub(crate) expected: Expected,
}

/// The document behind an Ingress.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// Lines of `check`: severity, code, and the annotation or field.
    #[serde(default)]
    pub(crate) findings: BTreeSet<String>,
    #[serde(default)]
    requests: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Short(String),
    Long(Box<Request>),
}

/// A request, and what comes of it.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// `METHOD URL -> OUTCOME`.
    pub(crate) ask: String,
    /// Fields of the request.
    #[serde(default)]
    pub(crate) send: BTreeMap<String, String>,
    /// The client's address, as a load balancer tells it that is trusted.
    pub(crate) from: Option<IpAddr>,
    /// Length of the body: `51m`, `100k`.
    pub(crate) body: Option<String>,
    /// Fields that the pod got; null for none.
    #[serde(default)]
    pub(crate) saw: BTreeMap<String, Option<String>>,
    /// Fields of the answer; null for none. A `*` stands for any text.
    #[serde(default)]
    pub(crate) answer: BTreeMap<String, Option<String>>,
    /// Of many requests, how many had each status: `31-45`.
    #[serde(default)]
    pub(crate) counts: BTreeMap<String, String>,
    /// Whether the client keeps cookies between them.
    #[serde(default)]
    pub(crate) cookies: bool,
    /// From how many pods their answers came.
    pub(crate) pods: Option<usize>,
}

impl Cases {
    /// Reads the folder.
    pub(crate) fn read() -> Self {
        let mut cases = Self::default();
        let files = std::fs::read_dir(folder()).expect("e2e/manifests is there");
        let mut files: Vec<_> = files.map(|file| file.expect("it is readable").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("it is readable");
            cases.take(&file, &text);
        }
        cases
    }

    fn take(&mut self, file: &Path, text: &str) {
        let mut manifests = String::new();
        for part in text.split("\n---\n") {
            let place = || format!("{}: {part}", file.display());
            let value: Value = serde_saphyr::from_str(part).unwrap_or_else(|error| panic!("{error}: {}", place()));
            match value["kind"].as_str() {
                None => {
                    let case = self.ingresses.last_mut().unwrap_or_else(|| panic!("no Ingress before {}", place()));
                    let written = serde_json::from_value(value);
                    case.expected = written.unwrap_or_else(|error| panic!("{error}: {}", place()));
                    continue;
                }
                Some("Ingress") => self.ingresses.push(Case { object: value, expected: Expected::default() }),
                Some(_) => self.others.push(value),
            }
            manifests.push_str(part);
            manifests.push_str("\n---\n");
        }
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        self.files.insert(name, manifests);
    }

    /// The Secrets that cert-manager would have made by now: those of TLS sections that no file has, unless their name begins
    /// with `absent`.
    pub(crate) fn certificates(&self) -> Vec<Value> {
        let mut wanted: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
        for case in &self.ingresses {
            for section in case.object["spec"]["tls"].as_array().into_iter().flatten() {
                let Some(secret) = section["secretName"].as_str().filter(|name| !name.starts_with("absent")) else {
                    continue;
                };
                let hosts = section["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str);
                wanted.entry((case.namespace().to_owned(), secret.to_owned())).or_default().extend(hosts);
            }
        }
        let made = wanted.iter().map(|((namespace, secret), hosts)| {
            Certificate::new(&hosts.iter().copied().collect::<Vec<_>>()).secret(namespace, secret)
        });
        made.collect()
    }

    /// The Services.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Value> {
        self.others.iter().filter(|object| object["kind"] == "Service")
    }
}

impl Case {
    pub(crate) fn namespace(&self) -> &str {
        self.object["metadata"]["namespace"].as_str().expect("it has a namespace")
    }

    pub(crate) fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().expect("it has a name")
    }

    /// Whether no API server takes it any more.
    pub(crate) fn is_old(&self) -> bool {
        self.object["apiVersion"] != "networking.k8s.io/v1"
    }

    /// What `check` is to say of it.
    pub(crate) fn findings(&self) -> BTreeSet<String> {
        let old = self.is_old().then(|| OLD_VERSION.to_owned());
        self.expected.findings.iter().cloned().chain(old).collect()
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = Request> {
        self.expected.requests.iter().map(|written| match written {
            Written::Short(ask) => Request { ask: ask.clone(), ..Request::default() },
            Written::Long(request) => (**request).clone(),
        })
    }

    pub(crate) fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        let annotations = self.object["metadata"]["annotations"].as_object();
        annotations.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }
}

/// Where the manifests are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")
}
