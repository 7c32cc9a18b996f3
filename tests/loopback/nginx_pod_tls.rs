//! TLS to pods where annotations of ingress-nginx say something of it. Names of tests carry the behaviour that they show.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Asked, Authority, Manifests, Pod, Speech, Tidegate, TlsPod, eventually, get};

const SECRET: (&str, &str) = ("proxy-ssl-secret", "test/pods");
const VERIFIED: (&str, &str) = ("proxy-ssl-verify", "on");
const NAMED: (&str, &str) = ("proxy-ssl-name", "pod.example");

/// Pods that TLS is spoken to, with annotations of their Ingress and a Secret `pods` with this content.
fn manifests(pods: &[SocketAddr], annotations: &[(&str, &str)], secret: &Value) -> Manifests {
    let key = |key| format!("nginx.ingress.kubernetes.io/{key}");
    let annotations: Value = annotations.iter().map(|(of, value)| (key(of), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pods", "namespace": "test"}, "stringData": secret,
    });
    let routes = Manifests::new().speaking("web", "https", pods);
    routes.ingress_with("web", Some("a.example"), &paths, annotations, json!([])).object(secret)
}

fn serve(pods: &[SocketAddr], annotations: &[(&str, &str)], secret: &Value) -> Tidegate {
    Tidegate::serve(&manifests(pods, annotations, secret))
}

fn showing(pod: &Pod, certificate: (String, String)) -> TlsPod {
    TlsPod::before(pod.address, Speech { certificate, ..Speech::of(&["http/1.1"]) })
}

fn pair(certificate: (String, String)) -> Value {
    let (chain, key) = certificate;
    json!({"tls.crt": chain, "tls.key": key})
}

#[test]
fn nginx_q2_a_pod_of_the_right_authority_and_name_is_served_from_and_any_other_is_502() {
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let pod = Pod::named("web");
    let named = showing(&pod, right.sign("pod.example", -1..1));
    let by_address = showing(&pod, right.sign("127.0.0.1", -1..1));
    let authorities = |of: &Authority| json!({"ca.crt": of.pem});
    let other = ("proxy-ssl-name", "other.example");
    for (shown, annotations, secret, status) in [
        (&named, vec![SECRET, VERIFIED, NAMED], authorities(&right), 200),
        (&named, vec![SECRET, VERIFIED, NAMED], authorities(&wrong), 502),
        (&named, vec![SECRET, VERIFIED, other], authorities(&right), 502),
        (&named, vec![SECRET, VERIFIED], authorities(&right), 502),
        (&by_address, vec![SECRET, VERIFIED], authorities(&right), 200),
        // Not verified by default.
        (&named, vec![SECRET, other], authorities(&wrong), 200),
        (&named, vec![SECRET, other, ("proxy-ssl-verify", "off")], authorities(&wrong), 200),
        // Nor without authorities, as in ingress-nginx.
        (&named, vec![VERIFIED, other], authorities(&right), 200),
    ] {
        let server = serve(&[shown.address], &annotations, &secret);
        assert_eq!(server.ask(get("a.example", "/")).status(), status, "{annotations:?}");
    }
}

#[test]
fn nginx_q2_the_name_is_sent_only_if_asked_for() {
    let authority = Authority::new("right");
    let pod = Pod::named("web");
    let shown = showing(&pod, authority.sign("pod.example", -1..1));
    let secret = json!({"ca.crt": authority.pem});
    for (sent, expected) in [(None, None), (Some("off"), None), (Some("on"), Some("pod.example".to_owned()))] {
        let mut annotations = vec![SECRET, VERIFIED, NAMED];
        annotations.extend(sent.map(|value| ("proxy-ssl-server-name", value)));
        let server = serve(&[shown.address], &annotations, &secret);
        assert_eq!(server.ask(get("a.example", "/")).text(), "web", "{sent:?}");
        let Asked { name, .. } = shown.hellos().pop().unwrap();
        assert_eq!(name, expected, "{sent:?}");
    }
    let server = serve(&[shown.address], &[NAMED, ("proxy-ssl-server-name", "on")], &secret);
    assert_eq!(server.ask(get("a.example", "/")).text(), "web");
    assert_eq!(shown.hellos().pop().unwrap().name, None, "it needs a Secret");
}

#[test]
fn nginx_q2_a_pod_that_asks_for_a_certificate_gets_that_of_the_secret() {
    let (clients, others) = (Authority::new("clients"), Authority::new("others"));
    let pod = Pod::named("web");
    for is_tls12 in [false, true] {
        let asks_for = Some(clients.pem.clone());
        let asking = TlsPod::before(pod.address, Speech { asks_for, is_tls12, ..Speech::of(&["http/1.1"]) });
        let of = |annotations: &[_], authority: &Authority| {
            let secret = pair(authority.sign("tidegate.example", -1..1));
            serve(&[asking.address], annotations, &secret).ask(get("a.example", "/")).status()
        };
        assert_eq!(of(&[SECRET], &clients), 200);
        assert_eq!(of(&[SECRET], &others), 502);
        assert_eq!(of(&[], &clients), 502);
    }
}

#[test]
fn nginx_q2_versions_are_those_of_the_annotation() {
    let pod = Pod::named("web");
    let authority = Authority::new("right");
    let (with, without) = (json!({"ca.crt": authority.pem}), pair(authority.sign("tidegate.example", -1..1)));
    for (annotations, secret, of_old) in [
        (vec![SECRET, ("proxy-ssl-protocols", "TLSv1.3")], &with, 502),
        (vec![SECRET, ("proxy-ssl-protocols", "TLSv1.2")], &with, 200),
        (vec![SECRET, ("proxy-ssl-protocols", "TLSv1.2 TLSv1.3")], &with, 200),
        // Nothing of it has an effect without a Secret, and this one has none without authorities.
        (vec![("proxy-ssl-protocols", "TLSv1.3")], &with, 200),
        (vec![SECRET, ("proxy-ssl-protocols", "TLSv1.3")], &without, 200),
    ] {
        for (is_tls12, status) in [(true, of_old), (false, 200)] {
            let shown = TlsPod::before(pod.address, Speech { is_tls12, ..Speech::of(&["http/1.1"]) });
            let server = serve(&[shown.address], &annotations, secret);
            assert_eq!(server.ask(get("a.example", "/")).status(), status, "{annotations:?} {is_tls12}");
        }
    }
}

#[test]
fn nginx_q2_no_more_certificates_may_be_between_than_the_depth_says() {
    let root = Authority::new("root");
    let first = root.intermediate("first");
    let second = first.intermediate("second");
    let pod = Pod::named("web");
    let shown = |signer: &Authority, between: &[&Authority]| {
        let (leaf, key) = signer.sign("pod.example", -1..1);
        let chain = between.iter().fold(leaf, |chain, next| chain + &next.pem);
        showing(&pod, (chain, key))
    };
    let (none, one, two) = (shown(&root, &[]), shown(&first, &[&first]), shown(&second, &[&second, &first]));
    // The authority itself does not count.
    let with_root = shown(&first, &[&first, &root]);
    let secret = json!({"ca.crt": root.pem});
    for (depth, statuses) in [
        (None, [200, 200, 502, 200]),
        (Some("0"), [200, 200, 502, 200]),
        (Some("1"), [200, 200, 502, 200]),
        (Some("2"), [200, 200, 200, 200]),
        (Some("4294967295"), [200, 200, 200, 200]),
    ] {
        for (shown, status) in [&none, &one, &two, &with_root].into_iter().zip(statuses) {
            let mut annotations = vec![SECRET, VERIFIED, NAMED];
            annotations.extend(depth.map(|depth| ("proxy-ssl-verify-depth", depth)));
            let server = serve(&[shown.address], &annotations, &secret);
            assert_eq!(server.ask(get("a.example", "/")).status(), status, "{depth:?}");
        }
    }
}

#[test]
fn nginx_q2_a_secret_that_is_missing_or_unusable_lets_no_request_pass_until_it_is_there() {
    let authority = Authority::new("right");
    let pod = Pod::named("web");
    let shown = showing(&pod, authority.sign("pod.example", -1..1));
    let good = json!({"ca.crt": authority.pem});
    let all = [SECRET, VERIFIED, NAMED];
    for (annotations, secret) in [
        (vec![("proxy-ssl-secret", "test/missing")], good.clone()),
        (vec![("proxy-ssl-secret", "other/pods")], good.clone()),
        (vec![("proxy-ssl-secret", "pods")], good.clone()),
        (vec![SECRET], json!({"ca.crt": "garbage"})),
        (all.to_vec(), pair(authority.sign("tidegate.example", -1..1))),
    ] {
        let server = serve(&[shown.address], &annotations, &secret);
        assert_eq!(server.ask(get("a.example", "/")).status(), 503, "{annotations:?}");
    }
    assert_eq!(shown.hellos(), [], "the pod is not asked");

    let server = serve(&[shown.address], &all, &json!({"ca.crt": "garbage"}));
    assert_eq!(server.ask(get("a.example", "/")).status(), 503);
    for (secret, status) in [
        (&good, 200),
        (&json!({"ca.crt": Authority::new("wrong").pem}), 502),
        (&good, 200),
        (&json!({"ca.crt": "garbage"}), 503),
    ] {
        server.replace(&manifests(&[shown.address], &all, secret));
        eventually("the Secret counts", || (server.ask(get("a.example", "/")).status() == status).then_some(()));
    }
}

#[test]
fn nginx_q2_connections_that_were_made_without_verification_do_not_serve_who_asks_for_it() {
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let pod = Pod::named("web");
    let shown = showing(&pod, wrong.sign("pod.example", -1..1));
    let key = |of: &str| format!("nginx.ingress.kubernetes.io/{of}");
    let annotations: Value = [SECRET, VERIFIED, NAMED].iter().map(|(of, value)| (key(of), json!(value))).collect();
    let both = manifests(&[shown.address], &[], &json!({"ca.crt": right.pem})).ingress_with(
        "verified",
        Some("a.example"),
        &[("/verified", "Prefix", "web")],
        annotations,
        json!([]),
    );
    let server = Tidegate::serve(&both);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.ask(get("a.example", "/")).text(), "web");
        assert_eq!(client.ask(get("a.example", "/verified")).status(), 502);
    }
}
