//! External authentication as annotations of ingress-nginx ask for it. Names of tests carry the behaviour that they show.

use std::net::{Ipv4Addr, TcpListener};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::dns::DnsServer;
use crate::support::h2::{H2Client, run};
use crate::support::{Client, Manifests, Message, Pod, Speech, Tidegate, TlsPod, eventually, get, refusing};

const URL: (&str, &str) = ("auth-url", "http://auth.test.svc.cluster.local/check?x=$request_uri");
const YES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-User: ann\r\nX-Empty: \r\n\r\nyes";

fn manifests(pod: &Pod, auth: &Pod, pairs: &[(&str, &str)]) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    Manifests::new()
        .service("web", &[pod.address])
        .service("auth", &[auth.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths)
}

/// `a.example` has these annotations, `b.example` has none. The pod is `web`, and `auth` answers with these bytes.
fn serve(answer: &str, pairs: &[(&str, &str)]) -> (Pod, Pod, Tidegate) {
    let (pod, auth) = (Pod::named("web"), Pod::answering(answer.to_owned()));
    let server = Tidegate::serve(&manifests(&pod, &auth, pairs));
    (pod, auth, server)
}

fn status(server: &Tidegate) -> u16 {
    server.ask(get("a.example", "/")).status()
}

fn answer(status: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{fields}\r\n")
}

fn field(message: &Message, name: &str) -> Option<String> {
    message.field(name).map(str::to_owned)
}

#[test]
fn nginx_i1_the_service_gets_the_fields_of_the_request_and_what_it_asks_for_and_no_body() {
    let (pod, auth, server) = serve(YES, &[URL]);
    let request = "POST /x?y=%20 HTTP/1.1\r\nHost: a.example:81\r\nContent-Length: 2\r\nCookie: id=1\r\n\
                   Authorization: Bearer z\r\nX-Original-URL: http://evil/\r\nX-Sent-From: evil\r\nX-Real-IP: 9.9.9.9\r\n\
                   X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Request-ID: seven\r\n\r\nhi";
    assert_eq!(server.ask(request).text(), "web");
    let asked = auth.only_request();
    assert_eq!(asked.start, "GET /check?x=/x?y=%20 HTTP/1.1");
    for (name, expected) in [
        ("host", Some("auth.test.svc.cluster.local")),
        ("x-original-url", Some("http://a.example:81/x?y=%20")),
        ("x-original-method", Some("POST")),
        ("x-auth-request-redirect", Some("/x?y=%20")),
        ("x-sent-from", Some("nginx-ingress-controller")),
        ("x-real-ip", Some("127.0.0.1")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-request-id", Some("seven")),
        ("cookie", Some("id=1")),
        ("authorization", Some("Bearer z")),
        ("content-length", None),
        ("transfer-encoding", None),
        ("x-original-uri", None),
        ("x-scheme", None),
        // ingress-nginx says nothing of these, and what clients say is not believed.
        ("x-forwarded-host", None),
        ("x-forwarded-port", None),
        ("x-forwarded-proto", None),
    ] {
        assert_eq!(field(&asked, name).as_deref(), expected, "{name}");
    }
    let served = pod.only_request();
    assert_eq!((&*served.body, field(&served, "authorization").as_deref()), (&b"hi"[..], Some("Bearer z")));
}

#[test]
fn nginx_i1_a_method_and_a_place_to_come_back_to_may_be_given() {
    let pairs = [URL, ("auth-method", "POST"), ("auth-request-redirect", "https://$host/back")];
    let (_pod, auth, server) = serve(YES, &pairs);
    assert_eq!(server.ask(get("a.example", "/x")).status(), 200);
    let asked = auth.only_request();
    assert_eq!(asked.start, "POST /check?x=/x HTTP/1.1");
    assert_eq!(field(&asked, "x-original-uri").as_deref(), Some("/x"));
    assert_eq!(field(&asked, "x-auth-request-redirect").as_deref(), Some("https://a.example/back"));
}

#[test]
fn nginx_i2_success_lets_a_request_pass_and_nothing_else_does() {
    for (said, expected) in [
        ("200 OK", 200),
        ("202 Accepted", 200),
        ("204 No Content", 200),
        ("302 Found", 500),
        ("401 Unauthorized", 401),
        ("403 Forbidden", 403),
        ("404 Not Found", 500),
        ("500 Oops", 500),
        ("503 Oops", 500),
    ] {
        let said = if said.starts_with("204") { format!("HTTP/1.1 {said}\r\n\r\n") } else { answer(said, "") };
        let (pod, _auth, server) = serve(&said, &[URL]);
        assert_eq!(status(&server), expected, "{said}");
        assert_eq!(pod.requests().len(), usize::from(expected == 200), "{said}");
        let post = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(server.ask(post).status(), expected, "{said}");
        assert_eq!(server.ask(get("b.example", "/")).text(), "web", "the neighbour serves");
    }
    let (_pod, _auth, server) = serve(&answer("401 No", "WWW-Authenticate: Bearer realm=\"x\"\r\n"), &[URL]);
    assert_eq!(server.ask(get("a.example", "/")).field("www-authenticate"), Some("Bearer realm=\"x\""));
    assert_eq!(server.metric("tidegate_filter_answers_total", "filter=\"auth\""), 1.0);
}

#[test]
fn nginx_i2_who_has_to_sign_in_is_sent_there_with_the_way_back() {
    let unknown = answer("401 No", "Set-Cookie: csrf=1\r\n");
    for (sign_in, parameter, expected) in [
        ("https://$host/start", None, "https://a.example/start?rd=http://a.example:81%2Fx%3Fy%3D1"),
        ("https://s.example/?a=b", None, "https://s.example/?a=b&rd=http://a.example:81%2Fx%3Fy%3D1"),
        ("https://s.example/", Some("to"), "https://s.example/?to=http://a.example:81%2Fx%3Fy%3D1"),
        ("https://s.example/?rd=$escaped_request_uri", None, "https://s.example/?rd=%2Fx%3Fy%3D1"),
    ] {
        let mut pairs = vec![URL, ("auth-signin", sign_in)];
        pairs.extend(parameter.map(|name| ("auth-signin-redirect-param", name)));
        let (pod, _auth, server) = serve(&unknown, &pairs);
        let answer = server.ask(get("a.example:81", "/x?y=1"));
        assert_eq!((answer.status(), answer.field("location")), (302, Some(expected)), "{sign_in}");
        assert_eq!(answer.field("set-cookie"), Some("csrf=1"));
        assert_eq!(pod.requests().len(), 0);
    }
}

#[test]
fn nginx_i2_a_service_that_does_not_answer_gives_500_and_others_are_served() {
    let pod = Pod::named("web");
    let hung = Pod::scripted(|mut connection| {
        connection.request();
        connection.request();
    });
    let server = Tidegate::serve(&manifests(&pod, &hung, &[URL, ("proxy-read-timeout", "1")]));
    let mut waiting = server.connect();
    waiting.send(get("a.example", "/"));
    hung.wait_for_connections(1);
    assert_eq!(server.ask(get("b.example", "/")).text(), "web", "others are served meanwhile");
    assert_eq!(waiting.answer().status(), 500);
    assert_eq!(pod.requests().len(), 1);

    let garbage = ["HTTP/1.1 200", "garbage\r\n\r\n", "", &answer("200 OK", &format!("X: {}\r\n", "x".repeat(40_000)))]
        .map(str::to_owned);
    for said in garbage {
        let broken = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(&said);
        });
        let server = Tidegate::serve(&manifests(&pod, &broken, &[URL]));
        assert_eq!(status(&server), 500);
    }
    let (closed, _socket) = refusing();
    let url = format!("http://{closed}/");
    let (_pod, _auth, server) = serve(YES, &[("auth-url", &url)]);
    assert_eq!(status(&server), 500);
}

#[test]
fn a_long_answer_of_the_service_holds_nobody_up() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n{}", "x".repeat(200_000));
    let (_pod, _auth, server) = serve(&long, &[URL]);
    assert_eq!(status(&server), 200);
}

#[test]
fn nginx_i3_pods_get_fields_of_the_answer_and_never_those_of_a_client_under_these_names() {
    let pairs = [URL, ("auth-response-headers", "X-User, X-Empty,X-Absent")];
    let (pod, _auth, server) = serve(YES, &pairs);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\nX-User: root\r\nx-user: admin\r\nX_User: root\r\nX-Empty: evil\r\n\
                   X-Absent: evil\r\nx_absent: evil\r\nX-Other: kept\r\n\r\n";
    assert_eq!(server.ask(request).text(), "web");
    let served = String::from_utf8(pod.received_in_all()).unwrap().to_lowercase();
    assert!(served.contains("x-user: ann\r\n") && served.contains("x-other: kept\r\n"), "{served}");
    assert!(!served.contains("root") && !served.contains("admin") && !served.contains("evil"), "{served}");
}

#[test]
fn nginx_i7_with_satisfy_any_the_service_is_not_asked_about_an_address_that_is_listed() {
    let copied = ("auth-response-headers", "X-User");
    let allowed = ("allowlist-source-range", "127.0.0.1/32");
    let no = answer("401 Unauthorized", "");
    // From an address that is listed and from another, where the service says no and where it says yes.
    for (more, expected) in [
        (&[allowed][..], [(401, 403), (200, 403)]),
        (&[allowed, ("satisfy", "any")], [(200, 401), (200, 200)]),
        (&[("denylist-source-range", "127.0.0.2"), ("satisfy", "any")], [(401, 401), (200, 200)]),
        (&[allowed, ("denylist-source-range", "127.0.0.1"), ("satisfy", "any")], [(401, 401), (200, 200)]),
        (&[("satisfy", "any")], [(401, 401), (200, 200)]),
    ] {
        for (reply, (listed, other)) in [no.as_str(), YES].into_iter().zip(expected) {
            let (pod, auth, server) = serve(reply, &[&[URL, copied][..], more].concat());
            for (last, expected) in [(1, listed), (2, other)] {
                let mut client = Client::connect_from(Ipv4Addr::new(127, 0, 0, last).into(), server.http);
                let answer = client.ask("GET / HTTP/1.1\r\nHost: a.example\r\nX-User: root\r\nX_User: root\r\n\r\n");
                assert_eq!(answer.status(), expected, "{more:?} from .{last}");
            }
            let asked = [listed, other].iter().filter(|status| **status != 403).count();
            let excused = more.len() == 2 && more[1] == ("satisfy", "any") && more[0] == allowed;
            assert_eq!(auth.requests().len(), asked - usize::from(excused), "{more:?}");
            // Who was not asked about may not say who they are.
            assert!(!String::from_utf8_lossy(&pod.received_in_all()).contains("root"));
        }
    }
}

/// `alice` with the password `open sesame`, whom pods know by a field that the service may set.
const BOTH: [(&str, &str); 5] =
    [URL, ("auth-type", "basic"), ("auth-secret", "users"), ("satisfy", "any"), ("auth-response-headers", "X-User")];

/// The same with users, and these annotations besides.
fn serve_both(said: &str, more: &[(&str, &str)]) -> (Pod, Pod, Tidegate) {
    let (pod, auth) = (Pod::named("web"), Pod::answering(said.to_owned()));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users", "namespace": "test"},
        "stringData": {"auth": "alice:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="},
    });
    let server = Tidegate::serve(&manifests(&pod, &auth, &[&BOTH[..], more].concat()).object(secret));
    (pod, auth, server)
}

const RIGHT: &str = "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n";
const WRONG: &str = "Authorization: Basic YWxpY2U6eA==\r\n";

#[test]
fn nginx_i7_with_satisfy_any_a_password_or_the_consent_of_the_service_is_enough() {
    let basic = "Basic realm=\"Authentication Required\"";
    let bearer = answer("401 No", "WWW-Authenticate: Bearer\r\n");
    let (no, lost) = (answer("403 No", ""), answer("404 Not Found", ""));
    for (said, fields, expected, asks) in [
        // A password that is right spares the question.
        (&*no, RIGHT, 200, &[][..]),
        (&lost, RIGHT, 200, &[]),
        (YES, WRONG, 200, &[]),
        (YES, "", 200, &[]),
        (YES, "Authorization: Bearer z\r\n", 200, &[]),
        // Of two refusals the last counts, and all that could help is told.
        (&bearer, "", 401, &[basic, "Bearer"]),
        (&bearer, WRONG, 401, &[basic, "Bearer"]),
        (&no, WRONG, 403, &[basic]),
        // What is no refusal ends the search.
        (&lost, WRONG, 500, &[]),
    ] {
        let (pod, auth, server) = serve_both(said, &[]);
        let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-User: root\r\nX_User: root\r\n{fields}\r\n");
        let answer = server.ask(request);
        assert_eq!((answer.status(), answer.all("www-authenticate")), (expected, asks.to_vec()), "{said} {fields}");
        assert_eq!(auth.requests().len(), usize::from(fields != RIGHT), "{said} {fields}");
        let served = String::from_utf8(pod.received_in_all()).unwrap().to_lowercase();
        assert_eq!(served.is_empty(), expected != 200);
        assert!(!served.contains("root") && !served.contains("authorization"), "{served}");
        assert_eq!(served.contains("x-user: ann"), expected == 200 && fields != RIGHT, "{served}");
        assert_eq!(server.ask(get("b.example", "/")).text(), "web", "the neighbour serves");
    }
    let (_pod, _auth, server) = serve_both(&answer("401 No", ""), &[("auth-signin", "https://s.example/")]);
    let answer = server.ask(get("a.example", "/"));
    assert_eq!((answer.status(), answer.field("location")), (302, Some("https://s.example/?rd=http://a.example%2F")));
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a.example", "/").await.status, 302);
        let right = client.request("GET", "a.example", "/").header("authorization", "Basic YWxpY2U6b3BlbiBzZXNhbWU=");
        assert_eq!(client.ask(right, b"").await.status, 200);
    });
}

#[test]
fn nginx_i7_with_satisfy_any_an_address_comes_before_password_and_service() {
    let listed = [("allowlist-source-range", "127.0.0.1/32")];
    let (_pod, auth, server) = serve_both(&answer("401 No", ""), &listed);
    for (last, fields, expected, asked) in [(1, "", 200, 0), (2, "", 401, 1), (2, RIGHT, 200, 1), (2, WRONG, 401, 2)] {
        let mut client = Client::connect_from(Ipv4Addr::new(127, 0, 0, last).into(), server.http);
        let answer = client.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
        assert_eq!((answer.status(), auth.requests().len()), (expected, asked), ".{last} {fields}");
    }
}

#[test]
fn nginx_i7_with_satisfy_any_nobody_is_served_where_one_of_the_ways_in_is_not_known() {
    for more in [
        ("auth-secret", "missing"),
        ("auth-type", "digest"),
        ("auth-url", "nonsense"),
        ("auth-snippet", "deny all;"),
        ("allowlist-source-range", "nonsense"),
    ] {
        let (pod, auth, server) = serve_both(YES, &[more]);
        for fields in ["", RIGHT] {
            let answer = server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
            assert_eq!(answer.status(), 503, "{more:?} {fields}");
        }
        assert_eq!((pod.requests().len(), auth.requests().len()), (0, 0), "{more:?}");
        assert_eq!(server.ask(get("b.example", "/")).text(), "web", "the neighbour serves");
    }
}

#[test]
fn nginx_i7_with_satisfy_any_who_is_wrong_too_often_is_judged_by_the_service() {
    let (_pod, auth, server) = serve_both(YES, &[]);
    let statuses: Vec<_> = (0..20)
        .map(|at| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("alice:{at}"));
            server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic {encoded}\r\n\r\n")).status()
        })
        .collect();
    // The service may know who it is: users of it and of the list can have one address.
    assert_eq!((statuses, auth.requests().len()), (vec![200; 20], 20));
}

#[test]
fn nginx_i4_cookies_of_the_service_go_to_the_client() {
    let yes = answer("200 OK", "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
    for (of_pod, always, expected) in
        [("200 OK", None, true), ("302 Found", None, true), ("404 No", None, false), ("404 No", Some("true"), true)]
    {
        let (pod, auth) = (Pod::answering(answer(of_pod, "Set-Cookie: pod=1\r\n")), Pod::answering(yes.clone()));
        let mut pairs = vec![URL];
        pairs.extend(always.map(|value| ("auth-always-set-cookie", value)));
        let server = Tidegate::serve(&manifests(&pod, &auth, &pairs));
        let text = format!("{:?}", server.ask(get("a.example", "/")));
        assert!(text.contains("pod=1"), "{text}");
        assert_eq!(text.contains("a=1") && text.contains("b=2"), expected, "{of_pod} {always:?}");
    }
}

#[test]
fn nginx_i5_two_requests_with_one_key_ask_once() {
    let ask = |server: &Tidegate, path: &str, cookie: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nCookie: id={cookie}\r\n\r\n");
        server.ask(request).status()
    };
    let key = ("auth-cache-key", "$cookie_id");
    let (pod, auth, server) = serve(YES, &[URL, key, ("auth-response-headers", "X-User")]);
    for cookie in ["1", "1", "2", "1"] {
        assert_eq!(ask(&server, "/", cookie), 200);
    }
    assert_eq!((auth.requests().len(), pod.requests().len()), (2, 4));
    assert!(pod.requests().iter().all(|request| request.field("x-user") == Some("ann")));

    let private = "Cache-Control: max-age=9, private\r\n";
    for (said, life, asked) in [
        (answer("401 No", ""), None, 1),
        (answer("403 No", ""), None, 2),
        (answer("403 No", ""), Some("200 5m, any 1m"), 1),
        (answer("200 OK", ""), Some("401 5m"), 2),
        (answer("200 OK", "Set-Cookie: a=1\r\n"), None, 2),
        (answer("200 OK", private), None, 2),
        (answer("200 OK", ""), Some("200 0"), 2),
        // What the answer says of its time wins.
        (answer("403 No", "Cache-Control: max-age=60\r\n"), None, 1),
        (answer("200 OK", "Cache-Control: max-age=0\r\n"), None, 2),
        (answer("200 OK", "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), None, 2),
        (answer("200 OK", "X-Accel-Expires: 60\r\nCache-Control: private\r\n"), Some("200 0"), 1),
        (answer("200 OK", "Vary: *\r\n"), None, 2),
        (answer("200 OK", "Vary: Cookie\r\n"), None, 1),
        // What we say of a request differs where all that its client says in fields is alike.
        (answer("200 OK", "Vary: X-Original-URL\r\n"), None, 2),
        (answer("200 OK", "Vary: X-Sent-From, X-Real-IP\r\n"), None, 2),
    ] {
        let mut pairs = vec![URL, key];
        pairs.extend(life.map(|life| ("auth-cache-duration", life)));
        let (_pod, auth, server) = serve(&said, &pairs);
        let first = ask(&server, "/", "1");
        assert_eq!(ask(&server, "/", "1"), first);
        assert_eq!(auth.requests().len(), asked, "{said} {life:?}");
    }
    let (_pod, auth, server) = serve(&answer("200 OK", "Vary: Accept, X-Team\r\n"), &[URL, key]);
    for (team, asked) in [("red", 1), ("blue", 2), ("red", 2), ("blue", 2)] {
        let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\nCookie: id=1\r\nX-Team: {team}\r\n\r\n");
        assert_eq!((server.ask(request).status(), auth.requests().len()), (200, asked), "{team}");
    }
}

#[test]
fn nginx_i6_what_cannot_be_asked_lets_nobody_in() {
    let good = "http://auth.test.svc.cluster.local/";
    for pairs in [
        vec![("auth-url", "")],
        vec![("auth-url", "nonsense")],
        vec![("auth-url", "http://auth.test.svc.cluster.local/\r\nHost: evil")],
        vec![("auth-url", "http://$http_x/")],
        vec![("auth-url", "http://auth.test.svc.cluster.local/$nginx_version")],
        vec![("auth-url", "http://auth.test.svc.cluster.local:81/")],
        vec![("auth-url", "http://missing.test.svc.cluster.local/")],
        vec![("auth-url", "http://169.254.169.254/latest/")],
        vec![("auth-url", "http://[fe80::1]/")],
        vec![("auth-url", "http://[::ffff:169.254.169.254]/")],
        vec![("auth-url", "http://localhost/")],
        vec![("auth-url", "http://0.0.0.0/")],
        vec![("auth-url", &"x".repeat(100_000))],
        vec![("auth-url", good), ("auth-method", "TRACE")],
        vec![("auth-url", good), ("auth-method", "GET / HTTP/1.1\r\n")],
        vec![("auth-url", good), ("auth-response-headers", "X-User\r\nX: y")],
        vec![("auth-url", good), ("auth-response-headers", "Host")],
        vec![("auth-url", good), ("auth-snippet", "proxy_set_header X y;")],
        vec![("auth-snippet", "deny all;")],
        vec![("auth-url", good), ("auth-proxy-set-headers", "test/fields")],
    ] {
        let (pod, auth, server) = serve(YES, &pairs);
        assert_eq!(status(&server), 503, "{pairs:?}");
        assert_eq!(server.ask(get("b.example", "/")).text(), "web", "the neighbour serves");
        assert_eq!((pod.requests().len(), auth.requests().len()), (1, 0));
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains("503") && problems.contains("\"name\":\"a\""), "{pairs:?} {problems}");
    }
}

#[test]
fn nginx_i6_our_own_sockets_are_not_asked() {
    let (pod, auth) = (Pod::named("web"), Pod::answering(YES));
    // A free port that is known before the server is there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = format!("http://{free}/");
    let server = Tidegate::serve_with(&manifests(&pod, &auth, &[("auth-url", &url)]), &["--admin", &free]);
    assert_eq!(status(&server), 503);
    assert!(server.admin("/debug/problems").text().contains("our own"));
}

#[test]
fn nginx_i6_values_that_restrict_nothing_are_told_and_left_out() {
    for pair in [
        ("auth-signin", "javascript:alert(1)"),
        ("auth-signin", "https://b.example/\r\nSet-Cookie: a=b"),
        ("auth-signin-redirect-param", "a&b=c"),
        ("auth-cache-key", "$nginx_version"),
        ("auth-cache-duration", "for ever"),
        ("auth-request-redirect", "$"),
    ] {
        let (_pod, auth, server) = serve(&answer("401 No", ""), &[URL, pair]);
        let answer = server.ask(get("a.example", "/"));
        assert_eq!((answer.status(), answer.field("location")), (401, None), "{pair:?}");
        assert_eq!(auth.requests().len(), 1);
        assert!(server.admin("/debug/problems").text().contains(pair.0), "{pair:?}");
    }
}

#[test]
fn nginx_i8_there_is_no_global_authentication_to_opt_out_of() {
    for value in ["true", "false"] {
        let (_pod, _auth, server) = serve(YES, &[("enable-global-auth", value)]);
        assert_eq!(status(&server), 200);
        let (_pod, _auth, server) = serve(&answer("403 No", ""), &[URL, ("enable-global-auth", value)]);
        assert_eq!(status(&server), 403, "it opts out of nothing else");
    }
}

#[test]
fn connections_to_the_service_are_kept_and_one_that_it_closes_does_no_harm() {
    let (_pod, auth, server) = serve(YES, &[URL, ("auth-keepalive", "7"), ("auth-keepalive-timeout", "9")]);
    let mut client = server.connect();
    for _ in 0..5 {
        assert_eq!(client.ask(get("a.example", "/")).status(), 200);
    }
    assert_eq!((auth.requests().len(), auth.connections()), (5, 1));
    let closing = Pod::scripted(|mut connection| {
        connection.request();
        connection.send(YES);
    });
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, &closing, &[URL]));
    let mut client = server.connect();
    for _ in 0..5 {
        assert_eq!(client.ask(get("a.example", "/")).status(), 200);
    }
}

#[test]
fn a_service_may_speak_tls_and_shows_any_certificate() {
    let (pod, auth) = (Pod::named("web"), Pod::answering(YES));
    let secure = TlsPod::before(auth.address, Speech::of(&["h2", "http/1.1"]));
    let url = format!("https://{}/check", secure.address);
    let server = Tidegate::serve(&manifests(&pod, &auth, &[("auth-url", &url)]));
    assert_eq!(status(&server), 200);
    assert_eq!(auth.only_request().start, "GET /check HTTP/1.1");
}

#[test]
fn clients_of_http_2_heads_and_expectations_are_asked_about_too() {
    let (pod, auth, server) = serve(&answer("403 No", ""), &[URL]);
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a.example", "/x").await.status, 403);
        assert_eq!(client.get("b.example", "/").await.status, 200);
    });
    assert_eq!(auth.only_request().start, "GET /check?x=/x HTTP/1.1");
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").status(), 403);
    // The body is never asked for.
    let mut client = server.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 403);
    assert_eq!(pod.requests().len(), 1);
}

#[test]
fn a_websocket_is_opened_after_the_service_has_said_yes() {
    let upgrade = "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    for (said, expected) in [(YES.to_owned(), 101), (answer("403 No", ""), 403)] {
        let (pod, auth) = (Pod::answering(switched), Pod::answering(said));
        let server = Tidegate::serve(&manifests(&pod, &auth, &[URL]));
        let mut client = server.connect();
        client.send(upgrade);
        assert_eq!(client.answer().status(), expected);
        let asked = auth.only_request();
        assert_eq!((field(&asked, "upgrade"), field(&asked, "connection")), (None, None));
    }
}

#[test]
fn a_host_is_resolved_by_dns_and_so_is_that_of_the_request() {
    let (dns, pod, auth) = (DnsServer::start(), Pod::named("web"), Pod::answering(answer("403 No", "")));
    let port = auth.address.port();
    dns.addresses("auth.example", &["127.0.0.1"]);
    dns.addresses("a.example", &["127.0.0.1"]);
    dns.addresses("hidden.example", &["169.254.169.254"]);
    for (host, expected) in [("auth.example", 403), ("$host", 403), ("hidden.example", 500), ("missing.example", 500)] {
        let url = format!("http://{host}:{port}/check");
        let server = Tidegate::serve_resolving(&manifests(&pod, &auth, &[("auth-url", &url)]), &dns, &[]);
        assert_eq!(status(&server), expected, "{host}");
        if expected == 500 {
            let problems = server.admin("/debug/problems").text();
            assert!(problems.contains(host), "{problems}");
        }
    }
    let hosts: Vec<_> = auth.requests().iter().map(|asked| field(asked, "host").unwrap()).collect();
    assert_eq!(hosts, ["auth.example", "a.example"]);
    assert_eq!(pod.requests().len(), 0);
    // Where names outside are not resolved, nobody is served.
    let url = ("auth-url", "http://auth.example/");
    let server = Tidegate::serve_with(&manifests(&pod, &auth, &[url]), &["--external-name", "off"]);
    assert_eq!(status(&server), 503);
}

#[test]
fn a_host_that_no_object_names_any_more_is_not_asked_for_again() {
    let (dns, pod, auth) = (DnsServer::start(), Pod::named("web"), Pod::answering(YES));
    dns.addresses("auth.example", &["127.0.0.1"]);
    let url = format!("http://auth.example:{}/", auth.address.port());
    let server = Tidegate::serve_resolving(&manifests(&pod, &auth, &[]), &dns, &[]);
    assert_eq!((status(&server), dns.asked("auth.example")), (200, 0));
    server.replace(&manifests(&pod, &auth, &[("auth-url", &url)]));
    eventually("the service is asked", || (status(&server) == 200 && !auth.requests().is_empty()).then_some(()));
    server.replace(&manifests(&pod, &auth, &[]));
    eventually("the name is forgotten", || (server.metric("tidegate_dns_names", "") == 0.0).then_some(()));
}

#[test]
fn explain_tells_who_is_asked_and_that_nobody_is_served() {
    for (pair, expected) in [
        (
            URL,
            "what auth.test.svc.cluster.local:80/check?x=${request_uri} says, if that is no 2xx (auth-url), otherwise:",
        ),
        (("auth-url", "nonsense"), "503 because who is to be asked whether it is served cannot be asked (auth-url)"),
    ] {
        let (_pod, auth, server) = serve(YES, &[pair]);
        let told = server.admin("/debug/explain?url=http://a.example/x").text();
        assert!(told.contains(expected), "{told}");
        let table = server.admin("/debug/snapshot").text();
        assert!(table.contains("auth"), "{table}");
        assert_eq!(auth.requests().len(), 0);
    }
}

#[test]
fn a_right_password_does_not_spare_a_client_what_the_service_says() {
    let users = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "users", "namespace": "test"},
        "stringData": {"auth": "ann:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="},
    });
    // "open sesame"
    let right = "GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic YW5uOm9wZW4gc2VzYW1l\r\n\r\n";
    for (said, expected) in [(YES.to_owned(), 200), (answer("403 No", ""), 403)] {
        let (pod, auth) = (Pod::named("web"), Pod::answering(said));
        let pairs = [URL, ("auth-type", "basic"), ("auth-secret", "users"), ("limit-connections", "1")];
        let server = Tidegate::serve(&manifests(&pod, &auth, &pairs).object(users.clone()));
        assert_eq!((status(&server), auth.requests().len()), (401, 0), "who has no password is not asked about");
        assert_eq!(server.ask(right).status(), expected);
        assert_eq!((auth.requests().len(), pod.requests().len()), (1, usize::from(expected == 200)));
    }
}

#[test]
fn nginx_h6_pages_are_told_that_they_may_read_a_refusal_and_need_no_password_to_ask_whether_they_may() {
    let cors = [("enable-cors", "true"), ("cors-allow-origin", "https://page.example")];
    let password = [("auth-type", "basic"), ("auth-secret", "none")];
    let of_page =
        |method: &str| format!("{method} / HTTP/1.1\r\nHost: a.example\r\nOrigin: https://page.example\r\n\r\n");
    for (pairs, refusal) in [([cors, [URL, ("auth-cache-duration", "200 1s")]], 403), ([cors, password], 503)] {
        let (pod, _auth, server) = serve(&answer("403 No", ""), &pairs.concat());
        for (method, expected) in [("GET", refusal), ("OPTIONS", 204)] {
            let told = server.ask(of_page(method));
            assert_eq!(told.status(), expected, "{method}");
            assert_eq!(told.field("access-control-allow-origin"), Some("https://page.example"), "{method} {expected}");
        }
        assert_eq!(pod.requests().len(), 0);
    }
}
