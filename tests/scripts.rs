//! Scripts that wait say what for, and do not wait without end. A `go` of the test stands in for the real one.

#![allow(clippy::unwrap_used, reason = "they are tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A script of the repository with these in place of programs that it calls.
fn run_with(script: &str, programs: &[(&str, &str)]) -> (TempDir, Command) {
    let directory = tempfile::tempdir().unwrap();
    for (program, instead) in programs {
        let file = directory.path().join(program);
        fs::write(&file, format!("#!/bin/bash\n{instead}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
    command.env("PATH", format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap()));
    (directory, command)
}

/// Builds Kubernetes with this script as `go`, with a second for a download and half a second between reminders.
fn build_with(go: &str) -> (Output, String) {
    // Its first argument is `mod` or `build`; `$calls` counts the downloads.
    let go = format!("calls=$(dirname \"$0\")/calls\n{go}");
    let (directory, mut build) = run_with("e2e/cluster/build", &[("go", &go)]);
    build.envs([("TIDEGATE_FETCH_SECONDS", "1"), ("TIDEGATE_REMIND", "0.5")]);
    let output = build.env("TIDEGATE_E2E_CACHE", directory.path().join("cache")).output().unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output, said)
}

const BUILD: &str = "while [ $# -gt 1 ] && [ \"$1\" != -o ]; do shift; done; touch \"$2\"";

#[test]
fn a_download_that_hangs_is_ended_and_tried_again() {
    let hangs_once =
        "if [ \"$1\" = mod ]; then echo >>\"$calls\"; [ $(wc -l <\"$calls\") = 2 ] || exec sleep 100; exit; fi";
    let (output, said) = build_with(&format!("{hangs_once}\n{BUILD}"));
    assert!(output.status.success(), "{said}");
    for line in ["at most 1 s, try 1 of 2", "not within 1 s", "try 2 of 2", "building Kubernetes v"] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    assert!(!said.contains("failed twice"), "{said}");
}

#[test]
fn a_download_that_goes_on_hanging_is_an_error_that_says_what_to_look_at() {
    let (output, said) = build_with("exec sleep 100");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last: Vec<_> = said.lines().rev().take(2).collect();
    assert_eq!(last[0], "e2e/cluster/build: the Go modules could not be downloaded");
    assert!(last[1].contains("failed twice") && last[1].contains("TIDEGATE_FETCH_SECONDS"), "{said}");
}

#[test]
fn a_download_that_fails_is_tried_again_at_once() {
    let (output, said) = build_with("exit 3");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.matches("failed with status 3").count(), 2, "{said}");
}

#[test]
fn a_long_step_tells_that_it_goes_on() {
    let (output, said) = build_with(&format!("[ \"$1\" = mod ] && exit\nsleep 1.2\n{BUILD}"));
    assert!(output.status.success(), "{said}");
    let reminders = said.lines().filter(|line| line.ends_with(" s so far") && line.contains("building Kubernetes"));
    assert!(reminders.count() >= 1, "{said}");
}

#[test]
fn a_group_that_fails_hides_no_other_and_the_end_tells_all() {
    let cargo =
        |test: &str| format!("[ \"$1\" = --version ] && echo 'cargo 1.95.0 (fake)'; [ \"$1\" != test ] || {test}");
    let run = |test: &str| {
        // `make` too, which would put the real cargo in front.
        let (_directory, mut script) = run_with("scripts/test", &[("cargo", &cargo(test)), ("make", "exit")]);
        let output = script.args(["tests", "style"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("false");
    assert_eq!(code, Some(1), "{said}");
    let (during, summary) = said.split_once("== summary\n").unwrap();
    let told: Vec<_> = summary.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>()).collect();
    assert_eq!(told, [["tests", "FAILED"], ["style", "passed"]]);
    let told = |line: &str| during.find(line).unwrap_or_else(|| panic!("{line:?} is not in\n{during}"));
    assert!(told("== tests    FAILED") < told("== style\n"), "it is told before the next begins");
    let (code, said) = run("true");
    assert_eq!(code, Some(0), "{said}");
}
