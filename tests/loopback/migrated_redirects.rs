//! Redirects to other sites. The cases' inputs and expectations are those of ingress2gateway's end-to-end tests for
//! ingress-nginx.

use crate::migrated::{Ingress, Site};

const HOST: &str = "redirected.example";

/// A request for this target is answered with this status and this URL, and the pod does not see it.
#[track_caller]
fn expect(annotations: &[(&str, &str)], target: &str, expected: (u16, &str)) {
    let ingress = Ingress::new("redirect", HOST);
    let site = Site::serve(&[annotations.iter().fold(ingress, |ingress, (key, value)| ingress.with(key, value))]);
    let answer = site.plain(HOST, target);
    assert_eq!((answer.status(), answer.field("location")), (expected.0, Some(expected.1)));
    assert_eq!(site.pods[0].connections(), 0);
}

#[test]
fn i2g_a_permanent_redirect_is_301() {
    let url = "https://new-site.example.com/new-path/";
    expect(&[("permanent-redirect", url)], "/", (301, url));
}

#[test]
fn i2g_a_temporal_redirect_is_302() {
    let url = "https://temp-site.example.com/temp-path/";
    expect(&[("temporal-redirect", url)], "/", (302, url));
}

#[test]
fn i2g_a_permanent_redirect_may_be_told_to_be_301() {
    let url = "https://custom-code.example.com/path/";
    expect(&[("permanent-redirect", url), ("permanent-redirect-code", "301")], "/", (301, url));
}

#[test]
fn i2g_a_temporal_redirect_may_be_told_to_be_302() {
    let url = "https://custom-temp.example.com/path/";
    expect(&[("temporal-redirect", url), ("temporal-redirect-code", "302")], "/", (302, url));
}

#[test]
fn i2g_the_path_of_a_request_is_no_part_of_the_url() {
    let url = "https://another-domain.example.com/";
    expect(&[("permanent-redirect", url)], "/some/path", (301, url));
}

#[test]
fn i2g_a_redirect_keeps_the_port_of_its_url() {
    let url = "https://custom-port.example.com:8443/secure/";
    expect(&[("temporal-redirect", url)], "/", (302, url));
}

#[test]
fn i2g_a_temporal_redirect_wins_over_a_permanent_one() {
    let (permanent, temporal) = ("https://permanent.example.com/path/", "https://temporal.example.com/path/");
    expect(&[("permanent-redirect", permanent), ("temporal-redirect", temporal)], "/", (302, temporal));
}

#[test]
fn i2g_a_redirect_without_one_to_https_is_the_same_in_clear_and_over_https() {
    let url = "https://new-site.example.com/path/";
    let ingress = Ingress::new("redirect", HOST).with("permanent-redirect", url).with("ssl-redirect", "false");
    let site = Site::serve(&[ingress.tls()]);
    let answer = site.https(HOST, "/");
    assert_eq!((answer.status, answer.field("location")), (301, Some(url)));
    let answer = site.plain(HOST, "/");
    assert_eq!((answer.status(), answer.field("location")), (301, Some(url)));
    assert_eq!(site.pods[0].connections(), 0);
}
