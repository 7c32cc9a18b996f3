//! Every hazard that a test or a comment names stands in `docs/hazards.md`, and every one that stands there has a test that
//! carries its code: `b04_…` shows B4, `f61_c07_…` shows F61 and C7.

#[path = "support/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sources::{root, sources};

#[test]
fn every_code_that_is_cited_stands_in_the_list_and_has_a_test() {
    let (tests, comments) = cited();
    let page = fs::read_to_string(root().join("docs/hazards.md")).expect("docs/hazards.md is there");
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).filter(|cell| code(cell).is_some());
    let mut known = BTreeSet::new();
    for row in rows {
        assert!(known.insert(row), "{row} has two rows in docs/hazards.md");
    }
    assert!(known.len() > 50, "the rows are read");
    let unknown: Vec<_> = tests.iter().chain(&comments).filter(|(code, _)| !known.contains(code.as_str())).collect();
    assert!(unknown.is_empty(), "no row in docs/hazards.md: {unknown:#?}");
    let untested: Vec<_> = known.iter().filter(|code| !tests.contains_key(**code)).collect();
    assert!(untested.is_empty(), "no test carries these codes: {untested:?}");
}

#[test]
fn codes_are_read_from_names_and_comments() {
    assert_eq!(of_name("    fn b04_chunks_are_strict() {"), ["B4"]);
    assert_eq!(of_name("async fn f61_c07_small_messages("), ["F61", "C7"]);
    assert_eq!(of_name("fn b20_and_f18_a_body("), ["B20", "F18"]);
    assert_eq!(of_name("fn e1_a_head("), ["E1"]);
    assert_eq!(of_name("fn f64_bits("), ["F64"], "so a test is better called otherwise");
    assert_eq!(of_name("fn a_head_that_drips("), [""; 0]);
    assert_eq!(of_name("let b04_x = 1;"), [""; 0]);
    assert_eq!(of_comment("/// Nobody is listened to (class E10): what"), ["E10"]);
    assert_eq!(of_comment("//! replaced (F6, F7 and F15 of docs/hazards.md); with"), ["F6", "F7", "F15"]);
    assert_eq!(of_comment("// Controls (C0, DEL, C1), line separators"), [""; 0]);
    assert_eq!(of_comment("let x = \"class E10\";"), [""; 0]);
}

type Citations = BTreeMap<String, Vec<String>>;

/// The codes that names of tests carry, with those names; and those of comments, with the files.
fn cited() -> (Citations, Citations) {
    let files = sources(&["src", "tests", "e2e/src", "e2e/tests", "fuzz/fuzz_targets", "benches"]);
    let (mut tests, mut comments) = (Citations::new(), Citations::new());
    for (file, text) in files.iter().filter(|(file, _)| *file != Path::new("tests/hazards.rs")) {
        for line in text.lines() {
            for code in of_name(line) {
                let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
                tests.entry(code).or_default().push(name.to_owned());
            }
            for code in of_comment(line) {
                comments.entry(code).or_default().push(file.display().to_string());
            }
        }
    }
    (tests, comments)
}

/// The codes in the name of a function.
fn of_name(line: &str) -> Vec<String> {
    let Some((before, rest)) = line.split_once("fn ") else { return Vec::new() };
    if !matches!(before.trim(), "" | "async" | "pub" | "pub(crate)") {
        return Vec::new();
    }
    // `and`: b20_and_f18_…
    let parts = rest.split('_').filter(|part| *part != "and");
    parts.map_while(|part| code(&part.to_ascii_uppercase())).collect()
}

/// The codes in a comment that says `class` or names the page.
fn of_comment(line: &str) -> Vec<String> {
    let Some(comment) = line.split_once("//").map(|(_, comment)| comment) else { return Vec::new() };
    let after_class = comment.split_once("class ").map(|(_, rest)| rest.split(')').next().unwrap_or_default());
    let before_page = comment.split_once("of docs/hazards.md").map(|(before, _)| before);
    let cited = after_class.into_iter().chain(before_page);
    cited.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(code)).collect()
}

/// `B04` and `B4` are B4.
fn code(text: &str) -> Option<String> {
    let number = text.strip_prefix(['A', 'B', 'C', 'D', 'E', 'F'])?;
    let is_number = matches!(number.len(), 1 | 2) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{}{}", &text[..1], number.trim_start_matches('0')))
}
