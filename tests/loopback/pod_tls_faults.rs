//! Handshakes with pods that fail: what clients are told, what is counted, and that another endpoint gets the request.

use std::net::SocketAddr;

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Message, Pod, PodConnection, Speech, Tidegate, TlsPod, eventually, get};

const METHODS: [&str; 4] = ["GET", "PUT", "POST", "PATCH"];

fn request(method: &str) -> String {
    let body = if method == "GET" { "\r\n" } else { "Content-Length: 4\r\n\r\nbody" };
    format!("{method} / HTTP/1.1\r\nHost: a.example\r\n{body}")
}

/// A pod that does something else than a handshake once the hello has come.
fn instead(script: impl Fn(&mut PodConnection) + Send + Sync + 'static) -> Pod {
    Pod::scripted(move |mut connection| {
        let Ok(hello) = connection.some() else { return };
        assert_eq!(hello[0], 0x16, "a hello: {hello:?}");
        script(&mut connection);
    })
}

/// A fault: what to serve from, how it is told and counted.
struct Fault {
    address: SocketAddr,
    status: u16,
    text: &'static str,
    result: &'static str,
}

/// Shows what clients see of a fault when there is no other pod, and that there is nothing to see when there is one.
fn check(app_protocol: &str, fault: &Fault) {
    let Fault { address, status, text, result } = *fault;
    let options = ["--connect-timeout", "300ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_speaking(app_protocol, &[address]), &options);
    let told = |answer: &Message| (answer.status(), answer.text());
    let (got, body) = told(&server.ask(get("a.example", "/")));
    assert_eq!(got, status, "{body}");
    assert!(body.contains(text), "{text}: {body}");
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/").await;
        assert_eq!(answer.status, status);
        assert!(answer.text().contains(text), "{text}: {}", answer.text());
    });
    let failed = |name: &str, label: &str| server.metric(&format!("tidegate_upstream_{name}_total"), label);
    assert!(failed("tls_handshakes", &format!("result=\"{result}\"")) >= 2.0, "{text}");
    let reason = if status == 504 { "tls_timeout" } else { "tls" };
    assert_eq!(failed("failures", &format!("reason=\"{reason}\"")), failed("failures", ""), "{text}");
    let view = server.admin("/debug/snapshot").text();
    assert!(view.contains("\"suspect\": true"), "{view}");

    let pod = Pod::named("sound");
    let sound = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let both = [address, sound.address];
    let server = Tidegate::serve_with(&Manifests::everything_to_speaking("https", &both), &options);
    for method in METHODS {
        assert_eq!(server.ask(request(method)).text(), "sound", "{text}: {method}");
    }
    // A client has its answer a moment before the request is counted.
    let served = || server.metric("tidegate_requests_total", "code=\"200\"");
    eventually("all requests to be counted", || (served() >= 4.0).then_some(()));
    assert_eq!(served(), server.metric("tidegate_requests_total", ""), "no other answer");
}

#[test]
fn a_pod_that_is_silent_in_the_handshake_is_given_up_in_time() {
    let pod = instead(|connection| drop(connection.rest()));
    let text = "the backend did not finish the TLS handshake in time";
    for app_protocol in ["https", "grpcs"] {
        check(app_protocol, &Fault { address: pod.address, status: 504, text, result: "timeout" });
    }
}

#[test]
fn a_pod_that_speaks_no_tls_is_told_as_such() {
    let pod = instead(|connection| connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    let text = "the backend does not speak TLS there, though appProtocol of its Service says so";
    for app_protocol in ["https", "grpcs"] {
        check(app_protocol, &Fault { address: pod.address, status: 502, text, result: "not_tls" });
    }
    let settings = instead(|connection| connection.send(b"\0\0\0\x04\0\0\0\0\0"));
    check("grpcs", &Fault { address: settings.address, status: 502, text, result: "not_tls" });
}

#[test]
fn a_pod_that_closes_within_the_handshake_is_told_as_such() {
    let text = "the backend closed the connection during the TLS handshake";
    let closes = instead(|_| {});
    check("https", &Fault { address: closes.address, status: 502, text, result: "closed" });
    let resets = Pod::scripted(|mut connection| {
        let _ = connection.some();
        connection.reset();
    });
    check("https", &Fault { address: resets.address, status: 502, text, result: "closed" });
    let half = instead(|connection| connection.send(b"\x16\x03\x03\0\x7a\x02\0"));
    check("https", &Fault { address: half.address, status: 502, text, result: "closed" });
}

#[test]
fn a_pod_that_breaks_the_protocol_is_told_as_such() {
    let garbage = instead(|connection| connection.send([&b"\x16\x03\x03\0\x40"[..], &[7; 0x40]].concat()));
    let text = "the TLS handshake with the backend failed";
    check("https", &Fault { address: garbage.address, status: 502, text, result: "failed" });
}

#[test]
fn a_pod_that_refuses_is_told_as_such() {
    let fatal = |alert: u8| instead(move |connection| connection.send([0x15, 3, 3, 0, 2, 2, alert]));
    let check = |pod: &Pod, text, result| check("https", &Fault { address: pod.address, status: 502, text, result });
    check(&fatal(40), "the backend refused the TLS handshake (", "refused");
    check(&fatal(112), "the backend refused the TLS handshake because of its server name (SNI)", "refused");
    check(&fatal(116), "the backend asks for a client certificate, and there is none for it", "refused");
    check(&fatal(70), "the backend has no version or cipher of TLS in common with this proxy", "failed");
    let other = TlsPod::before(Pod::named("x").address, Speech::of(&["spdy/3"]));
    let text = "the backend speaks through TLS none of the versions of HTTP that were offered (ALPN)";
    self::check("https", &Fault { address: other.address, status: 502, text, result: "refused" });
}

#[test]
fn a_tls_pod_that_is_spoken_to_in_clear_is_told_as_such() {
    // What OpenSSL, Java and rustls answer to what is no hello.
    let alert = || {
        Pod::scripted(|mut connection| {
            let _ = connection.some();
            connection.send([0x15, 3, 1, 0, 2, 2, 0x46]);
        })
    };
    for app_protocol in ["http", "kubernetes.io/h2c"] {
        let pod = alert();
        let server = Tidegate::serve(&Manifests::everything_to_speaking(app_protocol, &[pod.address]));
        let answer = server.ask(get("a.example", "/"));
        assert_eq!(answer.status(), 502);
        let text = "the backend speaks TLS there: does its Service need appProtocol: https?";
        assert!(answer.text().contains(text), "{app_protocol}: {}", answer.text());
    }
    let pod = Pod::named("one");
    let tls = TlsPod::before(pod.address, Speech::of(&[]));
    let server = Tidegate::serve(&Manifests::everything_to(&[tls.address]));
    let answer = server.ask(get("a.example", "/"));
    assert!(answer.text().contains("does its Service need appProtocol: https?"), "{}", answer.text());
}
