//! Certificates by host (semantics 4.6).

use std::sync::Arc;

use super::builders::*;
use crate::model::{Certificate, Filter, HttpsRedirect, HttpsUrl, ObjectKind, ObjectRef, ProblemCode, Severity};
use crate::source::objects::Change;
use crate::translate::{Settings, VisibleSecrets};

fn web(text: &str, created: i64) -> IngressBuilder {
    ingress(text).created(created).rule("a.example", &[prefix(&format!("/{text}"), "a")])
}

/// The certificates of a host; panics where it has no TLS.
fn served<'a>(world: &'a World, host: &str) -> Vec<&'a Arc<Certificate>> {
    world.host(host).tls.as_ref().unwrap().certificates.iter().collect()
}

#[test]
fn rule_52_the_secret_is_that_of_the_ingress_namespace() {
    let (ours, theirs) = (certificate(&["a.example"]), certificate(&["a.example"]));
    let entry = || web("web", 1).tls(&["A.example"], Some("cert")).change();
    let world = world([entry(), secret("cert", &ours), secret("other/cert", &theirs)]);
    assert_eq!(served(&world, "a.example"), [&ours]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn rule_53_an_entry_without_hosts_covers_the_hosts_of_the_rules() {
    let both = certificate(&["a.example", "*.b.example"]);
    let world = world([
        web("web", 1).rule("*.b.example", &[prefix("/", "a")]).tls(&[], Some("cert")).change(),
        secret("cert", &both),
    ]);
    assert_eq!(served(&world, "a.example"), [&both]);
    assert_eq!(served(&world, "*.b.example"), [&both]);
}

#[test]
fn rule_53_an_entry_without_hosts_and_rules_with_hosts_has_the_default_certificate() {
    let tenant = certificate(&["a.example"]);
    let hostless =
        world([ingress("web").rule("", &[prefix("/", "a")]).tls(&[], Some("cert")).change(), secret("cert", &tenant)]);
    assert_eq!(served(&hostless, "").len(), 0, "TLS, but no tenant's certificate for unknown names");
    assert_eq!(hostless.problems(), ["InvalidField Ingress shop/web spec.tls[0].hosts"]);
    let ruleless = world([
        ingress("web").default_backend(backend("a", 80)).tls(&[], Some("cert")).change(),
        secret("cert", &tenant),
    ]);
    assert_eq!(ruleless.host("").tls, None);
    assert_eq!(ruleless.problems(), ["InvalidField Ingress shop/web spec.tls[0].hosts"]);
}

#[test]
fn rule_53_invalid_hosts_of_an_entry_cost_themselves_only() {
    let cert = certificate(&["a.example"]);
    let world = world([web("web", 1).tls(&["*", "a.example", ""], Some("cert")).change(), secret("cert", &cert)]);
    assert_eq!(served(&world, "a.example"), [&cert]);
    assert_eq!(
        world.problems(),
        ["InvalidHost Ingress shop/web spec.tls[0].hosts[0]", "InvalidHost Ingress shop/web spec.tls[0].hosts[2]"]
    );
}

#[test]
fn rule_54_the_oldest_ingress_gives_the_certificate() {
    let (old, new) = (certificate(&["a.example"]), certificate(&["a.example"]));
    let world = world([
        web("new", 2).tls(&["a.example"], Some("new")).change(),
        web("old", 1).tls(&["a.example"], Some("old")).change(),
        web("same", 3).tls(&["a.example"], Some("old")).change(),
        secret("new", &new),
        secret("old", &old),
    ]);
    assert_eq!(served(&world, "a.example"), [&old]);
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::Conflict, Severity::Warning));
    assert_eq!(problem.object.name, name("new"));
    assert_eq!(problem.field, "spec.tls[0].secretName");
    assert!(problem.message.contains("shop/old"), "{problem}");
}

#[test]
fn rule_54_a_certificate_must_cover_its_host() {
    let other = certificate(&["other.example"]);
    let world = world([web("web", 1).tls(&["x.example", "a.example"], Some("cert")).change(), secret("cert", &other)]);
    assert_eq!(served(&world, "a.example").len(), 0);
    assert_eq!(
        world.problems(),
        [
            "CertificateMismatch Ingress shop/web spec.tls[0].hosts[1]",
            "CertificateMismatch Ingress shop/web spec.tls[0].hosts[0]",
        ]
    );
    assert!(world.problems[0].message.contains("only other.example"), "{}", world.problems[0]);
    assert_eq!(
        world.problems[0].remedy,
        "Issue a certificate that covers a.example, or remove the host from this entry"
    );
}

#[test]
fn rule_54_a_host_that_its_entry_does_not_list_is_not_to_be_removed_from_there() {
    let other = certificate(&["other.example"]);
    let world = world([web("web", 1).tls(&[], Some("cert")).change(), secret("cert", &other)]);
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.field.as_str()), (ProblemCode::CertificateMismatch, "spec.tls[0].secretName"));
    assert_eq!(problem.remedy, "Issue a certificate that covers a.example");
}

#[test]
fn rule_54_a_second_certificate_needs_another_kind_of_key_and_the_same_ingress() {
    let make = |algorithm| certificate_with(&["a.example"], (2020, 2040), algorithm);
    let (first, second, third) =
        (make(&rcgen::PKCS_ECDSA_P256_SHA256), make(&rcgen::PKCS_ED25519), make(&rcgen::PKCS_ED25519));
    let world = world([
        web("old", 1)
            .tls(&["a.example"], Some("first"))
            .tls(&["a.example"], Some("second"))
            .tls(&["a.example"], Some("third"))
            .change(),
        web("new", 2).tls(&["a.example"], Some("third")).change(),
        secret("first", &first),
        secret("second", &second),
        secret("third", &third),
    ]);
    assert_eq!(served(&world, "a.example"), [&first, &second]);
    assert_eq!(
        world.problems(),
        ["Conflict Ingress shop/new spec.tls[0].secretName", "Conflict Ingress shop/old spec.tls[2].secretName"]
    );
}

#[test]
fn rule_55_a_missing_or_broken_secret_leaves_tls_to_the_default_certificate() {
    let missing = world([web("web", 1).tls(&["a.example"], Some("cert")).change()]);
    assert_eq!(served(&missing, "a.example").len(), 0);
    assert_eq!(missing.problems(), ["SecretNotFound Ingress shop/web spec.tls[0].secretName"]);

    let broken = world([web("web", 1).tls(&["a.example"], Some("cert")).change(), broken_secret("cert")]);
    assert_eq!(served(&broken, "a.example").len(), 0);
    let problem = broken.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::InvalidSecret, Severity::Error));
    assert!(problem.message.contains("tls.crt holds no PEM certificate"), "{problem}");
}

#[test]
fn rule_76_a_secret_that_is_not_listed_is_told_apart_from_one_that_is_not_there() {
    let secrets = VisibleSecrets::Listed(Arc::new([name("cert"), name("more")].into()));
    let settings = Settings { secrets, now: NOW, ..Settings::default() };
    let tls = |secret| web("web", 1).tls(&["a.example"], Some(secret)).change();
    let there = world_with(settings.clone(), [tls("cert"), secret("cert", &certificate(&["a.example"]))]);
    assert_eq!((served(&there, "a.example").len(), there.problems()), (1, Vec::<String>::new()));

    let missing = world_with(settings.clone(), [tls("more")]);
    assert_eq!(missing.problems(), ["SecretNotFound Ingress shop/web spec.tls[0].secretName"]);
    assert!(missing.only_problem().message.contains("is missing or may not be read"), "{}", missing.only_problem());

    let unlisted = world_with(settings, [tls("other")]);
    let problem = unlisted.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::SecretNotListed, Severity::Error));
    assert!(problem.message.contains("not among those that this installation may read"), "{problem}");
    assert!(problem.remedy.contains("--secret-names") && problem.remedy.contains("secrets.names"), "{problem}");
    assert_eq!(served(&unlisted, "a.example").len(), 0);
}

#[test]
fn rule_55_a_broken_secret_does_not_take_tls_of_a_shared_host_down() {
    let good = certificate(&["a.example"]);
    let world = world([
        web("old", 1).tls(&["a.example"], Some("broken")).change(),
        web("new", 2).tls(&["a.example"], Some("good")).change(),
        broken_secret("broken"),
        secret("good", &good),
    ]);
    assert_eq!(served(&world, "a.example"), [&good]);
    assert_eq!(world.problems(), ["InvalidSecret Ingress shop/old spec.tls[0].secretName"]);
}

#[test]
fn rule_55_the_last_good_version_of_a_secret_goes_on_serving_until_it_is_deleted() {
    let good = certificate(&["a.example"]);
    let mut world = world([
        web("web", 1).tls(&["a.example"], Some("cert")).change(),
        secret("cert", &good),
        broken_secret("cert"),
        broken_secret("cert"),
    ]);
    assert_eq!(served(&world, "a.example"), [&good]);
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::InvalidSecret, Severity::Warning));
    world.input.apply(Change::removal(ObjectRef::new(ObjectKind::Secret, name("cert"))));
    world.input.apply(broken_secret("cert"));
    let (snapshot, _) = crate::translate::snapshot(&world.input);
    assert!(snapshot.hosts[&pattern("a.example").into()].tls.as_ref().unwrap().certificates.is_empty());
}

#[test]
fn rule_55_an_expired_certificate_is_served_with_a_warning_and_a_valid_one_goes_first() {
    let make = |years| certificate_with(&["a.example"], years, &rcgen::PKCS_ECDSA_P256_SHA256);
    let (expired, valid) = (make((2020, 2021)), make((2020, 2040)));
    let alone = world([web("web", 1).tls(&["a.example"], Some("expired")).change(), secret("expired", &expired)]);
    assert_eq!(served(&alone, "a.example"), [&expired]);
    let problem = alone.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::CertificateExpired, Severity::Warning));
    assert!(problem.message.contains("has expired"), "{problem}");

    let both = world([
        web("web", 1).tls(&["a.example"], Some("expired")).tls(&["a.example"], Some("valid")).change(),
        secret("expired", &expired),
        secret("valid", &valid),
    ]);
    assert_eq!(served(&both, "a.example"), [&valid]);
}

#[test]
fn rule_55_time_alone_makes_a_certificate_expire() {
    let (start, end) = (1_577_836_800, 1_609_459_200);
    let short = certificate_with(&["a.example"], (2020, 2021), &rcgen::PKCS_ECDSA_P256_SHA256);
    let settings = Settings { now: start - 1, default_certificate: Some(name("cert")), ..Settings::default() };
    let mut world =
        world_with(settings, [web("web", 1).tls(&["a.example"], Some("cert")).change(), secret("cert", &short)]);
    let mut at = |now| {
        let invalidated = world.input.advance(now);
        (invalidated.units.len(), crate::translate::snapshot(&world.input).1.into_values().flatten().count())
    };
    assert_eq!(at(start - 1), (0, 2), "not valid yet");
    assert_eq!(at(start), (3, 0), "the host, the Ingress and the default certificate");
    assert_eq!(at(end), (0, 0));
    assert_eq!(at(end + 1), (3, 2));
}

#[test]
fn rule_56_without_a_secret_the_default_certificate_serves() {
    let world = world([web("web", 1).tls(&["a.example"], None).change()]);
    assert_eq!(served(&world, "a.example").len(), 0);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn rule_58_the_default_certificate_is_a_unit_of_its_own() {
    let default = certificate(&["*.example"]);
    let settings = || Settings { default_certificate: Some(name("default")), now: NOW, ..Settings::default() };
    let there = world_with(settings(), [secret("default", &default)]);
    assert_eq!(there.snapshot.default_certificate.as_ref(), Some(&default));
    assert_eq!(there.problems(), [""; 0]);
    let missing = world_with(settings(), []);
    assert_eq!(missing.snapshot.default_certificate, None);
    assert_eq!(missing.problems(), ["SecretNotFound Secret shop/default --default-certificate"]);
    assert_eq!(
        world_with(settings(), [broken_secret("default")]).problems(),
        ["InvalidSecret Secret shop/default --default-certificate"]
    );
}

#[test]
fn a_redirect_to_https_is_a_matter_of_settings_and_annotations() {
    let redirect = |settings: Settings, web: IngressBuilder| {
        world_with(settings, [web.change()]).host("a.example").routes[0].filters.to_vec()
    };
    let off = || Settings { ssl_redirect: false, ..Settings::default() };
    let annotated = |key: &str, value: &str| web("web", 1).annotate(&format!("tidegate.dev/{key}"), value);
    let [with_tls, always] =
        [HttpsRedirect::WithTls, HttpsRedirect::Always].map(|when| [Filter::HttpsRedirect(when, HttpsUrl::default())]);
    assert_eq!(redirect(Settings::default(), web("web", 1)), with_tls);
    assert_eq!(redirect(off(), web("web", 1)), []);
    assert_eq!(redirect(Settings::default(), annotated("ssl-redirect", "false")), []);
    assert_eq!(redirect(off(), annotated("ssl-redirect", "true")), with_tls);
    assert_eq!(redirect(off(), annotated("force-ssl-redirect", "true")), always);
    let both = annotated("ssl-redirect", "false").annotate("tidegate.dev/force-ssl-redirect", "true");
    assert_eq!(redirect(Settings::default(), both), always);
}
