//! Patterns and rewritten paths. The cases' inputs and expectations are those of ingress2gateway's end-to-end tests for
//! ingress-nginx.

use crate::migrated::{Ingress, Site};

const HOST: &str = "paths.example";

/// The path that the pod gets for this request, which is its only one.
fn target_of(site: &Site, target: &str) -> String {
    assert_eq!(site.plain(HOST, target).status(), 200, "{target}");
    site.pods[0].requests().last().expect("a request").target().to_owned()
}

#[test]
fn i2g_a_rewritten_path_comes_with_its_prefix() {
    let ingress = Ingress::new("foo", HOST).at("/abc");
    let site = Site::serve(&[ingress.with("rewrite-target", "/header").with("x-forwarded-prefix", "/abc")]);
    assert_eq!(target_of(&site, "/abc"), "/header");
    assert_eq!(site.pods[0].only_request().field("x-forwarded-prefix"), Some("/abc"));
}

#[test]
fn i2g_a_pattern_makes_patterns_in_any_case_of_the_exact_paths_of_its_host() {
    let plain = Ingress::new("plain", HOST).at("/hoSTn").of_type("Exact");
    let pattern = Ingress::new("regex", HOST).at("/cliEnt.+").of_type("ImplementationSpecific");
    let site = Site::serve(&[plain, pattern.with("use-regex", "true")]);
    assert_eq!(target_of(&site, "/hostname"), "/hostname");
    assert_eq!(target_of(&site, "/clientip"), "/clientip");
}

#[test]
fn i2g_a_rewritten_path_makes_patterns_of_the_exact_paths_of_its_host() {
    let plain = Ingress::new("plain", HOST).at("/hostn").of_type("Exact");
    let rewritten = Ingress::new("rewrite-regex", HOST).at("/client.+").of_type("ImplementationSpecific");
    let site = Site::serve(&[plain, rewritten.with("rewrite-target", "/")]);
    assert_eq!(target_of(&site, "/hostname"), "/hostname");
    assert_eq!(target_of(&site, "/clientip"), "/");
}

#[test]
fn i2g_a_pattern_that_ends_with_a_dollar_matches_nothing_longer() {
    let ingress = Ingress::new("dollar", HOST).at("/$").of_type("ImplementationSpecific");
    let site = Site::serve(&[ingress.with("use-regex", "true")]);
    assert_eq!(target_of(&site, "/"), "/");
    for target in ["/hostname", "/hostname/"] {
        assert_eq!(site.plain(HOST, target).status(), 404, "{target}");
    }
}
