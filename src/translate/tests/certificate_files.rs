//! Certificates of `--certificate-dir` beside those of Secrets.

use std::sync::Arc;

use super::builders::*;
use crate::model::{Certificate, CertificateError, ObjectKind, ObjectName, ObjectRef, UnitKey};
use crate::source::objects::{CertificateFile, Change};
use crate::translate::Settings;

fn file(name: &str, certificate: &Arc<Certificate>) -> Change {
    Change::arrival(CertificateFile { name: name.into(), certificate: Ok(Arc::clone(certificate)), last_good: None })
}

fn broken(name: &str, fault: CertificateError) -> Change {
    Change::arrival(CertificateFile { name: name.into(), certificate: Err(fault), last_good: None })
}

fn gone(name: &str) -> Change {
    Change::removal(ObjectRef::new(ObjectKind::File, ObjectName::new("", name)))
}

fn web(host: &str) -> IngressBuilder {
    ingress("web").rule(host, &[prefix("/", "a")])
}

fn served(world: &World, host: &str) -> Option<Vec<Arc<Certificate>>> {
    Some(world.find(host)?.tls.as_ref()?.certificates.to_vec())
}

#[test]
fn a_file_serves_the_hosts_that_it_names_with_rules_and_without() {
    let cert = certificate(&["a.example", "b.example"]);
    let world = world([web("a.example").change(), file("site.pem", &cert)]);
    assert_eq!(served(&world, "a.example"), Some(vec![cert.clone()]));
    assert_eq!(served(&world, "b.example"), Some(vec![cert]));
    assert!(world.find("b.example").is_some_and(|host| host.routes.is_empty()));
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn an_entry_of_an_object_wins_while_it_has_a_certificate() {
    let (of_secret, of_file) = (certificate(&["a.example"]), certificate(&["a.example"]));
    let entry = web("a.example").tls(&["a.example"], Some("cert")).change();
    let mut world = world([entry, file("site.pem", &of_file), secret("cert", &of_secret)]);
    assert_eq!(served(&world, "a.example"), Some(vec![of_secret]));
    world.apply([Change::removal(secret("cert", &of_file).object().clone())]);
    assert_eq!(served(&world, "a.example"), Some(vec![of_file]));
}

#[test]
fn a_wildcard_covers_hosts_of_every_namespace_and_those_whose_entry_has_no_certificate() {
    let cert = certificate(&["*.example"]);
    let entry = web("a.example").tls(&["a.example"], None).change();
    let mut world = world([entry, ingress("other/web").rule("b.example", &[prefix("/", "a")]).change()]);
    assert_eq!(served(&world, "a.example"), Some(Vec::new()));
    let stale = world.apply([file("site.pem", &cert)]);
    assert!(stale.contains(&UnitKey::Host(pattern("a.example").into())), "{stale:?}");
    assert_eq!(served(&world, "a.example"), Some(vec![cert.clone()]));
    let wildcard = world.host("*.example");
    let other = ["other".into()];
    assert_eq!(wildcard.tls_for(&other).map(|tls| tls.certificates.to_vec()), Some(vec![cert]));
    world.apply([gone("site.pem")]);
    assert_eq!(served(&world, "a.example"), Some(Vec::new()));
    assert!(world.find("*.example").is_none());
}

#[test]
fn of_files_the_first_by_name_counts_and_one_with_another_kind_of_key_beside_it() {
    let [first, second] = [certificate(&["a.example"]), certificate(&["a.example"])];
    let rsa = certificate_with(&["a.example"], (2020, 2040), &rcgen::PKCS_RSA_SHA256);
    let world = world([file("2.pem", &second), file("3.pem", &rsa), file("1.pem", &first)]);
    assert_eq!(served(&world, "a.example"), Some(vec![first, rsa]));
}

#[test]
fn a_file_that_becomes_unusable_goes_on_with_its_last_certificate_and_harms_no_other() {
    let (one, two) = (certificate(&["a.example"]), certificate(&["b.example"]));
    let mut world = world([file("a.pem", &one), file("b.pem", &two)]);
    world.apply([broken("a.pem", CertificateError::NoKey), broken("c.pem", CertificateError::KeyTooShort(1024))]);
    assert_eq!(served(&world, "a.example"), Some(vec![one]));
    assert_eq!(served(&world, "b.example"), Some(vec![two]));
    assert_eq!(world.problems(), ["InvalidCertificate File a.pem content", "InvalidCertificate File c.pem content"]);
    world.apply([gone("a.pem"), gone("c.pem")]);
    assert_eq!(served(&world, "a.example"), None);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn default_pem_is_the_default_certificate_unless_a_secret_is() {
    let (of_file, of_secret) = (certificate(&["a.example"]), certificate(&["b.example"]));
    let mut without = world([file("site.pem", &of_secret)]);
    assert_eq!(without.snapshot.default_certificate, None);
    let stale = without.apply([file("default.pem", &of_file)]);
    assert!(stale.contains(&UnitKey::DefaultCertificate));
    assert_eq!(without.snapshot.default_certificate, Some(of_file.clone()));
    let settings = Settings { default_certificate: Some(ObjectName::new("shop", "cert")), ..Settings::default() };
    let with = world_with(settings, [file("default.pem", &of_file), secret("cert", &of_secret)]);
    assert_eq!(with.snapshot.default_certificate, Some(of_secret));
    assert_eq!(served(&with, "a.example"), Some(vec![of_file]));
}

#[test]
fn a_name_that_is_no_host_is_told_but_for_the_default() {
    let nameless = certificate(&[]);
    let world = world([file("site.pem", &nameless), file("default.pem", &nameless)]);
    assert_eq!(world.problems(), ["CertificateMismatch File site.pem content"]);
}
