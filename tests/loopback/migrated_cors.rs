//! Pages of other origins. The cases' inputs and expectations are those of ingress2gateway's end-to-end tests for
//! ingress-nginx.

use crate::migrated::{Ingress, Site};
use crate::support::Message;

const HOST: &str = "cors.example";

fn serve(annotations: &[(&str, &str)]) -> Site {
    let ingress = Ingress::new("cors", HOST).with("enable-cors", "true");
    Site::serve(&[annotations.iter().fold(ingress, |ingress, (key, value)| ingress.with(key, value))])
}

/// What a browser asks before a page of this origin may use this method and these header fields.
fn preflight(site: &Site, origin: &str, method: &str, fields: &str) -> Message {
    let answer = site.server.ask(format!(
        "OPTIONS / HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n\
         Access-Control-Request-Headers: {fields}\r\n\r\n"
    ));
    assert!([200, 204].contains(&answer.status()), "{answer}");
    answer
}

/// What a page of this origin gets.
fn read(site: &Site, origin: &str) -> Message {
    let answer = site.server.ask(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\n\r\n"));
    assert_eq!((answer.status(), answer.text().as_str()), (200, "app1"));
    answer
}

#[track_caller]
fn expect(answer: &Message, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        assert_eq!(answer.field(name), Some(*value), "{name}\n{answer}");
    }
}

/// The field is a list with these words, in any case.
#[track_caller]
fn expect_words(answer: &Message, name: &str, words: &[&str]) {
    let value = answer.field(name).unwrap_or_else(|| panic!("{name}\n{answer}"));
    for word in words {
        assert!(value.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)), "{word} in {name}: {value}");
    }
}

#[test]
fn i2g_pages_are_told_what_annotations_say() {
    let origin = "https://cors.example.com";
    let site = serve(&[
        ("cors-allow-origin", origin),
        ("cors-allow-methods", "GET, POST, OPTIONS"),
        ("cors-allow-headers", "X-Requested-With, Content-Type"),
        ("cors-allow-credentials", "true"),
        ("cors-max-age", "600"),
        ("cors-expose-headers", "X-Expose-1, X-Expose-2"),
    ]);
    let answer = preflight(&site, origin, "POST", "X-Requested-With, Content-Type");
    expect(
        &answer,
        &[
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "600"),
        ],
    );
    expect_words(&answer, "access-control-allow-methods", &["GET", "POST", "OPTIONS"]);
    expect_words(&answer, "access-control-allow-headers", &["X-Requested-With", "Content-Type"]);
    let answer = read(&site, origin);
    expect(&answer, &[("access-control-allow-origin", origin), ("access-control-allow-credentials", "true")]);
    expect_words(&answer, "access-control-expose-headers", &["X-Expose-1", "X-Expose-2"]);
}

#[test]
fn i2g_pages_of_all_origins_are_told_the_defaults() {
    let origin = "https://cors-defaults.example.com";
    let site = serve(&[]);
    let answer = preflight(&site, origin, "POST", "X-Requested-With");
    expect(&answer, &[("access-control-allow-credentials", "true"), ("access-control-max-age", "1728000")]);
    let methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];
    expect_words(&answer, "access-control-allow-methods", &methods);
    let fields = [
        "DNT",
        "Keep-Alive",
        "User-Agent",
        "X-Requested-With",
        "If-Modified-Since",
        "Cache-Control",
        "Content-Type",
        "Range",
        "Authorization",
    ];
    expect_words(&answer, "access-control-allow-headers", &fields);
    let read = read(&site, origin);
    expect(&read, &[("access-control-allow-credentials", "true")]);
    for answer in [answer, read] {
        let allowed = answer.field("access-control-allow-origin");
        assert!([Some("*"), Some(origin)].contains(&allowed), "{answer}");
    }
}

#[test]
fn i2g_pages_of_an_origin_that_is_not_listed_are_told_nothing() {
    let origin = "https://cors-denied.example.com";
    let site = serve(&[("cors-allow-origin", "https://cors-allowed.example.com")]);
    for answer in [preflight(&site, origin, "POST", "X-Requested-With"), read(&site, origin)] {
        assert_eq!(answer.field("access-control-allow-origin"), None);
    }
}

#[test]
fn i2g_methods_and_fields_that_are_not_listed_are_not_told() {
    let origin = "https://cors-method.example.com";
    let site = serve(&[
        ("cors-allow-origin", origin),
        ("cors-allow-methods", "GET, POST"),
        ("cors-allow-headers", "X-Requested-With"),
    ]);
    let answer = preflight(&site, origin, "DELETE", "X-Not-Allowed");
    expect(&answer, &[("access-control-allow-origin", origin)]);
    expect_words(&answer, "access-control-allow-methods", &["GET", "POST"]);
    expect_words(&answer, "access-control-allow-headers", &["X-Requested-With"]);
    let told = |name| answer.field(name).unwrap().to_lowercase();
    assert!(!told("access-control-allow-methods").contains("delete"));
    assert!(!told("access-control-allow-headers").contains("x-not-allowed"));
}
