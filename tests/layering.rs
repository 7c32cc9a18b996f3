//! The rule of who may use whom, and the few rules of style that a scan can keep. See `docs/architecture.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules a module may use. `docs/architecture.md` shows the same table; a test compares the two.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http1", &[]),
    ("proxy_protocol", &[]),
    ("observe", &["model"]),
    ("lifecycle", &["model"]),
    ("routing", &["model"]),
    ("upstream", &["model", "observe", "lifecycle", "http1"]),
    ("proxy", &["model", "http1", "proxy_protocol", "routing", "upstream", "observe", "lifecycle"]),
    ("source", &["model", "observe", "lifecycle"]),
    ("translate", &["model", "source::objects"]),
    ("report", &["model", "source::objects", "observe", "lifecycle"]),
    (
        "controller",
        &["source", "translate", "routing", "upstream", "explain", "report", "model", "observe", "lifecycle"],
    ),
    ("explain", &["model", "http1", "source::objects", "translate", "routing"]),
    ("admin", &["model", "proxy_protocol", "observe", "lifecycle"]),
];

/// May use everything; nobody uses them.
const ROOTS: &[&str] = &["main", "lib", "app", "args"];

/// Lines a source file may have; tests in a file of their own do not count.
const MAX_LINES: usize = 600;

#[test]
fn modules_use_only_what_the_table_allows() {
    let findings: Vec<_> = sources("src").iter().flat_map(|(file, text)| violations(file, text)).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_module_stands_in_the_table() {
    for entry in fs::read_dir(root().join("src")).expect("src is there") {
        let path = entry.expect("src is readable").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("file names are plain").to_owned();
        let is_known = ROOTS.contains(&name.as_str()) || MAY_USE.iter().any(|(module, _)| *module == name);
        assert!(is_known, "src/{name} has no row in tests/layering.rs and docs/architecture.md");
    }
}

#[test]
fn the_documented_table_is_the_one_enforced() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md is there");
    let mut documented = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (Some(modules), Some(uses)) = (cells.next(), cells.next()) else { continue };
        let listed = |cell: &str| -> Vec<String> {
            let names = cell.split(',').map(|name| name.split('(').next().unwrap_or_default().trim());
            names.filter(|name| !matches!(*name, "nothing of ours" | "")).map(str::to_owned).collect()
        };
        for module in listed(modules) {
            let mut uses = listed(uses);
            uses.sort();
            documented.insert(module, uses);
        }
    }
    for (module, uses) in MAY_USE {
        let mut uses: Vec<_> = uses.iter().map(ToString::to_string).collect();
        uses.sort();
        assert_eq!(documented.get(*module), Some(&uses), "row of {module} in docs/architecture.md");
    }
}

#[test]
fn files_stay_readable_and_ignored_tests_have_a_reason() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for (file, text) in sources(folder) {
            let is_test = folder == "tests" || file.ends_with("tests.rs");
            let lines = text.lines().count();
            if !is_test && lines > MAX_LINES {
                findings.push(format!("{}: {lines} lines, over {MAX_LINES}: what is the second idea?", file.display()));
            }
            // Put together here so that this file does not find itself.
            let bare = concat!("#[ig", "nore]");
            for (at, _) in text.lines().enumerate().filter(|(_, line)| line.trim() == bare) {
                findings.push(format!("{}:{}: an ignored test without a reason", file.display(), at + 1));
            }
        }
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn the_scan_sees_what_it_must_not_allow() {
    let bad = [
        ("src/model/names.rs", "use crate::routing::RouteTable;", 1),
        ("src/routing/mod.rs", "//! x\n\nuse crate::{model::Snapshot, upstream::Upstream};", 3),
        (
            "src/routing/mod.rs",
            "use crate::{\n    model::{\n        Action,\n        HostSpec,\n    },\n    proxy,\n};",
            6,
        ),
        ("src/translate/mod.rs", "use crate::source::manifests;", 1),
        ("src/translate/unit.rs", "use crate::source;", 1),
        ("src/translate/unit.rs", "fn f() -> crate::source::manifests::Load {}", 1),
        ("src/translate/unit.rs", "use crate::source::{objects::Change, manifests};", 1),
        ("src/http1/head.rs", "fn f() { crate::model::Problem::new() }", 1),
        ("src/http1/head.rs", "use super::super::model;", 1),
        ("src/http1/chunked/mod.rs", "use super::super::super::model;", 1),
        ("src/http1/mod.rs", "use super::model;", 1),
        ("src/http1/mod.rs", "use super::{model, lifecycle};", 1),
        ("src/admin.rs", "use super::proxy;", 1),
        ("src/proxy/mod.rs", "use crate::args::TimeoutArgs;", 1),
        ("src/proxy/mod.rs", "use tidegate::controller;", 1),
        ("src/model/mod.rs", "use crate::*;", 1),
        ("src/proxy/mod.rs", "use crate::model::Action; use crate::app;", 1),
        ("src/proxy/mod.rs", "const X: &str = \"//\"; use crate::app;", 1),
    ];
    for (file, text, line) in bad {
        let found = violations(Path::new(file), text);
        assert!(found.iter().any(|f| f.starts_with(&format!("{file}:{line}:"))), "{file} {text:?} gave {found:?}");
    }
    let good = [
        ("src/routing/mod.rs", "use crate::model::Snapshot;\n// use crate::proxy;\n/// [`crate::upstream`]"),
        ("src/translate/mod.rs", "use crate::source::objects::{self, Change};\nuse crate::source::{objects};"),
        ("src/model/names.rs", "use super::problem;\nuse crate::model::Problem;"),
        ("src/model/deep/mod.rs", "use super::super::model::Problem;"),
        ("src/model/mod.rs", "mod names {\n    mod tests { use super::*; }\n}"),
        ("src/model/host/tests.rs", "use super::super::names;"),
        ("src/proxy/tls.rs", "use crate::{model, http1::{self, Span}, routing::{Route, RouteTable as Table}};"),
        ("src/args/mod.rs", "use crate::model::Balance;"),
        ("src/proxy/mod.rs", "pub(crate) fn f() {} macro_rules! m { () => { $crate::model::x() } }"),
    ];
    for (file, text) in good {
        assert_eq!(violations(Path::new(file), text), Vec::<String>::new(), "{file} {text:?}");
    }
}

/// What `file` uses and must not, as `file:line: what`.
fn violations(file: &Path, text: &str) -> Vec<String> {
    let path = module_path(file);
    let Some(module) = path.first().cloned() else { return Vec::new() };
    if ROOTS.contains(&module.as_str()) {
        return Vec::new();
    }
    let allowed = MAY_USE.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, uses)| uses);
    let mut findings = Vec::new();
    for (line, used) in uses(&path, &without_comments(text)) {
        let is_own = used.first() == Some(&module);
        let is_allowed = allowed.iter().any(|allowed| {
            let parts: Vec<_> = allowed.split("::").collect();
            used.len() >= parts.len() && parts.iter().zip(&used).all(|(part, name)| part == name)
        });
        if !is_own && !is_allowed {
            findings.push(format!("{}:{line}: {module} must not use {}", file.display(), used.join("::")));
        }
    }
    findings
}

/// Where in the crate a file stands: `src/http1/chunked/mod.rs` is `[http1, chunked]`.
fn module_path(file: &Path) -> Vec<String> {
    let below = file.strip_prefix("src").unwrap_or(file).with_extension("");
    let mut parts: Vec<_> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Every path into the crate, as names from the crate's root (at most two), with its line.
fn uses(module: &[String], text: &str) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let previous = at.checked_sub(1).map_or("", |before| tokens[before].1);
        // `$crate` is a macro's way to name this crate; `pub(crate)` is no path.
        let starts_path = previous != "::" && tokens.get(at + 1).is_some_and(|token| token.1 == "::");
        match tokens[at].1 {
            "crate" | "tidegate" if starts_path => {
                let mut next = at + 2;
                tree(&tokens, &mut next, &[], &mut found);
            }
            "super" if starts_path => {
                let mut next = at;
                let mut ups = 0;
                while tokens.get(next).is_some_and(|token| token.1 == "super")
                    && tokens.get(next + 1).is_some_and(|token| token.1 == "::")
                {
                    ups += 1;
                    next += 2;
                }
                // Inline modules go deeper than the file tells; only paths that certainly leave it count.
                if ups == module.len() && !is_inline(text, tokens[at].0) {
                    tree(&tokens, &mut next, &[], &mut found);
                } else if ups > module.len() {
                    found.push((tokens[at].0, vec!["super".into(); ups]));
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads a use tree (or a path in code) from `next` on.
fn tree(tokens: &[(usize, &str)], next: &mut usize, before: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let Some(&(line, token)) = tokens.get(*next) else { return };
    if token == "{" {
        *next += 1;
        while tokens.get(*next).is_some_and(|token| token.1 != "}") {
            let start = *next;
            tree(tokens, next, before, found);
            // `as name` and commas up to the next entry.
            while tokens.get(*next).is_some_and(|token| !matches!(token.1, "," | "}")) {
                *next += 1;
            }
            if tokens.get(*next).is_some_and(|token| token.1 == ",") || *next == start {
                *next += 1;
            }
        }
        *next += 1;
        return;
    }
    *next += 1;
    let mut path = before.to_vec();
    if token != "self" {
        path.push(token.to_owned());
    }
    let goes_on = tokens.get(*next).is_some_and(|token| token.1 == "::");
    if goes_on {
        *next += 1;
        if path.len() < 2 || tokens.get(*next).is_some_and(|token| token.1 == "{") {
            return tree(tokens, next, &path, found);
        }
    }
    found.push((line, path));
}

/// Whether a line is inside of an inline module, told by its indentation (the code is formatted).
fn is_inline(text: &str, line: usize) -> bool {
    let above = text.lines().take(line - 1);
    let is_indented = |line: &str| line.starts_with(' ');
    is_indented(text.lines().nth(line - 1).unwrap_or_default())
        && above.filter(|line| !is_indented(line)).any(|line| line.contains("mod ") && line.trim_end().ends_with('{'))
}

/// Names, `::`, braces and commas, with their lines; everything else as single characters.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let end = match name {
                0 if rest.starts_with("::") => 2,
                0 => rest.chars().next().map_or(1, char::len_utf8),
                name => name,
            };
            found.push((index + 1, &rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    found
}

/// The text with comments and string literals blanked, line by line.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| {
            let mut kept = String::new();
            let mut in_string = false;
            let mut characters = line.chars().peekable();
            while let Some(c) = characters.next() {
                match c {
                    '\\' if in_string => {
                        characters.next();
                    }
                    '"' => in_string = !in_string,
                    '/' if !in_string && characters.peek() == Some(&'/') => break,
                    _ if in_string => {}
                    c => kept.push(c),
                }
            }
            kept.push('\n');
            kept
        })
        .collect()
}

/// All Rust files below a folder of the package, by path from its root.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push((path.strip_prefix(root()).expect("it is below the root").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
