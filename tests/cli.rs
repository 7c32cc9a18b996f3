//! The command line from outside: exit codes, and that wrong options cost one line.

use std::process::{Command, Output};

fn tidegate(line: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    command.args(line).envs(environment.iter().copied()).output().expect("the binary runs")
}

fn assert_refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(said.starts_with("tidegate: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains(expected), "{said}");
}

#[test]
fn wrong_options_exit_with_2_and_one_line() {
    assert_refused(&tidegate(&["serve", "--manifests", ".", "--http", "nowhere"], &[]), "--http");
    assert_refused(&tidegate(&["serve", "--frobnicate"], &[]), "--frobnicate");
    assert_refused(&tidegate(&["--frobnicate"], &[]), "--frobnicate");
    assert_refused(&tidegate(&[], &[]), "serve, check or explain");
}

#[test]
fn serving_without_a_directory_says_what_is_needed() {
    assert_refused(&tidegate(&["serve"], &[]), "--manifests DIR is needed");
}

#[test]
fn the_environment_counts_like_options() {
    let manifests = ("TIDEGATE_MANIFESTS", ".");
    assert_refused(&tidegate(&["serve"], &[manifests, ("TIDEGATE_HEAD_TIMEOUT", "0s")]), "--head-timeout");
    assert_refused(&tidegate(&["serve"], &[manifests, ("TIDEGATE_SSL_REDIRECT", "maybe")]), "--ssl-redirect");
    assert_refused(&tidegate(&["check"], &[("TIDEGATE_MANIFESTS", "no/such/place")]), "no such directory");
}

#[test]
fn help_and_version_exit_with_0() {
    for line in [&["--help"][..], &["serve", "--help"], &["check", "--help"], &["--version"]] {
        let output = tidegate(line, &[]);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{line:?}");
    }
}
