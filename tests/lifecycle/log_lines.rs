//! Lines of the access log in a format of the operator's (`--access-log-format`): whole lines of real requests.

use std::io::Read;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::process::{Process, address, directory, tidegate};
use super::run;
use super::support::h2::{H2Client, run as run_async};
use super::support::tls::{Hello, TlsClient};
use super::support::{Client, Manifests, Pod, get};

/// The lines of a process that ends with it.
fn lines(mut process: Process) -> Vec<String> {
    process.signal("TERM");
    let mut output = String::new();
    process.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(process.end().code(), Some(0));
    output.lines().map(str::to_owned).collect()
}

fn objects(pod: &Pod) -> Manifests {
    let tls = json!([{"hosts": ["shop.example"], "secretName": "cert"}]);
    let annotations = json!({"tidegate.dev/ssl-redirect": "false"});
    Manifests::new().service("cart", &[pod.address]).certificate("cert", &["shop.example"]).ingress_with(
        "web",
        Some("shop.example"),
        &[("/cart", "Prefix", "cart")],
        annotations,
        tls,
    )
}

/// A line with its numbers of times and ports, and its time and id, made the same.
fn masked(line: &str) -> String {
    let mut masked = String::new();
    for word in line.split_inclusive([' ', '[', ']', '"']) {
        let (word, end) = word.split_at(word.len() - usize::from(word.ends_with([' ', '[', ']', '"'])));
        let is_seconds = word.split_once('.').is_some_and(|(whole, thousandths)| {
            thousandths.len() == 3
                && [whole, thousandths].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let is_id = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_date = word.len() == 20 && word.as_bytes()[2] == b'/' && word.as_bytes()[11] == b':';
        masked.push_str(match (is_seconds, is_id, is_date) {
            (true, _, _) => "SECONDS",
            (_, true, _) => "ID",
            (_, _, true) => "DATE",
            (false, false, false) => word,
        });
        masked.push_str(end);
    }
    masked
}

#[test]
fn lines_of_ingress_nginx_over_both_protocols() {
    let pod = Pod::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let options = ["--drain-delay", "0s", "--access-log-format", "ingress-nginx"];
    let process = Process::start(&objects(&pod), &options);
    let first = "GET /cart/a?b=c HTTP/1.1\r\nHost: Shop.example\r\nAuthorization: Basic am9lOnNlY3JldA==\r\n\
                 User-Agent: curl \"8\"\r\nReferer: https://r.example/\r\nX-Request-ID: mine-1\r\nConnection: close\r\n\r\n";
    assert_eq!(Client::connect(process.http).ask(first).status(), 200);
    assert_eq!(Client::connect(process.http).ask(get("nobody.example", "/x")).status(), 404);
    // What breaks a rule has no request that could be told.
    assert_eq!(Client::connect(process.http).ask("GET /\x01 HTTP/1.1\r\n\r\n").status(), 400);
    let http = process.http;
    run_async(async move {
        let io = TcpStream::connect(http).await.unwrap();
        let client = H2Client::over(io, "http", &h2::client::Builder::new()).await;
        assert_eq!(client.ask(client.request("POST", "shop.example", "/cart?x=%0a"), b"body").await.status, 200);
    });
    let lines = lines(process);
    let pod = pod.address;
    let length = first.len();
    assert_eq!(
        masked(&lines[0]),
        format!(
            "127.0.0.1 - joe [DATE +0000] \"GET /cart/a?b=c HTTP/1.1\" 200 5 \"https://r.example/\" \"curl \\x228\\x22\" \
             {length} SECONDS [test-cart-80] [] {pod} 5 SECONDS 200 mine-1"
        )
    );
    let length = get("nobody.example", "/x").len();
    assert_eq!(
        masked(&lines[1]),
        format!(
            "127.0.0.1 - - [DATE +0000] \"GET /x HTTP/1.1\" 404 {} \"-\" \"-\" {length} SECONDS \
             [upstream-default-backend] [] - - - - ID",
            lines[1].split(' ').nth(9).unwrap()
        )
    );
    assert!(masked(&lines[2]).starts_with("127.0.0.1 - - [DATE +0000] \"-\" 400 "), "{}", lines[2]);
    let [before, after] = ["\"POST /cart?x=%0a HTTP/2.0\" 200 5 \"-\" \"-\" ", " SECONDS [test-cart-80] [] "];
    let line = masked(&lines[3]);
    assert!(line.starts_with(&format!("127.0.0.1 - - [DATE +0000] {before}")) && line.contains(after), "{line}");
    assert!(line.ends_with(&format!("{pod} 5 SECONDS 200 ID")), "{line}");
    assert_eq!(lines.len(), 4, "{lines:#?}");
}

#[test]
fn lines_of_json_hold_what_hostile_clients_send() {
    let pod = Pod::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let format = r#"{"time":"$time_iso8601","uri":"$uri","args":"$args","ua":"$http_user_agent","cookie":"$cookie_id",
        "ns":"$namespace","ing":"$ingress_name","svc":"$service_name","port":"$service_port","at":"$server_name$location_path",
        "tls":"$ssl_protocol","cipher":"$ssl_cipher","sni":"$ssl_server_name","for":"$proxy_add_x_forwarded_for",
        "bytes":$bytes_sent,"length":$request_length,"took":$request_time,"connect":"$upstream_connect_time",
        "head":"$upstream_header_time","response":"$upstream_response_time","absent":"$http_absent","client":"$remote_port"}"#;
    let options = ["--drain-delay", "0s", "--access-log-format", format, "--access-log-format-escape", "json"];
    let process = Process::start(&objects(&pod), &options);
    let hostile = "GET /cart/%22,%22x%22:1?q=%0a HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: \"},{\"\\ ~\u{fc}\r\n\
                   Cookie: id=a\"b\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n";
    Client::connect(process.http).ask(hostile);
    let https = address(&process.listening, "https");
    run_async(async move {
        let tls = TlsClient::connect(https, "shop.example", &Hello::of("h2")).await.expect("a handshake");
        let client = H2Client::over(tls, "https", &h2::client::Builder::new()).await;
        assert_eq!(client.get("shop.example", "/cart/b/../c%20d").await.status, 200);
    });
    let lines = lines(process);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let parsed: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}"))).collect();
    let [first, second] = [&parsed[0], &parsed[1]];
    assert_eq!(first.as_object().unwrap().len(), 22, "{first}");
    assert_eq!((&first["uri"], &first["args"]), (&json!("/cart/\",\"x\":1"), &json!("q=%0a")));
    assert_eq!(first["cookie"], "a\"b");
    assert_eq!(first["ua"], "\"},{\"\\ ~\u{fc}");
    assert_eq!(first["for"], "192.0.2.1, 127.0.0.1");
    assert_eq!((&first["tls"], &first["absent"]), (&json!(""), &json!("")));
    assert_eq!(second["uri"], "/cart/c d");
    assert_eq!((&second["tls"], &second["sni"]), (&json!("TLSv1.3"), &json!("shop.example")));
    assert!(second["cipher"].as_str().unwrap().starts_with("TLS_"), "{second}");
    assert_eq!(
        ["ns", "ing", "svc", "port", "at"].map(|key| second[key].as_str().unwrap()),
        ["test", "web", "cart", "80", "shop.example/cart"]
    );
    let seconds = |key: &str| second[key].as_str().unwrap().parse::<f64>().unwrap();
    assert!(seconds("connect") <= seconds("head") && seconds("head") <= seconds("response"), "{second}");
}

#[test]
fn a_variable_that_is_not_known_is_named_at_the_start() {
    for (format, expected) in [
        ("$remote_adr", "the variable $remote_adr is not known; did you mean $remote_addr?"),
        ("$geoip_city", "the variable $geoip_city is not known"),
        ("50$ off", "a dollar sign is followed by no name"),
    ] {
        let manifests = directory(&Manifests::new());
        let mut command = tidegate();
        command.args(["serve", "--manifests"]).arg(manifests.path()).args(["--access-log-format", format]);
        let output = run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
