//! What `tidegate explain` says: `tests/explain/NAME.in.yaml` holds manifests and, in its first comment lines, questions
//! (`# URL` and then any number of `# -H Name: value`) and what DNS says (`# DNS: NAME ADDRESS …`); `NAME.out.txt` holds the
//! explanations.
//!
//! `UPDATE_GOLDEN=1 cargo test --test explain` writes the outputs anew: read the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidegate::explain::{self, Explanation, Outcome, Question, View};
use tidegate::model::{ExternalName, LookupFailure, PortRef, Resolution, RoutePolicy, RouteSpec};
use tidegate::routing::RouteTable;
use tidegate::source::manifests;
use tidegate::translate::{self, Input, Settings};

/// In 2026: where certificates stand must not depend on the day of the test.
const NOW: i64 = 1_790_000_000;

/// Cases that must be there, so that a wrong folder does not pass for success.
const FEWEST: usize = 5;

#[test]
fn explanations_are_those_of_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
    let entries = std::fs::read_dir(&folder).expect("tests/explain is there");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("tests/explain is readable").path())
        .filter(|path| path.to_string_lossy().ends_with(".in.yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= FEWEST, "only {} cases in {}", cases.len(), folder.display());
    let mut stale = Vec::new();
    for case in cases {
        let actual = answers(&case);
        let golden = PathBuf::from(case.to_string_lossy().replace(".in.yaml", ".out.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, actual).expect("tests/explain is writable");
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != actual {
            stale.push(format!("{}:\n{actual}", golden.display()));
        }
    }
    assert!(stale.is_empty(), "{}\nUPDATE_GOLDEN=1 rewrites the outputs", stale.join("\n"));
}

#[test]
fn the_documented_example_is_what_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("the file is readable");
    let said = read("tests/explain/shop.out.txt");
    let (_, first) = said.split("\n$ ").next().and_then(|first| first.split_once('\n')).expect("an explanation");
    assert!(read("docs/explain.md").contains(first.trim_end()), "docs/explain.md must show:\n{first}");
}

/// The limit of bodies that a case sets with `# --max-body-bytes`.
fn body_bytes(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("# --max-body-bytes "))?;
    Some(value.parse().expect("a number of bytes"))
}

/// All explanations of a case, one after the other.
fn answers(case: &Path) -> String {
    let text = std::fs::read_to_string(case).expect("the case is readable");
    let mut input = Input::new(Settings {
        default_class_applies: true,
        allow_loopback: true,
        now: NOW,
        default_backend: text
            .contains("# --default-backend")
            .then(|| (tidegate::model::ObjectName::new("edge", "fallback"), PortRef::Number(80))),
        policy: RoutePolicy { body_bytes: body_bytes(&text), ..RoutePolicy::default() }.into(),
        ..Settings::default()
    });
    let loaded = manifests::load(case).expect("the case is readable");
    loaded.changes.into_iter().for_each(|change| drop(input.apply(change)));
    for line in text.lines().filter_map(|line| line.strip_prefix("# DNS: ")) {
        let (name, addresses) = line.split_once(' ').expect("a name and what it leads to");
        let resolution = match addresses {
            "NXDOMAIN" => Resolution::failed(LookupFailure::NoSuchName),
            addresses => Resolution::resolved(addresses.split(' ').map(|text| text.parse().expect("an address"))),
        };
        input.resolved(&ExternalName::parse(name).expect("a name"), resolution);
    }
    let mut questions: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
        match line.strip_prefix("-H ") {
            Some(header) => questions.last_mut().expect("a URL comes first").1.push(header.to_owned()),
            None if line.contains("://") => questions.push((line.to_owned(), Vec::new())),
            None => {}
        }
    }
    assert!(!questions.is_empty(), "{} asks nothing", case.display());
    let mut answers = String::new();
    for (url, headers) in questions {
        let explanation = explained(&input, &Question::parse(&url, &headers).expect("a question"), &loaded.problems);
        let headers: String = headers.iter().map(|header| format!(" -H '{header}'")).collect();
        let _ = writeln!(answers, "$ tidegate explain '{url}'{headers}\n{explanation}");
        assert_consistent(&explanation);
    }
    answers
}

fn explained(input: &Input, question: &Question, problems: &[tidegate::model::Problem]) -> Explanation {
    let (snapshot, _) = translate::snapshot(input);
    let table = RouteTable::compile(&snapshot, &mut |_| ());
    let view = View { input, table: &table, living: &|()| None, source_problems: problems, https_port: 443 };
    explain::explain(question, &view)
}

/// What people read and what programs read is the same.
fn assert_consistent(explanation: &Explanation) {
    let json: serde_json::Value = serde_json::from_str(&explanation.to_json()).expect("it is JSON");
    assert_eq!(json["text"], explanation.to_string());
    assert_eq!(json["served"], explanation.is_served());
    let answer = json["said"]["answer"].as_array().expect("there is an answer").last().expect("a line").clone();
    let answer = answer.as_str().expect("text");
    match explanation.outcome {
        Outcome::Forwarded => {
            let has_endpoints =
                json["endpoints"][0].is_string() || json["text"].as_str().expect("text").contains(" in DNS");
            assert!(answer.starts_with("forwarded") && has_endpoints, "{answer}");
        }
        Outcome::Redirected => assert!((300..400).contains(&json["status"].as_u64().expect("a status")), "{answer}"),
        Outcome::Refused => assert!(json["status"].as_u64().expect("a status") >= 400, "{answer}"),
    }
}

/// The objects of a case.
fn loaded(text: &str) -> Input {
    let mut input = Input::new(Settings { now: NOW, ..Settings::default() });
    let loaded = manifests::parse(Path::new("case.yaml"), text.as_bytes().to_vec());
    assert_eq!(loaded.problems, []);
    loaded.changes.into_iter().for_each(|change| drop(input.apply(change)));
    input
}

#[test]
fn a_host_of_a_thousand_ingresses_is_explained_in_a_few_lines() {
    let mut text = String::from(
        "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: tidegate}, spec: {controller: tidegate.dev/ingress-controller}}\n",
    );
    for n in 0..1000 {
        let class = if n % 2 == 0 { "tidegate" } else { "missing" };
        let _ = writeln!(
            text,
            "---\n{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: n{n}, namespace: x}}, spec: {{ingressClassName: {class}, \
             rules: [{{host: a.example, http: {{paths: [{{path: /{}, pathType: Prefix, backend: {{service: {{name: s, port: {{number: 80}}}}}}}}]}}}}]}}}}",
            n / 10,
        );
    }
    let input = loaded(&text);
    let explanation = explained(&input, &Question::parse("http://a.example/7/x", &[]).expect("a question"), &[]);
    let text = explanation.to_string();
    assert!(text.contains("n70 ") && text.contains("more\n"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

proptest::proptest! {
    #[test]
    fn whatever_is_asked_is_explained_and_the_route_is_the_tables(
        host in r"(A\.shop|shop|a\.b\.shop|x)\.example|10\.0\.0\.1|\[::1\]|a@b|-",
        path in r"(/|cart|%2[eEfF]|\.|%61|;|%|\?|é){0,8}",
    ) {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/shop.in.yaml");
        let input = loaded(&std::fs::read_to_string(case).expect("the case is readable"));
        let question = Question::parse(&format!("http://{host}/{path}"), &[]).expect("a question");
        let explanation = explained(&input, &question, &[]);
        assert_consistent(&explanation);
        let (snapshot, _) = translate::snapshot(&input);
        let table = RouteTable::compile(&snapshot, &mut |_: &RouteSpec| ());
        let (mut lowered, mut scratch) = (String::new(), String::new());
        let name = tidegate::routing::normalize_host(host.as_bytes(), &mut lowered);
        let path = format!("/{path}");
        let found = table.find(name, path.split('?').next().expect("a path"), &|_| true, &mut scratch);
        let route = found.as_ref().ok().and_then(|found| found.route);
        if explanation.status != Some(400) {
            proptest::prop_assert_eq!(explanation.facts.origin.as_ref(), route.map(|route| &route.spec.origin));
            proptest::prop_assert_eq!(explanation.facts.field.is_some(), route.is_some());
        }
    }
}
