//! What reaches the pod, byte by byte.

use crate::support::{BodyEnd, Client, Manifests, Message, Pod, Tidegate, get};

fn served() -> (Pod, Tidegate) {
    served_with(&[])
}

fn served_with(options: &[&str]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), options);
    (pod, server)
}

/// What the pod gets when a client sends this; the answer must be 200.
#[track_caller]
fn forwarded(server: &Tidegate, pod: &Pod, request: impl AsRef<[u8]>) -> Message {
    let before = pod.requests().len();
    let answer = server.ask(request);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "web"), "{answer}");
    let mut requests = pod.requests();
    assert_eq!(requests.len(), before + 1, "one request in, one request out");
    requests.remove(before)
}

#[test]
fn rule_69_a_plain_request_arrives_byte_by_byte_with_our_fields_behind() {
    let (pod, server) = served();
    let request = "GET /a%2Fb//c;d=1/~x?y=/../&z=%20;&&#".trim_end_matches('#').to_owned()
        + " HTTP/1.1\r\nHOST: Shop.Example:8080\r\nAccept:*/*\r\nX-Empty:\r\nCookie: a=b; c=\"d\"\r\nX-High: \u{e4}\r\n\
           accept: text/html\r\n\r\n";
    let seen = forwarded(&server, &pod, &request);
    let id = seen.field("x-request-id").unwrap().to_owned();
    let expected = request.trim_end_matches("\r\n").to_owned()
        + "\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-host: Shop.Example:8080\r\nx-forwarded-proto: http\r\n\
           x-forwarded-port: 80\r\nx-real-ip: 127.0.0.1\r\nx-request-id: "
        + &id
        + "\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&pod.received(0)), expected);
    assert!(id.len() == 32 && id.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{id}");
}

#[test]
fn rule_69_every_method_passes_unchanged() {
    let (pod, server) = served();
    for method in
        ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "PRI", "QUERY", "get", "a!#$%&'*+-.^_`|~9"]
    {
        let seen = forwarded(&server, &pod, format!("{method} /x HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(seen.start, format!("{method} /x HTTP/1.1"));
    }
}

#[test]
fn rule_69_targets_arrive_as_they_were_sent() {
    let (pod, server) = served();
    for target in [
        "/",
        "/?",
        "/??",
        "/a?b=c?d",
        "/a//b/",
        "/a/./b/../c",
        "/%7euser/%2e%2E/%41",
        "/a%2fb%5Cc%25%3f%23",
        "/caf%c3%a9",
        "/!$&'()*+,;=:@-._~",
        "/\"<>[]^`{|}",
        "/a?%zz&\"<>[]{}|^`'",
        "/x?next=http://b/?c=/../",
    ] {
        assert_eq!(forwarded(&server, &pod, get("a", target)).target(), target);
    }
}

#[test]
fn rule_20_an_absolute_target_is_forwarded_in_origin_form_with_one_host() {
    let (pod, server) = served();
    for (target, host, origin) in [
        ("http://shop.example/a?b", "shop.example", "/a?b"),
        ("https://Shop.Example/", "shop.example", "/"),
        ("HTTP://shop.example", "SHOP.example", "/"),
        ("http://shop.example?q", "shop.example", "/?q"),
        ("http://shop.example:81//a", "shop.example:81", "//a"),
    ] {
        let seen = forwarded(&server, &pod, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(seen.start, format!("GET {origin} HTTP/1.1"));
        let authority = target.split("://").nth(1).unwrap().split(['/', '?']).next().unwrap();
        assert_eq!(seen.field("host"), Some(authority));
    }
    let seen = forwarded(&server, &pod, "GET http://shop.example/ HTTP/1.0\r\n\r\n");
    assert_eq!((seen.field("host"), seen.field("x-forwarded-host")), (Some("shop.example"), Some("shop.example")));
}

#[test]
fn b13_what_an_untrusted_client_says_of_itself_is_replaced_or_dropped() {
    let (pod, server) = served();
    let spoofed = "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Host: evil\r\n\
        X-FORWARDED-PROTO: https\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /admin\r\nX-Forwarded-Server: evil\r\n\
        X-Forwarded-Scheme: https\r\nX-Forwarded-Client-Cert: evil\r\nX-Scheme: https\r\nX-Real-IP: 1.1.1.1\r\n\
        Forwarded: for=1.1.1.1;host=evil\r\nX-Original-URL: /admin\r\nX-Original-Host: evil\r\n\
        X-Original-Forwarded-For: 1.1.1.1\r\nX-Rewrite-URL: /admin\r\nProxy: http://evil\r\n";
    let seen = forwarded(&server, &pod, format!("GET / HTTP/1.1\r\nHost: a\r\n{spoofed}{spoofed}X-Kept: yes\r\n\r\n"));
    let names = [
        "host",
        "x-kept",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-real-ip",
        "x-request-id",
    ];
    assert_eq!(seen.names(), names);
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-host"), Some("a"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.field("x-forwarded-port"), Some("80"));
    assert_eq!(seen.field("x-real-ip"), Some("127.0.0.1"));
}

#[test]
fn b13_a_hundred_hops_of_an_untrusted_client_leave_only_its_address() {
    let (pod, server) = served();
    let hops = vec!["9.9.9.9"; 100].join(", ");
    let seen = forwarded(&server, &pod, format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {hops}\r\n\r\n"));
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn b13_a_trusted_proxy_is_believed_and_appended_to() {
    let (pod, server) = served_with(&["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]);
    let seen = forwarded(
        &server,
        &pod,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 10.1.1.1\r\n\
         X-Forwarded-Host: shop.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n\
         X-Forwarded-Prefix: /p\r\nForwarded: for=1.1.1.1\r\nX-Original-URL: /o\r\nX_Forwarded_For: 3.3.3.3\r\n\r\n",
    );
    assert_eq!(seen.field("x-forwarded-for"), Some("1.1.1.1, 2.2.2.2, 10.1.1.1, 127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-host"), Some("shop.example"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-forwarded-port"), Some("8443"));
    assert_eq!(seen.field("x-forwarded-prefix"), Some("/p"));
    assert_eq!(seen.field("forwarded"), Some("for=1.1.1.1"));
    assert_eq!(seen.field("x-original-url"), Some("/o"));
    assert_eq!(seen.field("x_forwarded_for"), None);
    // The last address that is not itself trusted.
    assert_eq!(seen.field("x-real-ip"), Some("2.2.2.2"));

    let silent = forwarded(&server, &pod, get("a", "/"));
    assert_eq!(silent.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(silent.field("x-forwarded-proto"), Some("http"));
    assert_eq!(silent.field("x-real-ip"), Some("127.0.0.1"));
}

#[test]
fn n5_a_request_id_is_taken_over_if_it_is_plain_and_made_otherwise() {
    let (pod, server) = served();
    let long = "x".repeat(128);
    for id in ["abc-123_x.y:z/+=", long.as_str()] {
        let seen = forwarded(&server, &pod, format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: {id}\r\n\r\n"));
        assert_eq!(seen.field("x-request-id"), Some(id));
    }
    let mut made = std::collections::BTreeSet::new();
    let too_long = "x".repeat(129);
    for id in ["", "a b", "a\"b", "{a}", "a,b", "\u{e4}", too_long.as_str()] {
        let seen = forwarded(&server, &pod, format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: {id}\r\n\r\n"));
        let id = seen.field("x-request-id").unwrap().to_owned();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert!(made.insert(id), "each is another");
    }
    let twice = forwarded(&server, &pod, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\r\nx-request-id: b\r\n\r\n");
    assert_eq!(twice.all("x-request-id").len(), 1);
}

#[test]
fn rule_66_what_belongs_to_the_connection_stays_behind() {
    let (pod, server) = served();
    let seen = forwarded(
        &server,
        &pod,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\n\
         Proxy-Connection: keep-alive\r\nTE: gzip;q=0.5\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\
         Proxy-Authorization: Basic eA==\r\nTrailer: X-T\r\nX-Yours: 2\r\nAuthorization: Basic eQ==\r\n\r\n",
    );
    assert_eq!(&seen.names()[..4], ["host", "x-yours", "authorization", "x-forwarded-for"]);
}

#[test]
fn rule_66_of_te_only_trailers_travels() {
    let (pod, server) = served();
    for (value, expected) in
        [("trailers", Some("trailers")), ("gzip, Trailers", Some("trailers")), ("gzip", None), ("", None)]
    {
        let seen = forwarded(&server, &pod, format!("GET / HTTP/1.1\r\nHost: a\r\nTE: {value}\r\n\r\n"));
        assert_eq!(seen.field("te"), expected, "{value:?}");
    }
}

#[test]
fn b12_connection_cannot_take_away_what_the_pod_relies_on() {
    let (pod, server) = served();
    for name in [
        "Host",
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Real-IP",
        "X-Request-ID",
        "Authorization",
        "Cookie",
        "Content-Length",
        "Expect",
        "Transfer-Encoding",
    ] {
        let seen = forwarded(
            &server,
            &pod,
            format!(
                "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, {name}\r\nAuthorization: Basic eQ==\r\nCookie: c=d\r\n\
                 Content-Length: 4\r\nConnection: {name}\r\n\r\nbody"
            ),
        );
        assert_eq!(seen.body, b"body", "{name}");
        assert_eq!(seen.field("content-length"), Some("4"), "{name}");
        assert_eq!(seen.field("host"), Some("a"), "{name}");
        assert_eq!(seen.field("authorization"), Some("Basic eQ=="), "{name}");
        assert_eq!(seen.field("cookie"), Some("c=d"), "{name}");
        assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"), "{name}");
        assert_eq!(seen.field("x-forwarded-host"), Some("a"), "{name}");
        assert_eq!(seen.field("x-forwarded-proto"), Some("http"), "{name}");
        assert_eq!(seen.field("x-forwarded-port"), Some("80"), "{name}");
        assert_eq!(seen.field("x-real-ip"), Some("127.0.0.1"), "{name}");
        assert!(seen.field("x-request-id").is_some(), "{name}");
        assert_eq!(seen.field("connection"), None, "{name}");
    }
}

#[test]
fn b14_twins_of_managed_names_are_dropped() {
    let (pod, server) = served();
    let twins = [
        "X_Forwarded_For",
        "X-Forwarded_For",
        "x_real-ip",
        "X_Request_ID",
        "Content_Length",
        "Transfer_Encoding",
        "X_Original_URL",
        "X-Forwarded_Prefix",
        "Proxy",
        "proxy",
    ];
    let lines: String = twins.iter().map(|name| format!("{name}: 5\r\n")).collect();
    let seen =
        forwarded(&server, &pod, format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}X_Harmless: 1\r\nUser_Agent: x\r\n\r\n"));
    assert_eq!(&seen.names()[..4], ["host", "x_harmless", "user_agent", "x-forwarded-for"]);
}

#[test]
fn b01_framing_towards_the_pod_is_exactly_one_field_of_ours() {
    let (pod, server) = served();
    for (fields, body, length, coding, expected) in [
        ("", "", None, None, ""),
        ("Content-Length: 5\r\n", "hello", Some("5"), None, "hello"),
        ("CONTENT-LENGTH:\t0005\r\n", "hello", Some("5"), None, "hello"),
        ("Content-Length: 0\r\n", "", Some("0"), None, ""),
        ("transfer-encoding: Chunked\r\n", "3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\n\r\n", None, Some("chunked"), "hello"),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", None, Some("chunked"), ""),
    ] {
        for method in ["POST", "GET", "DELETE", "OPTIONS", "PUT"] {
            let seen = forwarded(&server, &pod, format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}"));
            assert_eq!((seen.field("content-length"), seen.field("transfer-encoding")), (length, coding), "{fields}");
            assert_eq!(seen.text(), expected, "{method} {fields}");
        }
    }
}

#[test]
fn b04_chunks_are_written_anew_without_extensions() {
    let (pod, server) = served();
    let seen = forwarded(
        &server,
        &pod,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n000a;a=\"b;c\";d\r\n0123456789\r\n1;e\r\nx\r\n0;f=g\r\n\r\n",
    );
    assert_eq!((seen.text().as_str(), seen.end), ("0123456789x", BodyEnd::Chunked));
    let received = String::from_utf8(pod.received(0)).unwrap();
    assert!(received.ends_with("\r\n\r\na\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n"), "{received:?}");
}

#[test]
fn b06_http_1_0_is_served_and_pods_are_spoken_to_in_1_1() {
    let (pod, server) = served();
    for (request, connection, body) in [
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "close", ""),
        ("GET / HTTP/1.0\r\n\r\n", "close", ""),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "keep-alive", ""),
        ("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "close", "abc"),
        ("POST / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabc", "keep-alive", "abc"),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", "close", ""),
    ] {
        let before = pod.requests().len();
        let mut client = server.connect();
        let answer = client.ask(request);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.field("connection"), Some(connection), "{request}");
        if connection == "close" {
            client.expect_end();
        } else {
            assert_eq!(client.ask(get("a", "/again")).status(), 200);
        }
        let seen = pod.requests().remove(before);
        assert!(seen.start.ends_with(" HTTP/1.1"), "{}", seen.start);
        assert_eq!((seen.text().as_str(), seen.field("connection")), (body, None));
    }
}

/// A client that has sent this head and no body.
fn expecting(server: &Tidegate, fields: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{fields}\r\n"));
    client
}

#[test]
fn b07_an_expectation_is_met_by_us_where_a_pod_does_not_meet_it() {
    let (pod, server) = served();
    for (fields, body) in
        [("Content-Length: 4\r\n", "data"), ("Transfer-Encoding: chunked\r\n", "4\r\ndata\r\n0\r\n\r\n")]
    {
        let mut client = expecting(&server, fields);
        assert_eq!(client.head().unwrap(), b"HTTP/1.1 100 Continue\r\n\r\n");
        client.send(body);
        assert_eq!(client.answer().status(), 200);
        // The connection goes on.
        assert_eq!(client.ask(get("a", "/next")).status(), 200);
    }
    for seen in pod.requests().iter().filter(|seen| seen.method() == "POST") {
        assert_eq!((seen.text().as_str(), seen.field("expect")), ("data", Some("100-continue")));
    }
}

#[test]
fn b07_a_body_that_is_there_already_needs_no_100() {
    let (pod, server) = served();
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\ndata");
    let answer = client.answer();
    assert_eq!(answer.status(), 200);
    assert!(answer.interim.is_empty());
    let seen = pod.only_request();
    assert_eq!((seen.text().as_str(), seen.field("expect")), ("data", None));
}

#[test]
fn b07_an_expectation_without_a_route_gets_the_final_answer_at_once() {
    let pod = Pod::named("web");
    let manifests =
        Manifests::new().service("web", &[pod.address]).ingress("one", Some("shop.example"), &[("/", "Prefix", "web")]);
    let server = Tidegate::serve(&manifests);
    let mut client = expecting(&server, "Content-Length: 4\r\n");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.interim.len()), (404, 0));
    assert_eq!(answer.field("connection"), Some("close"));
    client.expect_end();
    assert_eq!(pod.connections(), 0);
}

#[test]
fn b15_trailers_that_decide_nothing_pass_and_others_do_not() {
    let (pod, server) = served();
    let seen = forwarded(
        &server,
        &pod,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\
         Content-Length: 7\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nX-Forwarded-For: 1.1.1.1\r\n\
         X_Forwarded_For: 1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nAuthorization: x\r\nCookie: x\r\nConnection: close\r\n\
         Forwarded: for=x\r\nx-last: 2\r\n\r\n",
    );
    let trailers: Vec<_> = seen.trailers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((seen.text().as_str(), trailers.as_slice()), ("abc", &[("X-Sum", "1"), ("x-last", "2")][..]));
}

#[test]
fn rule_09_and_b11_the_host_is_forwarded_as_the_client_wrote_it() {
    let (pod, server) = served();
    for host in ["Shop.EXAMPLE", "shop.example.", "shop.example:1234", "127.0.0.1", "[::1]:80", "xn--caf-dma.example"] {
        let seen = forwarded(&server, &pod, get(host, "/"));
        assert_eq!((seen.field("host"), seen.field("x-forwarded-host")), (Some(host), Some(host)));
    }
}

#[test]
fn b09_one_empty_line_in_front_of_a_request_is_passed_over() {
    let (pod, server) = served();
    assert_eq!(forwarded(&server, &pod, "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n").start, "GET /x HTTP/1.1");
}
