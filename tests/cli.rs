//! The command line from outside: exit codes, and that wrong options cost one line.

use std::process::{Command, Output};

fn tidegate(line: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    // What leads to an API server where the tests run.
    command.env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST");
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
    assert_refused(&tidegate(&[], &[]), "serve, check, explain, migrate or get");
}

#[test]
fn serving_without_anything_to_read_says_what_is_needed() {
    let output = tidegate(&["serve"], &[("HOME", "/no/such/home")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("tidegate: there is nothing to serve: ") && said.lines().count() == 1, "{said}");
    assert_refused(&tidegate(&["check"], &[]), "--manifests DIR is needed");
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
    for line in [
        &["--help"][..],
        &["serve", "--help"],
        &["check", "--help"],
        &["explain", "--help"],
        &["migrate", "--help"],
        &["--version"],
    ] {
        let output = tidegate(line, &[]);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{line:?}");
    }
}

#[test]
fn explain_exits_with_0_where_a_request_is_served_with_1_where_not_and_with_2_where_it_cannot_tell() {
    let explain = |url: &str, options: &[&str]| {
        let output = tidegate(&[&["explain", url], options].concat(), &[]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), output)
    };
    let site = &["--manifests", "tests/golden/site.in.yaml"];
    let (code, text, _) = explain("https://a.example/api/x", site);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("answer     forwarded") && text.contains("Ingress shop/shop"), "{text}");
    let (code, text, _) = explain("http://a.example/", site);
    assert!(code == Some(0) && text.contains("308 to https://a.example/"), "{text}");
    let (code, text, _) = explain("http://c.example/", site);
    assert!(code == Some(1) && text.contains("404 because"), "{text}");
    assert_refused(&explain("ftp://a.example/", site).2, "http:// or https://");
    assert_refused(&explain("http://a.example/", &["-H", "none", site[0], site[1]]).2, "Name: value");
    assert_refused(&explain("http://a.example/", &["--manifests", "no/such/place"]).2, "no such directory");
    assert_refused(&explain("http://a.example/", &["--admin", "https://a/b"]).2, "--admin");
    assert_refused(&tidegate(&["explain"], &[]), "<URL>");
}

#[test]
fn get_exits_with_2_where_there_is_no_answer() {
    assert_refused(&tidegate(&["get", "https://a.example/"], &[]), "http://");
    assert_refused(&tidegate(&["get", "/readyz"], &[]), "http://");
    assert_refused(&tidegate(&["get", "http://127.0.0.1:1/readyz"], &[]), "no answer of 127.0.0.1:1");
    assert_refused(&tidegate(&["get"], &[]), "<URL>");
}
