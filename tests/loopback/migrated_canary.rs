//! Canaries. The cases' inputs and expectations are those of ingress2gateway's end-to-end tests for ingress-nginx.

use crate::migrated::{Ingress, Site};

const HOST: &str = "canary.example";

/// The main Ingress and its canary, both for this path.
fn serve(path: &str, annotations: &[(&str, &str)]) -> Site {
    let canary = Ingress::new("canary", HOST).at(path).to("app2").with("canary", "true");
    let canary = annotations.iter().fold(canary, |canary, (key, value)| canary.with(key, value));
    Site::serve(&[Ingress::new("main", HOST).at(path), canary])
}

fn who(site: &Site, lines: &str) -> String {
    let answer = site.server.ask(format!("GET /hostname HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n"));
    assert_eq!(answer.status(), 200);
    answer.text()
}

/// A weight of 20 gives the canary more than a tenth and less than three tenths of 200 requests.
fn expect_a_fifth(site: &Site) {
    let share = (0..200).filter(|_| who(site, "") == "app2").count();
    assert!((21..60).contains(&share), "{share} of 200");
}

#[test]
fn i2g_a_canary_gets_its_weight_of_the_requests() {
    expect_a_fifth(&serve("/", &[("canary-weight", "20")]));
}

#[test]
fn i2g_a_header_asks_for_the_canary_of_a_path() {
    let site = serve("/hostname", &[("canary-by-header", "X-Canary")]);
    assert_eq!(who(&site, "X-Canary: always\r\n"), "app2");
    assert_eq!(who(&site, ""), "app1");
}

#[test]
fn i2g_a_header_comes_before_the_weight_of_a_canary() {
    let site = serve("/", &[("canary-weight", "20"), ("canary-by-header", "X-Canary")]);
    assert_eq!(who(&site, "X-Canary: always\r\n"), "app2");
    assert_eq!(who(&site, "X-Canary: never\r\n"), "app1");
    expect_a_fifth(&site);
}
