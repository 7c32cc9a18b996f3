//! The rule of who may use whom, and the few rules of style that a scan can keep. See `docs/architecture.md`.

mod cycles;
mod scan;
#[path = "../support/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use scan::{code_only, module_path, uses};
use sources::{root, sources};

/// Which modules a module may use. `docs/architecture.md` shows the same table; a test compares the two.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http1", &[]),
    ("http2", &["http1"]),
    ("proxy_protocol", &[]),
    ("observe", &["model"]),
    ("lifecycle", &["model"]),
    ("routing", &["model"]),
    ("upstream", &["model", "observe", "lifecycle", "http1"]),
    ("filter", &["model", "http1"]),
    ("password", &["model"]),
    (
        "proxy",
        &[
            "model",
            "http1",
            "http2",
            "filter",
            "password",
            "proxy_protocol",
            "routing",
            "upstream",
            "observe",
            "lifecycle",
        ],
    ),
    ("source", &["model", "observe", "lifecycle"]),
    ("resolver", &["model", "source", "observe"]),
    ("translate", &["model", "source::objects"]),
    ("report", &["model", "source::objects", "observe", "lifecycle"]),
    (
        "controller",
        &["source", "translate", "routing", "upstream", "explain", "report", "model", "observe", "lifecycle"],
    ),
    ("explain", &["model", "http1", "filter", "source::objects", "translate", "routing"]),
    ("migrate", &["model", "observe", "source", "translate"]),
    ("control_http", &["proxy_protocol"]),
    ("stats", &["model", "observe", "password", "control_http"]),
    ("runtime_api", &["model", "observe", "control_http", "stats"]),
    ("admin", &["control_http", "model", "observe", "lifecycle"]),
];

/// May use everything; nobody uses them.
const ROOTS: &[&str] = &["main", "lib", "app", "args"];

/// Lines a source file may have; tests in a file of their own do not count.
const MAX_LINES: usize = 600;

#[test]
fn modules_use_only_what_the_table_allows() {
    let findings: Vec<_> = sources(&["src"]).iter().flat_map(|(file, text)| violations(file, text)).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_module_stands_in_the_table() {
    for entry in fs::read_dir(root().join("src")).expect("src is there") {
        let path = entry.expect("src is readable").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("file names are plain").to_owned();
        let is_known = ROOTS.contains(&name.as_str()) || MAY_USE.iter().any(|(module, _)| *module == name);
        assert!(is_known, "src/{name} has no row in tests/layering/main.rs and docs/architecture.md");
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
fn nobody_in_a_folder_comes_back_to_where_they_started() {
    let found = cycles::Tree::new(&sources(&["src"])).cycles();
    let found: Vec<_> = found.iter().map(|(folder, way)| format!("{folder} has a cycle: {way}")).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn an_exchange_reads_no_configuration_of_the_process() {
    let findings: Vec<_> =
        sources(&["src"]).into_iter().filter(|(file, text)| reads_configuration(file, text)).collect();
    let files: Vec<_> = findings.iter().map(|(file, _)| file.display().to_string()).collect();
    assert!(files.is_empty(), "take it from the route's policy or the connection's listener: {}", files.join(", "));
    for (file, text, expected) in [
        ("src/proxy/pods/new.rs", "let x = walk.shard\n    .config.pods;", true),
        ("src/proxy/exchange/new.rs", "use crate::proxy::config::{ListenerConfig, ProxyConfig};", true),
        ("src/proxy/exchange/new.rs", "// shard.config\nlet x = walk.listener;", false),
        ("src/proxy/client/new.rs", "shard.config.listener", false),
    ] {
        assert_eq!(reads_configuration(Path::new(file), text), expected, "{file} {text:?}");
    }
}

/// Whether a file of an exchange reads what holds for the whole process.
fn reads_configuration(file: &Path, text: &str) -> bool {
    let is_within = ["exchange", "walk", "pods"].iter().any(|folder| file.starts_with(format!("src/proxy/{folder}")));
    let code: String = code_only(text).split_whitespace().collect();
    is_within && !file.ends_with("tests.rs") && (code.contains("shard.config") || code.contains("ProxyConfig"))
}

#[test]
fn a_module_with_children_is_a_folder_and_nothing_else() {
    let files: Vec<_> = sources(&["src"]).into_iter().map(|(file, _)| file).collect();
    let found = both(&files);
    assert!(found.is_empty(), "a file beside a folder of the same name, move it to mod.rs: {found:?}");
}

/// The files that have a folder of the same name beside them.
fn both(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let folders: BTreeSet<&Path> = files.iter().flat_map(|file| file.ancestors().skip(1)).collect();
    files.iter().filter(|file| folders.contains(file.with_extension("").as_path())).cloned().collect()
}

#[test]
fn a_file_beside_its_folder_is_seen() {
    let files = ["src/a/mod.rs", "src/a/tests.rs", "src/b.rs", "src/b/tests.rs", "src/c/d.rs", "src/c/d/e/f.rs"];
    let found = both(&files.map(PathBuf::from));
    assert_eq!(found, BTreeSet::from(["src/b.rs", "src/c/d.rs"].map(PathBuf::from)));
}

#[test]
fn files_stay_readable_and_ignored_tests_have_a_reason() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for (file, text) in sources(&[folder]) {
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
    for scan::Use { line, path: used, .. } in uses(file, text) {
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
