//! The run-time API: what it tells, what it does to traffic, whom it lets in, and what it refuses.

use std::time::Duration;

use rcgen::DnType;
use serde_json::{Value, json};

use crate::support::tls::{Hello, Identity, TlsClient};
use crate::support::{Authority, Client, Manifests, Message, Pod, Tidegate, eventually, get};

/// `ops` and `reader`, whose password is `secret`.
const USERS: &str = "ops:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nreader:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";
const OPS: &str = "Authorization: Basic b3BzOnNlY3JldA==\r\n";
const READER: &str = "Authorization: Basic cmVhZGVyOnNlY3JldA==\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const WEB: &str = "test_svc_web_80";

fn manifests(pods: &[Pod]) -> Manifests {
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let annotations = json!({"tidegate.dev/balance": "round-robin"});
    let paths = [("/", "Prefix", "web")];
    Manifests::new().service("web", &addresses).ingress_with("web", Some("a.example"), &paths, annotations, json!([]))
}

fn serve(pods: &[Pod], options: &[&str]) -> Tidegate {
    Tidegate::serve_with(&manifests(pods), &[&["--runtime-api", "127.0.0.1:0"], options].concat())
}

fn request(server: &Tidegate, method: &str, target: &str, fields: &str, body: &str) -> Message {
    let address = server.runtime_api.unwrap();
    let host = if fields.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    Client::connect(address).ask(format!("{method} {target} HTTP/1.1\r\n{host}{length}{fields}\r\n{body}"))
}

/// What a GET is answered.
fn read(server: &Tidegate, target: &str) -> Value {
    let answer = request(server, "GET", target, "", "");
    assert_eq!((answer.status(), answer.field("content-type")), (200, Some("application/json")), "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// A refusal: its status and what it says, in either form.
fn refusal(answer: &Message) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.text()).unwrap_or_else(|_| panic!("{answer}{}", answer.text()));
    let (code, says) = match answer.field("content-type") {
        Some("application/problem+json") => (&body["status"], &body["detail"]),
        Some("application/json") => (&body["code"], &body["message"]),
        other => panic!("{other:?}"),
    };
    assert_eq!(code.as_u64(), Some(answer.status().into()));
    (answer.status(), says.as_str().unwrap().to_owned())
}

/// How many of 20 requests this pod gets.
fn share(server: &Tidegate, name: &str) -> usize {
    (0..20).filter(|_| server.ask(get("a.example", "/")).text() == name).count()
}

fn of(pod: &Pod) -> String {
    format!("/v1/upstreams/{WEB}/endpoints/{}", pod.address)
}

#[test]
fn it_tells_what_the_statistics_tell() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = serve(&pods, &[]);
    assert_eq!(share(&server, "one"), 10);
    assert_eq!(read(&server, "/openapi.json")["openapi"], "3.1.0");
    let info = read(&server, "/v1/info");
    assert_eq!((&info["name"], &info["scope"]), (&json!("Tidegate"), &json!("this-replica")));
    let listeners = read(&server, "/v1/listeners");
    assert_eq!(
        (&listeners["listeners"][0]["name"], &listeners["listeners"][0]["stats"]["req_tot"]),
        (&json!("http"), &json!(20))
    );
    let upstreams = read(&server, "/v1/upstreams");
    assert_eq!((&upstreams["upstreams"][0]["name"], &upstreams["next"]), (&json!(WEB), &Value::Null));
    assert_eq!(read(&server, &format!("/v1/upstreams?after={WEB}"))["upstreams"], json!([]));
    assert_eq!(read(&server, "/v1/upstreams?limit=1&after=a")["next"], Value::Null);
    let upstream = read(&server, &format!("/v1/upstreams/{WEB}"));
    assert_eq!(upstream["stats"]["hrsp_2xx"], 20);
    let endpoint = read(&server, &of(&pods[0]));
    assert_eq!(
        (&endpoint["state"], &endpoint["weight"], &endpoint["stats"]["stot"]),
        (&json!("ready"), &json!(100), &json!(10))
    );
    assert_eq!(
        read(&server, &format!("/v1/upstreams/%23{}/endpoints/%23{}", upstream["id"], endpoint["id"])),
        endpoint
    );
    assert_eq!(read(&server, "/v1/stats")[0][0]["field"]["name"], "pxname");
    let head = request(&server, "HEAD", "/v1/info", "", "");
    assert_eq!((head.status(), head.body.len(), head.field("tidegate-scope")), (200, 0, Some("this-replica")));
}

#[test]
fn endpoints_do_what_they_are_told() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = serve(&pods, &[]);
    let order = |body: &str| {
        let answer = request(&server, "PATCH", &of(&pods[0]), JSON, body);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        serde_json::from_str::<Value>(&answer.text()).unwrap()
    };
    for (body, state, weight, requests) in [
        (r#"{"state":"drain"}"#, "drain", 100, 0),
        (r#"{"state":"maint"}"#, "maint", 100, 0),
        (r#"{"state":"ready"}"#, "ready", 100, 10),
        (r#"{"weight":0}"#, "ready", 0, 0),
        (r#"{"weight":null,"state":"drain"}"#, "drain", 100, 0),
        (r#"{"weight":null,"state":"ready"}"#, "ready", 100, 10),
    ] {
        let endpoint = order(body);
        assert_eq!((&endpoint["state"], &endpoint["weight"]), (&json!(state), &json!(weight)), "{body}");
        assert_eq!(endpoint["scope"], "this-replica");
        assert_eq!(share(&server, "one"), requests, "{body}");
    }
}

#[test]
fn data_plane_api_has_the_same_at_its_paths() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = serve(&pods, &[]);
    let servers = format!("/v3/services/haproxy/runtime/backends/{WEB}/servers");
    let one = format!("{servers}/{}", pods[0].address);
    assert!(read(&server, "/v3/info")["api"]["version"].as_str().unwrap().contains("tidegate"));
    assert_eq!(read(&server, &servers).as_array().unwrap().len(), 2);
    let mut shown = read(&server, &one);
    assert_eq!((&shown["admin_state"], &shown["operational_state"]), (&json!("ready"), &json!("up")));
    assert_eq!((&shown["name"], &shown["port"]), (&json!(pods[0].address.to_string()), &json!(pods[0].address.port())));
    // Tools send back all that they were given.
    shown["admin_state"] = json!("drain");
    let put = |body: &str| request(&server, "PUT", &one, JSON, body);
    let answer = put(&shown.to_string());
    assert_eq!(serde_json::from_str::<Value>(&answer.text()).unwrap(), shown);
    assert_eq!(share(&server, "one"), 0);
    for (body, status, says) in [
        (r#"{"admin_state":"ready","address":"10.0.0.1"}"#, 409, "come from Kubernetes"),
        (r#"{"admin_state":"ready","operational_state":"down"}"#, 409, "operational_state is up"),
        (r#"{"operational_state":"up"}"#, 400, "admin_state is missing"),
        (r#"{"admin_state":"ready","weight":1}"#, 400, "unknown field `weight`"),
    ] {
        let (code, text) = refusal(&put(body));
        assert!(code == status && text.contains(says), "{body}: {code} {text}");
    }
    assert_eq!(put(r#"{"admin_state":"ready"}"#).status(), 200);
    assert_eq!(share(&server, "one"), 10);
    let stats = |query: &str| read(&server, &format!("/v3/services/haproxy/stats/native{query}"))["stats"].clone();
    let kinds: Vec<_> = stats("").as_array().unwrap().iter().map(|row| row["type"].clone()).collect();
    assert_eq!(kinds, ["frontend", "frontend", "server", "server", "backend"]);
    let row = stats(&format!("?type=server&parent={WEB}&name={}", pods[0].address));
    assert_eq!((&row[0]["backend_name"], &row[0]["stats"]["status"]), (&json!(WEB), &json!("no check")));
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let target = "/v3/services/haproxy/configuration/backends/b/servers/s?version=1";
        let (code, text) = refusal(&request(&server, method, target, JSON, ""));
        assert!(code == 501 && text.contains("EndpointSlices"), "{method}: {code} {text}");
    }
}

#[test]
fn what_is_wrong_is_refused_in_json_and_changes_nothing() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = serve(&pods, &[]);
    let (one, drain) = (of(&pods[0]), r#"{"state":"drain"}"#);
    let gone = format!("/v1/upstreams/{WEB}/endpoints/192.0.2.1:80");
    let long = format!("{{\"state\":\"drain\"{}}}", " ".repeat(8192));
    for (method, target, fields, body, status, says) in [
        ("GET", "/", "", "", 404, "openapi.json"),
        ("GET", "/v1/upstreams/none", "", "", 404, "no upstream \"none\""),
        ("GET", "/v1/upstreams?limit=0", "", "", 400, "from 1 to 1000"),
        ("GET", "/v1/info?x=1", "", "", 400, "no query parameters"),
        ("GET", "/v1/info", "", "x", 400, "has no body"),
        ("DELETE", "/v1/info", "", "", 405, "GET, HEAD only"),
        ("POST", "/v1/events", "", "", 405, "GET only"),
        ("PATCH", &gone, JSON, drain, 404, "no endpoint \"192.0.2.1:80\""),
        ("PATCH", &one, JSON, "{}", 400, "nothing is asked for"),
        ("PATCH", &one, JSON, r#"{"state":"kill"}"#, 400, "unknown variant `kill`"),
        ("PATCH", &one, JSON, r#"{"state":"drain","x":1}"#, 400, "unknown field `x`"),
        ("PATCH", &one, JSON, &long, 413, "4096 bytes"),
        ("PATCH", &one, "Content-Type: text/plain\r\n", drain, 415, "application/json"),
        (
            "PATCH",
            &one,
            "Content-Type: application/json\r\nOrigin: http://evil.example\r\n",
            drain,
            403,
            "another site",
        ),
        ("PATCH", &one, "Content-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n", drain, 403, "another site"),
        // A name of somebody else's that leads here.
        ("GET", "/v1/info", "Host: evil.example\r\n", "", 403, "or as localhost"),
    ] {
        let answer = request(&server, method, target, fields, body);
        let (code, text) = refusal(&answer);
        assert!(code == status && text.contains(says), "{method} {target} {fields}{body}: {code} {text}");
        assert_eq!(answer.field("allow").is_some(), status == 405);
    }
    assert_eq!(share(&server, "one"), 10);
}

#[test]
fn users_read_and_admins_act() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, USERS).unwrap();
    let server = serve(&pods, &["--stats-users", users.to_str().unwrap(), "--stats-admins", "ops"]);
    let ask = |method: &str, fields: &str, body: &str| request(&server, method, &of(&pods[0]), fields, body);
    let nobody = ask("GET", "", "");
    assert_eq!(nobody.field("www-authenticate"), Some("Basic realm=\"Tidegate statistics\""));
    assert_eq!(refusal(&nobody).0, 401);
    assert_eq!(ask("GET", "Authorization: Basic b3BzOm5vbmU=\r\n", "").status(), 401);
    assert_eq!(ask("GET", READER, "").status(), 200);
    let drain = r#"{"state":"drain"}"#;
    let (code, text) = refusal(&ask("PATCH", &format!("{READER}{JSON}"), drain));
    assert!(code == 403 && text.contains("--stats-admins"), "{text}");
    assert_eq!(share(&server, "one"), 10);
    assert_eq!(ask("PATCH", &format!("{OPS}{JSON}"), drain).status(), 200);
    assert_eq!(share(&server, "one"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_let_clients_in_and_new_files_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (chain, key) = ours.sign("api.example", -1..1);
    std::fs::write(path("tls.pem"), format!("{key}{chain}")).unwrap();
    std::fs::write(path("ca.pem"), &ours.pem).unwrap();
    let (certificate, authorities) = (path("tls.pem"), path("ca.pem"));
    let server = tokio::task::block_in_place(|| {
        let options = ["--runtime-api-certificate", &certificate, "--runtime-api-client-ca", &authorities];
        serve(&[Pod::named("one")], &[&options[..], &["--stats-admins", "ops"]].concat())
    });
    let address = server.runtime_api.unwrap();
    let ask = async |identity: Option<Identity>, request: &str| {
        let hello = Hello { identity, ..Hello::default() };
        let mut client = TlsClient::connect(address, "api.example", &hello).await?;
        let (head, body) = client.ask(request).await?;
        let status: u16 = head[9..12].parse().unwrap();
        Ok::<_, std::io::Error>((status, String::from_utf8(body).unwrap(), client.names()))
    };
    let read = "GET /v1/info HTTP/1.1\r\nHost: api.example\r\n\r\n";
    let act = "PATCH /v1/upstreams/x/endpoints/y HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\n\
               Content-Length: 17\r\n\r\n{\"state\":\"drain\"}";
    let named = |name: &str| ours.sign_client(&[(DnType::CommonName, name)], 1, -1..1);
    let (status, text, names) = ask(None, read).await.unwrap();
    assert!(status == 403 && text.contains("certificate of the client"), "{text}");
    assert_eq!(names, ["api.example"]);
    assert_eq!(ask(Some(named("bob")), read).await.unwrap().0, 200);
    assert_eq!(ask(Some(named("bob")), act).await.unwrap().0, 403);
    assert_eq!(ask(Some(named("ops")), act).await.unwrap().0, 404);
    let nameless = ours.sign_client(&[(DnType::OrganizationName, "ops")], 1, -1..1);
    assert_eq!(ask(Some(nameless), read).await.unwrap().0, 403);
    let stranger = theirs.sign_client(&[(DnType::CommonName, "ops")], 1, -1..1);
    assert!(ask(Some(stranger), read).await.is_err());
    let expired = ours.sign_client(&[(DnType::CommonName, "ops")], 1, -3..-2);
    assert!(ask(Some(expired), read).await.is_err());
    let (chain, key) = ours.sign("renewed.example", -1..1);
    std::fs::write(path("tls.pem"), format!("{chain}{key}\n")).unwrap();
    assert_eq!(ask(None, read).await.unwrap().2, ["renewed.example"]);
    tokio::task::block_in_place(|| drop(server));
}

#[test]
fn who_watches_is_told_of_changes() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = serve(&pods, &[]);
    let watch = |query: &str| {
        let mut client = Client::connect(server.runtime_api.unwrap());
        client.send(get("localhost", &format!("/v1/events{query}")));
        let head = String::from_utf8(client.head().unwrap()).unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
        client
    };
    // Each message is a chunk.
    let next = |client: &mut Client, start: &str| {
        let size = String::from_utf8(client.line().unwrap()).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let text = String::from_utf8(client.exactly(size + 2).unwrap()).unwrap();
        assert!(text.starts_with(start), "{text}");
        text
    };
    let (mut all, mut other) = (watch(""), watch("?upstream=none"));
    next(&mut all, "event: ready\n");
    next(&mut other, "event: ready\n");
    assert_eq!(request(&server, "PATCH", &of(&pods[0]), JSON, r#"{"state":"drain"}"#).status(), 200);
    let told = next(&mut all, "event: endpoint\n");
    let data: Value = serde_json::from_str(told.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap();
    assert_eq!((&data["change"], &data["upstream"]), (&json!("changed"), &json!(WEB)));
    assert_eq!((&data["endpoint"]["state"], &data["endpoint"]["commanded"]), (&json!("drain"), &json!(true)));
    server.replace(&manifests(&pods[1..]));
    assert!(next(&mut all, "event: endpoint\n").contains("\"change\":\"removed\""));
    // Places are few, and come back.
    let mut more: Vec<_> = (2..16).map(|_| watch("")).collect();
    assert_eq!(refusal(&request(&server, "GET", "/v1/events", "", "")).0, 503);
    more.pop();
    eventually("a place", || {
        let mut client = Client::connect(server.runtime_api.unwrap());
        client.send(get("localhost", "/v1/events"));
        client.head().unwrap().starts_with(b"HTTP/1.1 200").then_some(())
    });
}

#[test]
fn connections_that_stand_still_keep_nobody_out() {
    let server = serve(&[Pod::named("one")], &[]);
    let idle: Vec<_> = (0..80).map(|_| Client::connect(server.runtime_api.unwrap())).collect();
    eventually("an answer", || {
        let mut client = Client::connect(server.runtime_api.unwrap());
        client.try_send(get("localhost", "/v1/info")).ok()?;
        client.stream().set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (bytes, _) = client.rest();
        bytes.starts_with(b"HTTP/1.1 200").then_some(())
    });
    drop(idle);
}
