//! TLS and the redirect to it. The cases' inputs and expectations are those of ingress2gateway's end-to-end tests for
//! ingress-nginx. The certificate of a host counts for all Ingresses of that host, `ssl-redirect` for its own Ingress.

use crate::migrated::{Ingress, Site};

const HOST: &str = "tls.example";
const OTHER: &str = "other.example";

/// An Ingress for a path of the host, which is its name too.
fn of(path: &'static str) -> Ingress<'static> {
    Ingress::new(&path[1..], HOST).at(path)
}

fn not_redirected(ingress: Ingress<'static>) -> Ingress<'static> {
    ingress.with("ssl-redirect", "false")
}

/// The pod answers all these paths over https. In clear clients are sent there for the redirected ones only.
#[track_caller]
fn expect(ingresses: &[Ingress<'_>], redirected: &[&str], served: &[&str]) {
    let site = Site::serve(ingresses);
    for path in redirected {
        site.expect_served_over_https(HOST, path);
        site.expect_sent_to_https(HOST, path);
    }
    for path in served {
        site.expect_served_over_https(HOST, path);
        site.expect_served_in_clear(HOST, path);
    }
}

#[test]
fn i2g_a_host_with_tls_is_served_over_https_and_redirected_in_clear() {
    expect(&[Ingress::new("foo", HOST).tls()], &["/"], &[]);
}

#[test]
fn i2g_a_host_may_be_served_in_clear_beside_one_that_is_redirected() {
    let site =
        Site::serve(&[Ingress::new("redirect", OTHER).tls(), not_redirected(Ingress::new("no-redirect", HOST)).tls()]);
    site.expect_served_over_https(OTHER, "/");
    site.expect_sent_to_https(OTHER, "/");
    site.expect_served_over_https(HOST, "/");
    site.expect_served_in_clear(HOST, "/");
}

#[test]
fn i2g_each_path_of_a_host_is_redirected_or_not_as_its_own_ingress_says() {
    expect(&[of("/a").with("ssl-redirect", "true").tls(), not_redirected(of("/b")).tls()], &["/a"], &["/b"]);
}

#[test]
fn i2g_one_of_three_paths_of_a_host_may_be_served_in_clear() {
    expect(&[of("/a").tls(), not_redirected(of("/b")).tls(), of("/c").tls()], &["/a", "/c"], &["/b"]);
}

#[test]
fn i2g_an_ingress_without_tls_is_redirected_where_another_of_its_host_has_tls() {
    expect(&[of("/a").tls(), of("/b")], &["/a", "/b"], &[]);
}

#[test]
fn i2g_an_ingress_without_tls_may_be_served_in_clear_where_another_of_its_host_is_redirected() {
    expect(&[of("/a").tls(), not_redirected(of("/b"))], &["/a"], &["/b"]);
}

#[test]
fn i2g_with_and_without_tls_and_redirect_may_be_mixed_on_a_host() {
    expect(&[of("/a").tls(), not_redirected(of("/b")), of("/c")], &["/a", "/c"], &["/b"]);
}

#[test]
fn i2g_a_host_with_tls_is_served_in_clear_where_all_of_its_ingresses_say_so() {
    expect(&[not_redirected(of("/a")).tls(), not_redirected(of("/b")).tls()], &[], &["/a", "/b"]);
}

#[test]
fn i2g_an_ingress_without_tls_is_redirected_though_the_one_with_tls_is_not() {
    expect(&[not_redirected(of("/a")).tls(), of("/b")], &["/b"], &["/a"]);
}

#[test]
fn i2g_without_redirects_all_paths_are_served_in_clear_and_over_https() {
    expect(&[not_redirected(of("/a")).tls(), not_redirected(of("/b"))], &[], &["/a", "/b"]);
}

#[test]
fn i2g_tls_of_a_host_is_nothing_to_another_host_in_the_same_cluster() {
    let site = Site::serve(&[of("/a").tls(), Ingress::new("no-tls-host", OTHER).at("/b")]);
    site.expect_served_over_https(HOST, "/a");
    site.expect_sent_to_https(HOST, "/a");
    site.expect_served_in_clear(OTHER, "/b");
}

/// The case is that of the test above but for its names. Here the Ingress without TLS comes first.
#[test]
fn i2g_of_two_hosts_the_one_without_tls_is_served_in_clear_whichever_ingress_comes_first() {
    let ingresses = [of("/a").tls(), Ingress::new("0-comes-first", OTHER).at("/b")];
    let site = Site::serve(&ingresses);
    site.expect_served_over_https(HOST, "/a");
    site.expect_sent_to_https(HOST, "/a");
    site.expect_served_in_clear(OTHER, "/b");
}

#[test]
fn i2g_ssl_redirect_redirects_nothing_where_no_ingress_of_the_host_has_tls() {
    Site::serve(&[of("/a").with("ssl-redirect", "true")]).expect_served_in_clear(HOST, "/a");
}

#[test]
fn i2g_two_hosts_each_have_their_certificate_and_their_redirect() {
    let site = Site::serve(&[of("/a").tls(), Ingress::new("b", OTHER).at("/b").tls()]);
    for (host, path) in [(HOST, "/a"), (OTHER, "/b")] {
        site.expect_served_over_https(host, path);
        site.expect_sent_to_https(host, path);
    }
}
