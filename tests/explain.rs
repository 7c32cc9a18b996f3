//! What `tidegate explain` says: `tests/explain/NAME.in.yaml` holds manifests and, in its first comment lines, questions
//! (`# URL` and then any number of `# -H Name: value`); `NAME.out.txt` holds the explanations.
//!
//! `UPDATE_GOLDEN=1 cargo test --test explain` writes the outputs anew: read the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidegate::explain::{self, Explanation, Outcome, Question, Seen, View};
use tidegate::model::{Action, PortRef, RouteSpec};
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
        ..Settings::default()
    });
    let loaded = manifests::load(case).expect("the case is readable");
    loaded.changes.into_iter().for_each(|change| drop(input.apply(change)));
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
    let table = RouteTable::compile(&snapshot, &mut |spec: &RouteSpec| spec.action.clone());
    let read = |action: &Action| Seen { action: action.clone(), living: None };
    explain::explain(question, &View { input, table: &table, read: &read, source_problems: problems, https_port: 443 })
}

/// What people read and what programs read is the same.
fn assert_consistent(explanation: &Explanation) {
    let json: serde_json::Value = serde_json::from_str(&explanation.to_json()).expect("it is JSON");
    assert_eq!(json["text"], explanation.to_string());
    assert_eq!(json["served"], explanation.is_served());
    let answer = json["said"]["answer"].as_array().expect("there is an answer").last().expect("a line").clone();
    let answer = answer.as_str().expect("text");
    match explanation.outcome {
        Outcome::Forwarded => assert!(answer.starts_with("forwarded") && json["endpoints"][0].is_string(), "{answer}"),
        Outcome::Redirected => assert_eq!(json["status"], 308),
        Outcome::Refused => assert!(json["status"].as_u64().expect("a status") >= 400, "{answer}"),
    }
}
