use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{Loaded, load};
use crate::model::Severity;
use crate::source::objects::{Object, Objects, SecretFault};

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(&directory, name, text);
    }
    directory
}

fn write(directory: &TempDir, name: &str, text: impl AsRef<[u8]>) {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn loaded(files: &[(&str, &str)]) -> Loaded {
    load(directory(files).path()).unwrap()
}

fn names(loaded: &Loaded) -> Vec<String> {
    loaded.changes.iter().map(|change| change.object().to_string()).collect()
}

fn problems(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(|p| format!("{} {}: {}", p.object, p.field, p.message)).collect()
}

fn service(name: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n")
}

fn ingress(name: &str, host: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\nspec:\n  rules:\n  - host: {host}\n"
    )
}

#[test]
fn folders_are_read_in_path_order_with_all_formats() {
    let json = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "j", "namespace": "n"}}"#;
    let loaded = loaded(&[
        ("b.yml", &format!("{}---\n{}", service("b1"), service("b2"))),
        ("a/x.yaml", &ingress("a", "a.example")),
        ("c.json", &format!("{json}\n")),
        ("..data/hidden.yaml", &service("hidden")),
        (".hidden.yaml", &service("hidden")),
        ("notes.txt", "no manifest"),
        ("empty.yaml", ""),
        ("comment.yaml", "# nothing\n---\n# here\n"),
    ]);
    assert_eq!(names(&loaded), ["Ingress default/a", "Service default/b1", "Service default/b2", "Service n/j"]);
    assert_eq!(loaded.problems, []);
}

#[test]
fn a_single_file_is_read_whatever_its_name() {
    let directory = directory(&[("manifest", &service("a"))]);
    assert_eq!(names(&load(&directory.path().join("manifest")).unwrap()), ["Service default/a"]);
    assert!(load(&directory.path().join("nothing")).is_err());
}

#[test]
fn lists_hold_objects_of_ours_and_others() {
    let loaded = loaded(&[(
        "a.yaml",
        "apiVersion: v1\nkind: List\nitems:\n\
         - {apiVersion: v1, kind: Service, metadata: {name: a}}\n\
         - {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}\n\
         - {apiVersion: v1, kind: ServiceList, items: [{metadata: {name: b}}]}\n\
         - {apiVersion: v1, kind: Service, metadata: {}}\n\
         ---\n\
         apiVersion: networking.k8s.io/v1\nkind: IngressList\nmetadata: {resourceVersion: '1'}\nitems:\n- metadata: {name: c, namespace: ns}\n\
         ---\napiVersion: v1\nkind: List\nitems: {a: b}\n\
         ---\napiVersion: v1\nkind: PodList\nitems: 7\n",
    )]);
    assert_eq!(names(&loaded), ["Service default/a", "Service default/b", "Ingress ns/c"], "{:#?}", loaded.problems);
    assert_eq!(
        problems(&loaded),
        [
            "File a.yaml document 1 (line 1), items[3]: this document or item is refused: this Service has no metadata.name",
            "File a.yaml document 3 (line 15): this document or item is refused: its items are no list, or it has lists within lists too deep",
        ]
    );
}

#[test]
fn other_kinds_are_passed_over_and_old_versions_are_not() {
    let loaded = loaded(&[(
        "a.yaml",
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n\
         apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n---\n\
         kind: Ingress\nmetadata: {name: a}\n---\n[1]\n---\n\
         apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: old}\n",
    )]);
    assert_eq!(names(&loaded), ["Ingress default/a"]);
    let problems = problems(&loaded);
    assert_eq!(problems.len(), 4, "{problems:#?}");
    let told = |text: &str| problems.iter().any(|problem| problem.contains(text));
    assert!(told("apiVersion extensions/v1beta1 of Ingress is no longer an API"), "{problems:#?}");
    assert!(told("EndpointSlice default/old is refused: apiVersion discovery.k8s.io/v1beta1"), "{problems:#?}");
    assert!(told("document 4 (line 13)") && told("no apiVersion"), "{problems:#?}");
    assert!(told("document 5 (line 16)") && told("is no Kubernetes object"), "{problems:#?}");
}

#[test]
fn misspelt_kinds_and_versions_are_told() {
    let loaded = loaded(&[(
        "a.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: ingress\nmetadata: {name: a}\n---\n\
         apiVersion: networking.k8s.io/v2\nkind: Ingress\nmetadata: {name: b}\n---\n\
         apiVersion: V1\nkind: Service\nmetadata: {name: c}\n---\n\
         apiVersion: networking.internal.knative.dev/v1\nkind: Ingress\nmetadata: {name: d}\n",
    )]);
    assert_eq!(names(&loaded), [""; 0]);
    let problems = problems(&loaded);
    assert_eq!(problems.len(), 3, "{problems:#?}");
    for (problem, expected) in problems.iter().zip([
        "Ingress default/a is refused: apiVersion \"networking.k8s.io/v1\" with kind \"ingress\" is none that is known, most likely networking.k8s.io/v1 Ingress is meant",
        "Ingress default/b is refused: apiVersion \"networking.k8s.io/v2\" with kind \"Ingress\"",
        "Service default/c is refused: apiVersion \"V1\" with kind \"Service\"",
    ]) {
        assert!(problem.contains(expected), "{expected}\n{problem}");
    }
}

#[test]
fn templates_that_are_not_rendered_are_told() {
    let loaded = loaded(&[(
        "a.yaml",
        "{{- if .Values.ingress }}\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n{{- end }}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata:\n  name: \"{{ .Release.Name }}\"\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: d, annotations: {summary: \"{{ $labels.pod }}\"}}\n",
    )]);
    assert_eq!(names(&loaded), ["Service default/d"]);
    let problems = problems(&loaded);
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(
        problems[0].contains("document 1 (line 1)") && problems[0].contains("it is a template that is not rendered")
    );
    assert!(problems[1].contains("(line 10)"), "{problems:#?}");
    assert!(loaded.problems.iter().all(|problem| problem.remedy.contains("helm template")), "{:#?}", loaded.problems);
}

#[test]
fn a_port_by_name_and_number_is_told() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec:\n  \
        defaultBackend: {service: {name: s, port: {name: http, number: 80}}}\n  rules:\n  - http:\n      paths:\n      \
        - {path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}\n      \
        - {path: /x, pathType: Prefix, backend: {service: {name: s, port: {name: http, number: 80}}}}\n";
    let loaded = loaded(&[("a.yaml", text)]);
    assert_eq!(names(&loaded), ["Ingress default/a"]);
    let fields: Vec<_> = loaded.problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["spec.defaultBackend.service.port", "spec.rules[0].http.paths[1].backend.service.port"]);
}

#[test]
fn one_broken_document_breaks_no_other() {
    let loaded = loaded(&[
        ("a.yaml", &format!("{}---\na: [1\nb: }}\n---\n{}", service("a"), service("b"))),
        ("b.json", r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c"}} {"#),
        ("c.yaml", &service("d")),
    ]);
    assert_eq!(names(&loaded), ["Service default/a", "Service default/b", "Service default/c", "Service default/d"]);
    let problems = problems(&loaded);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].starts_with("File a.yaml document 2 (line "), "{problems:#?}");
    assert!(problems[0].contains("not readable as YAML"), "{problems:#?}");
    assert!(problems[1].starts_with("File b.json document 1 (line 1): "), "{problems:#?}");
    assert!(loaded.problems.iter().all(|p| p.severity == Severity::Error));
}

#[test]
fn bytes_that_are_not_utf8_break_their_document_only() {
    let directory = tempfile::tempdir().unwrap();
    let text = [service("a").as_bytes(), b"---\na: \xff\xfe\n---\n", service("b").as_bytes()].concat();
    write(&directory, "a.yaml", text);
    let loaded = load(directory.path()).unwrap();
    assert_eq!(names(&loaded), ["Service default/a", "Service default/b"]);
    assert_eq!(
        problems(&loaded),
        ["File a.yaml document 2 (line 6): this document is left out: it has bytes that are not UTF-8"]
    );
}

#[test]
fn values_of_the_wrong_type_are_refused_with_their_path() {
    let loaded = loaded(&[(
        "a.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, annotations: {tidegate.dev/x: yes}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {ports: [{port: http}]}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: {tls.key: \"geheim!\"}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: geheim\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: a/b}\n",
    )]);
    assert_eq!(names(&loaded), Vec::<String>::new());
    let problems = problems(&loaded).join("\n");
    for expected in [
        "document 1 (line 1): Ingress default/a is refused: metadata.annotations.tidegate.dev/x does not fit the kind: invalid type: boolean `true`, expected a string",
        "document 2 (line 5): Service default/b is refused: spec.ports[0].port does not fit the kind",
        "document 3 (line 10): Secret default/c is refused: data.tls.key does not fit the kind",
        "document 4 (line 15): Secret default/c is refused: data does not fit the kind",
        "document 5 (line 20): this document or item is refused: this Service's name",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
    assert!(!problems.contains("geheim"));
}

#[test]
fn unknown_fields_are_warned_of_by_path() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: a\n  creationTimestamp: null\n  labels: {any: thing}\nspec:\n  rules:\n  - http:\n      paths:\n      - {path: /, pathType: Prefix, backend: {servce: {name: a}}}\n  tls: null\n";
    let loaded = loaded(&[("a.yaml", text)]);
    assert_eq!(names(&loaded), ["Ingress default/a"]);
    assert_eq!(
        problems(&loaded),
        [
            "Ingress default/a spec.rules[0].http.paths[0].backend.servce: spec.rules[0].http.paths[0].backend.servce is not a field of Ingress and is ignored"
        ]
    );
    assert_eq!(loaded.problems[0].severity, Severity::Warning);
    assert!(loaded.problems[0].remedy.ends_with(": a.yaml, document 1 (line 1)"));
}

#[test]
fn everything_kubectl_writes_is_known() {
    let text = include_str!("fixtures/kubectl-get.yaml");
    let loaded = loaded(&[("a.yaml", text)]);
    assert_eq!(problems(&loaded), Vec::<String>::new());
    assert_eq!(loaded.changes.len(), 5);
}

#[test]
fn the_first_of_several_with_one_name_counts() {
    let loaded = loaded(&[
        ("a.yaml", &format!("{}---\n{}", ingress("x", "first.example"), ingress("x", "second.example"))),
        ("b.yaml", &ingress("x", "third.example")),
    ]);
    let [change] = loaded.changes.as_slice() else { panic!("{:?}", loaded.changes) };
    let Some(Object::Ingress(ingress)) = change.current() else { panic!("{change:?}") };
    assert_eq!(&*ingress.rules[0].host, "first.example");
    assert_eq!(
        problems(&loaded),
        [
            "Ingress default/x metadata.name: it is in a.yaml, document 2 (line 9) once more; only the one in document 1 (line 1) counts",
            "Ingress default/x metadata.name: it is in b.yaml once more; only the one in a.yaml counts",
        ]
    );
}

#[test]
fn secrets_are_read_from_text_and_from_wrapped_base64() {
    let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let indent = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let encoded = k8s_openapi::ByteString(chain.clone().into_bytes());
    let encoded = serde_json::to_value(encoded).unwrap().as_str().unwrap().to_owned();
    let wrapped: String =
        encoded.as_bytes().chunks(76).map(|l| String::from_utf8(l.to_vec()).unwrap() + "\n").collect();
    let text = format!(
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {{name: a}}\nstringData:\n  tls.key: |\n{}data:\n  tls.crt: |\n{}",
        indent(&key),
        indent(&wrapped)
    );
    let loaded = loaded(&[("a.yaml", &text), ("b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n")]);
    assert_eq!(problems(&loaded), Vec::<String>::new());
    let mut objects = Objects::default();
    for change in loaded.changes {
        objects.apply(change);
    }
    let secret = |name: &str| objects.secrets().find(|s| &*s.name.name == name).unwrap().certificate.clone();
    assert_eq!(secret("a").unwrap().names(), ["a.example"]);
    assert_eq!(secret("b"), Err(SecretFault::Type("Opaque".into())));
}

#[test]
fn ports_beyond_the_range_are_reported() {
    let loaded = loaded(&[(
        "a.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}, {port: 70000, targetPort: -1}, {name: x}]}\n",
    )]);
    let Some(Object::Service(service)) = loaded.changes[0].current() else { panic!() };
    assert_eq!(service.ports.len(), 1);
    let fields: Vec<_> = loaded.problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(fields, ["spec.ports[1].port", "spec.ports[1].targetPort", "spec.ports[2].port"]);
}

#[test]
fn files_that_cannot_be_read_are_reported() {
    let directory = directory(&[("a.yaml", &service("a"))]);
    std::os::unix::fs::symlink("nowhere", directory.path().join("b.yaml")).unwrap();
    fs::File::create(directory.path().join("c.yaml")).unwrap().set_len((64 << 20) + 1).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("d.yaml")).unwrap();
    let loaded = load(directory.path()).unwrap();
    assert_eq!(names(&loaded), ["Service default/a"]);
    assert_eq!(
        problems(&loaded),
        [
            "File b.yaml file: it does not exist",
            "File c.yaml file: it is larger than 64 MiB",
            "File d.yaml file: it is not a regular file",
        ]
    );
}

#[test]
fn a_mounted_config_map_is_read_once_and_loops_of_links_end() {
    let directory = directory(&[("..2024/a.yaml", &service("a")), ("sub/b.yaml", &service("b"))]);
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, directory.path().join(at)).unwrap();
    link("..2024", "..data");
    link("..data/a.yaml", "a.yaml");
    link("..", "sub/up");
    link("sub", "again");
    let loaded = load(directory.path()).unwrap();
    assert_eq!(names(&loaded).len(), 2);
    assert_eq!(problems(&loaded), Vec::<String>::new());
}

/// YAML that is almost ours, so that the property reaches beyond the reader.
fn almost_manifests() -> impl Strategy<Value = Vec<u8>> {
    let fragments = [
        "apiVersion: v1\n",
        "apiVersion: networking.k8s.io/v1\n",
        "apiVersion: discovery.k8s.io/v1\n",
        "kind: Service\n",
        "kind: Ingress\n",
        "kind: List\n",
        "kind: EndpointSlice\n",
        "kind: Secret\n",
        "type: kubernetes.io/tls\n",
        "metadata: {name: a}\n",
        "items: [{}]\n",
        "spec: {rules: [{http: {paths: [{}]}}]}\n",
        "spec: {ports: [{port: -1}]}\n",
        "data: {tls.crt: aGk=, tls.key: '?'}\n",
        "---\n",
        "...\n",
        "endpoints: [{addresses: [1.2.3.4]}]\n",
        "addressType: IPv4\n",
        "&a [*a]\n",
        "? x\n",
        "!!binary x\n",
        "<<: *a\n",
        "\t",
        "'",
        "\"",
        "- ",
        "{",
        "]",
        "\u{feff}",
        "\u{0}",
        "\r",
        "~",
        ".nan",
        "0x7fffffffffffffffffff",
    ];
    let fragment = prop_oneof![
        8 => proptest::sample::select(fragments.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(fragment, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop_oneof![almost_manifests(), proptest::collection::vec(any::<u8>(), 0..256)]) {
        let mut catalog = super::Catalog::default();
        for name in ["a.yaml", "b.json", "a.yaml"] {
            let file = Path::new(name).into();
            catalog.put(&file, Ok(bytes.clone()));
            super::parse(Path::new(name), bytes.clone());
        }
        catalog.problems();
    }
}
