//! What `tidegate migrate` says and writes: `tests/migrate/NAME.in.yaml` holds manifests, `NAME.out.txt`, `.out.md` and
//! `.out.json` the report, `NAME.values.yaml` the values of the chart and `NAME.diff` the difference.
//!
//! `UPDATE_GOLDEN=1 cargo test --test migrate` writes the outputs anew: read the difference before you commit it.
//! `scripts/chart check` renders the chart with all of the values.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tidegate::args;
use tidegate::migrate::{self, Examined, Found, Origin, Wishes};
use tidegate::source::manifests::{self, Holder};
use tidegate::translate::annotations::Snippets;

/// In 2026: where certificates stand must not depend on the day of the test.
const NOW: i64 = 1_790_000_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/migrate")).expect("tests/migrate is there");
    let files = entries.map(|entry| entry.expect("tests/migrate is readable").path());
    let mut cases: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".in.yaml")).collect();
    cases.sort();
    assert!(cases.len() >= 3, "{cases:?}");
    cases
}

fn examined(path: &Path, wishes: &Wishes) -> Examined {
    let (loaded, written) =
        manifests::load_all(vec![Holder::Path(path.to_owned())], &migrate::is_wanted).expect("the case is readable");
    let found = Found { loaded, written, listed: BTreeSet::new(), unread: Vec::new(), origin: Origin::Manifests };
    migrate::examine(found, wishes, NOW)
}

#[test]
fn reports_and_values_are_those_of_the_golden_files() {
    let mut stale = Vec::new();
    for case in cases() {
        let examined = examined(&case, &Wishes::default());
        let outputs = [
            (".out.txt", migrate::terminal(&examined.report)),
            (".out.md", migrate::markdown(&examined.report)),
            (".out.json", examined.report.to_json()),
            (".values.yaml", examined.values.clone()),
            (".diff", migrate::difference(&examined, "DIR")),
        ];
        for (ending, actual) in outputs {
            let golden = PathBuf::from(case.to_string_lossy().replace(".in.yaml", ending));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&golden, actual).expect("tests/migrate is writable");
            } else if std::fs::read_to_string(&golden).unwrap_or_default() != actual {
                stale.push(format!("{}:\n{actual}", golden.display()));
            }
        }
    }
    assert!(stale.is_empty(), "{}\nUPDATE_GOLDEN=1 rewrites the outputs", stale.join("\n"));
}

#[test]
fn the_documented_example_is_what_is_said() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("the file is readable");
    let said = read("tests/migrate/helm.out.txt");
    let (example, _) = said.split_once("\nDIFFERS").expect("something differs");
    let example = example.trim_end();
    assert!(read("docs/migrate-from-ingress-nginx.md").contains(example), "the guide must show:\n{example}");
}

#[test]
fn no_output_steers_a_terminal() {
    for case in cases() {
        let examined = examined(&case, &Wishes::default());
        let report = &examined.report;
        let difference = migrate::difference(&examined, "DIR");
        for text in
            [migrate::terminal(report), migrate::markdown(report), report.to_json(), difference, examined.values]
        {
            let odd = text.chars().find(|c| c.is_control() && *c != '\n' || matches!(c, '\u{2028}'..='\u{202e}'));
            assert_eq!(odd, None, "{}: {text}", case.display());
        }
    }
}

#[test]
fn options_in_the_values_are_options_of_serve() {
    for case in cases() {
        let values: Value = serde_saphyr::from_str(&examined(&case, &Wishes::default()).values).expect("YAML");
        let more = values["extraArgs"].as_array().into_iter().flatten().map(|option| option.as_str().expect("a text"));
        let line: Vec<_> = ["tidegate", "serve", "--manifests", "."].into_iter().chain(more).collect();
        assert!(args::read(&line).is_ok(), "{line:?}: {:?}", args::read(&line).err());
        let certificate = values["defaultCertificate"].as_str();
        assert!(certificate.is_none_or(|name| name.split('/').count() == 2 && !name.contains('\n')), "{certificate:?}");
    }
}

/// The manifests of e2e/manifests without what is expected of them, in a folder; and how many errors `check` has about them.
fn real_manifests() -> (tempfile::TempDir, usize) {
    let folder = tempfile::tempdir().expect("there is room for files");
    let mut errors = 0;
    for file in std::fs::read_dir(root().join("e2e/manifests")).expect("e2e/manifests is there") {
        let path = file.expect("it is readable").path();
        let text = std::fs::read_to_string(&path).expect("it is readable");
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        let (manifests, expected): (Vec<_>, Vec<_>) = text
            .split("\n---\n")
            .filter(|_| is_yaml)
            .partition(|part| part.contains("\nkind: ") || part.starts_with("kind: "));
        let count = |text: &str| expected.iter().map(|part| part.matches(text).count()).sum::<usize>();
        errors += count("error ") - count("error SecretNotFound spec.tls");
        std::fs::write(folder.path().join(path.file_name().expect("a file has a name")), manifests.join("\n---\n"))
            .expect("it is writable");
    }
    (folder, errors)
}

#[test]
fn most_of_what_people_write_works_unchanged() {
    let (folder, errors) = real_manifests();
    let wishes = Wishes { class: Some("nginx".into()), snippets: Some(Snippets::Translated), ..Wishes::default() };
    let report = examined(folder.path(), &wishes).report;
    let score = &report.score;
    assert!(score.ingresses > 150 && score.percent >= 75, "{score:?}");
    let refused = examined(folder.path(), &Wishes { snippets: None, ..wishes }).report;
    assert!(refused.notes.iter().any(|note| note.contains("nginxSnippets: translate")), "{:?}", refused.notes);
    assert!(refused.score.works < score.works, "{:?} {score:?}", refused.score);
    // Every Ingress that `check` has an error about is one of those that are refused, or was wrong before. Certificates are not here.
    let findings = report.ingresses.iter().flat_map(|ingress| ingress.findings.iter().chain(&ingress.faults));
    let told = findings.filter(|finding| finding.severity == "error");
    let told =
        told.filter(|finding| !(finding.code == "SecretNotFound" && finding.place.starts_with("spec.tls"))).count();
    assert_eq!(told, errors);
}

#[test]
fn another_installation_is_reported_when_it_is_asked_for() {
    let wishes = Wishes { class: Some("internal".into()), ..Wishes::default() };
    let report = examined(&root().join("tests/migrate/daemonset.in.yaml"), &wishes).report;
    let installation = report.installation.as_ref().expect("it is found");
    assert_eq!((&*installation.name, &*report.class.controller), ("internal", "example.org/internal"));
    assert_eq!(report.score.ingresses, 1, "{report:?}");
}

#[test]
fn huge_and_expanding_manifests_are_refused_and_the_rest_is_reported() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let mut laughs = String::from("apiVersion: v1\nkind: ConfigMap\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    std::fs::write(folder.path().join("bomb.yaml"), laughs).expect("it is writable");
    let huge = std::fs::File::create(folder.path().join("huge.yaml")).expect("it is writable");
    huge.set_len((64 << 20) + 1).expect("a sparse file");
    std::fs::copy(root().join("tests/migrate/helm.in.yaml"), folder.path().join("a.yaml")).expect("it is writable");
    let report = examined(folder.path(), &Wishes::default()).report;
    assert_eq!(report.score.ingresses, 6, "{:?}", report.score);
    let files: Vec<_> = report.others.iter().map(|other| &*other.object).collect();
    assert_eq!(files, ["File bomb.yaml", "File huge.yaml"]);
}

fn tidegate(line: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    command.env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST").env("HOME", "/no/such/home");
    command.arg("migrate").args(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // A program that refuses its options reads nothing.
    let _ = child.stdin.take().expect("it is a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn exit_codes_tell_whether_anything_changes() {
    let plain = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: nginx
  defaultBackend: {service: {name: web, port: {number: 80}}}
";
    let (code, out, err) = said(&tidegate(&["--manifests", "-"], plain));
    assert!(code == Some(0) && out.starts_with("1 of 1 Ingress work"), "{code:?} {out} {err}");
    let other = plain.replace("nginx", "traefik");
    let (code, out, _) = said(&tidegate(&["--manifests", "-"], &other));
    assert!(code == Some(1) && out.starts_with("No Ingress of class nginx"), "{out}");
    let differs = plain.replace(
        "{name: web}\n",
        "{name: web, annotations: {nginx.ingress.kubernetes.io/ssl-passthrough: \"true\"}}\n",
    );
    let (code, out, _) = said(&tidegate(&["--manifests", "-", "--output", "json"], &differs));
    let json: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &json["ingresses"][0]["verdict"]), (Some(1), &Value::from("refused")), "{out}");
    let json = r#"{"apiVersion": "v1", "kind": "List", "items": []}"#;
    assert_eq!(said(&tidegate(&["--manifests", "-"], json)).0, Some(1));
    for (line, expected) in [
        (&["--manifests", "no/such/place"][..], "no such directory"),
        (&["--force", "--manifests", "."], "--write"),
        (&["--manifests", ".", "--kubeconfig", "Cargo.toml"], "--kubeconfig"),
        (&["--diff", "--output", "json", "--manifests", "."], "--output"),
        (&[], "no cluster to read: give --kubeconfig FILE, or --manifests PATH"),
    ] {
        let (code, out, err) = said(&tidegate(line, ""));
        assert!(code == Some(2) && out.is_empty() && err.contains(expected), "{line:?} {code:?} {err}");
    }
}

#[test]
fn files_are_written_once_and_replaced_only_when_asked() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let out = folder.path().join("out");
    let target = out.to_string_lossy().into_owned();
    let case = root().join("tests/migrate/helm.in.yaml").to_string_lossy().into_owned();
    let line = ["--manifests", &*case, "--write", &*target];
    let (code, text, err) = said(&tidegate(&line, ""));
    assert!(code == Some(1) && text.contains("Written: "), "{text} {err}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("it was written");
    let golden = std::fs::read_to_string(root().join("tests/migrate/helm.values.yaml")).expect("it is there");
    assert_eq!(read("values.yaml"), golden);
    let old: Value = serde_saphyr::from_str(&read("ingresses/shop.old.yaml")).expect("YAML");
    assert_eq!(old["apiVersion"], "networking.k8s.io/v1");
    assert_eq!(old["spec"]["rules"][0]["http"]["paths"][0]["pathType"], "ImplementationSpecific");
    let files = std::fs::read_dir(out.join("ingresses")).expect("it is there").count();
    assert_eq!(files, 1, "only those of former versions");

    // One that exists keeps all from being written.
    std::fs::write(out.join("values.yaml"), "mine").expect("it is writable");
    std::fs::remove_dir_all(out.join("ingresses")).expect("it is there");
    let (code, text, err) = said(&tidegate(&line, ""));
    assert!(code == Some(2) && text.is_empty() && err.contains("values.yaml exists, nothing is written"), "{err}");
    assert!(read("values.yaml") == "mine" && !out.join("ingresses").exists());

    // With --force a link is replaced, not what it leads to.
    std::fs::remove_file(out.join("values.yaml")).expect("it is there");
    std::fs::write(folder.path().join("precious"), "precious").expect("it is writable");
    std::os::unix::fs::symlink(folder.path().join("precious"), out.join("values.yaml")).expect("a link");
    let (code, _, err) = said(&tidegate(&line, ""));
    assert!(code == Some(2) && err.contains("exists"), "{err}");
    let (code, _, err) = said(&tidegate(&[&line[..], &["--force"]].concat(), ""));
    assert_eq!(code, Some(1), "{err}");
    let precious = std::fs::read_to_string(folder.path().join("precious")).expect("it is there");
    assert!(read("values.yaml") == golden && precious == "precious");
    assert!(!out.join("values.yaml").symlink_metadata().expect("it is there").is_symlink());

    // A directory that is a link leads nowhere.
    std::fs::remove_dir_all(out.join("ingresses")).expect("it is there");
    std::os::unix::fs::symlink(folder.path(), out.join("ingresses")).expect("a link");
    let (code, _, err) = said(&tidegate(&[&line[..], &["--force"]].concat(), ""));
    assert!(code == Some(2) && err.contains("is no directory"), "{err}");
    assert!(!folder.path().join("shop.old.yaml").exists());
}

#[test]
fn several_manifests_and_standard_input_count_together() {
    let class = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: edge}, spec: {controller: k8s.io/ingress-nginx}}";
    let folder = tempfile::tempdir().expect("there is room for files");
    let file = folder.path().join("class.yaml");
    std::fs::write(&file, class).expect("it is writable");
    let ingress = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {"ingressClassName": "edge", "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}"#;
    let line = ["--manifests", &*file.to_string_lossy(), "--manifests", "-"];
    let (code, out, err) = said(&tidegate(&line, ingress));
    assert!(code == Some(0) && out.contains("class           edge (controller k8s.io/ingress-nginx)"), "{out} {err}");
}
