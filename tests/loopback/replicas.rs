//! What two replicas share: keys of a Secret, by which a TLS session and a form of one are known to the other, and the Service that
//! tells them of each other.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::support::h2::run;
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Client, Manifests, Message, Pod, Tidegate, certificate, eventually, get};

const OPTIONS: &[&str] = &["--shared-keys", "test/keys", "--stats", "127.0.0.1:0"];

/// A host with TLS, and a Secret with these keys if there are any: names, and a letter each has 32 of.
struct Installation {
    pod: Pod,
    certificate: (String, String),
}

impl Installation {
    fn new() -> Self {
        Self { pod: Pod::named("pod"), certificate: certificate(&["a.example"]) }
    }

    fn with(&self, keys: &[(&str, &str)]) -> Manifests {
        let (chain, key) = &self.certificate;
        let tls = json!([{"hosts": ["a.example"], "secretName": "a"}]);
        let paths = [("/", "Prefix", "web")];
        let manifests = Manifests::new().service("web", &[self.pod.address]).secret("a", chain, key).ingress_with(
            "a",
            Some("a.example"),
            &paths,
            json!({}),
            tls,
        );
        if keys.is_empty() {
            return manifests;
        }
        let data: serde_json::Map<_, _> =
            keys.iter().map(|(name, letter)| ((*name).to_owned(), json!(letter.repeat(32)))).collect();
        manifests.object(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "test"}, "stringData": data,
        }))
    }
}

/// A client with sessions of its own.
fn client(is_tls12: bool) -> Arc<ClientConfig> {
    Arc::new(Hello { is_tls12, ..Hello::of("http/1.1") }.config())
}

/// Connects, and tells whether a session was resumed. Keeps the session of this connection.
async fn resumes(server: &Tidegate, client: &Arc<ClientConfig>) -> bool {
    let mut stream = TlsClient::connect_with(server.https, "a.example", client).await.expect("a handshake");
    let (head, _) = stream.ask(get("a.example", "/")).await.expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream.is_resumed()
}

/// A client with a session of this server.
async fn met(server: &Tidegate, is_tls12: bool) -> Arc<ClientConfig> {
    let client = client(is_tls12);
    assert!(!resumes(server, &client).await);
    client
}

#[test]
fn a_session_of_one_replica_resumes_at_the_other_where_they_share_keys_and_only_there() {
    let installation = Installation::new();
    let shared = installation.with(&[("1", "a")]);
    let with = [Tidegate::serve_with(&shared, OPTIONS), Tidegate::serve_with(&shared, OPTIONS)];
    let without = [Tidegate::serve(&shared), Tidegate::serve(&shared)];
    run(async {
        for is_tls12 in [false, true] {
            let client = met(&with[0], is_tls12).await;
            assert!(resumes(&with[1], &client).await && resumes(&with[0], &client).await, "{is_tls12}");
            let client = met(&without[0], is_tls12).await;
            assert!(!resumes(&without[1], &client).await, "{is_tls12}");
            let client = met(&with[0], is_tls12).await;
            assert!(!resumes(&without[0], &client).await, "{is_tls12}");
        }
    });
}

#[test]
fn the_newest_key_seals_and_older_ones_open_until_they_are_removed() {
    let installation = Installation::new();
    let serve = |keys: &[(&str, &str)]| Tidegate::serve_with(&installation.with(keys), OPTIONS);
    let (one, newest_alone) = (serve(&[("2026-01", "a")]), serve(&[("2026-02", "b")]));
    run(async {
        let (old, older) = (met(&one, false).await, met(&one, false).await);
        one.replace(&installation.with(&[("2026-01", "a"), ("2026-02", "b")]));
        // Sealed by the newest once a replica that has no other opens it.
        while !resumes(&newest_alone, &met(&one, false).await).await {
            tokio::task::yield_now().await;
        }
        assert!(resumes(&one, &old).await, "of before");
        let changes = || one.metric("tidegate_changes_total", "Secret");
        let before = changes();
        one.replace(&installation.with(&[("2026-02", "b")]));
        eventually("the removal", || (changes() > before).then_some(()));
        assert!(!resumes(&one, &older).await, "its key is gone");
    });
}

/// What `openssl s_client` says of a connection with these options.
fn openssl(server: &Tidegate, options: &[&str]) -> String {
    let address = server.https.to_string();
    let mut child = Command::new("timeout")
        .args(["20", "openssl", "s_client", "-connect", &address, "-servername", "a.example", "-ign_eof"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl");
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    child.stdin.take().expect("its input").write_all(request).expect("a request");
    String::from_utf8_lossy(&child.wait_with_output().expect("its output").stdout).into_owned()
}

#[test]
fn openssl_resumes_at_another_replica() {
    let installation = Installation::new();
    let shared = installation.with(&[("1", "a")]);
    let replicas = [Tidegate::serve_with(&shared, OPTIONS), Tidegate::serve_with(&shared, OPTIONS)];
    let alone = Tidegate::serve(&shared);
    let folder = tempfile::tempdir().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let session = folder.path().join(version);
        let session = session.to_str().unwrap();
        let first = openssl(&replicas[0], &[version, "-sess_out", session]);
        assert!(first.contains("New, TLSv1"), "{first}");
        for (server, expected) in [(&replicas[1], "Reused, TLSv1"), (&alone, "New, TLSv1")] {
            let second = openssl(server, &[version, "-sess_in", session]);
            assert!(second.contains(expected), "{version} {expected}: {second}");
        }
    }
}

fn page(server: &Tidegate, target: &str) -> Message {
    let address = server.stats.unwrap();
    Client::connect(address).ask(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// The value of the first input of this name.
fn input(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// The status of an action with the token of a page.
fn drain(server: &Tidegate, pod: &Pod, token: &str) -> u16 {
    let (address, text) = (server.stats.unwrap(), page(server, "/stats").text());
    let backend = input(&text, "backend");
    let pod = pod.address.to_string().replace(':', "%3A");
    let body = format!("token={token}&backend={backend}&server={pod}&action=drain");
    let head = format!(
        "POST /stats HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        body.len()
    );
    Client::connect(address).ask(format!("{head}\r\n{body}")).status()
}

#[test]
fn a_form_of_one_replica_is_one_of_the_other_where_they_share_keys() {
    let installation = Installation::new();
    let shared = installation.with(&[("1", "a")]);
    let with = [Tidegate::serve_with(&shared, OPTIONS), Tidegate::serve_with(&shared, OPTIONS)];
    let without = Tidegate::serve_with(&shared, &["--stats", "127.0.0.1:0"]);
    let token = |server: &Tidegate| input(&page(server, "/stats").text(), "token");
    assert_eq!(drain(&with[1], &installation.pod, &token(&with[0])), 303);
    assert_eq!(drain(&without, &installation.pod, &token(&with[0])), 403);
    assert_eq!(drain(&with[0], &installation.pod, &token(&without)), 403);
}

#[test]
fn a_secret_without_keys_is_told_and_each_replica_goes_on_with_its_own() {
    let installation = Installation::new();
    let too_many: Vec<String> = (0..17).map(|number| format!("{number:02}")).collect();
    let too_many: Vec<_> = too_many.iter().map(|name| (&**name, "a")).collect();
    let wrong = |data: Value| {
        installation.with(&[]).object(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "test"}, "stringData": data,
        }))
    };
    for (manifests, says) in [
        (installation.with(&[]), "the Secret is missing"),
        (wrong(json!({})), "it has no entry"),
        (wrong(json!({"a": "SECRET-BUT-SHORT"})), "its entry a has 16 bytes, where 32 are the least"),
        (installation.with(&too_many), "it has 17 entries, where 16 are the most"),
    ] {
        let replicas = [Tidegate::serve_with(&manifests, OPTIONS), Tidegate::serve_with(&manifests, OPTIONS)];
        let problems = replicas[0].admin("/debug/problems").text();
        assert!(problems.contains(says) && problems.contains("--shared-keys"), "{problems}");
        assert!(!problems.contains("SECRET-BUT"), "{problems}");
        run(async {
            let client = met(&replicas[0], false).await;
            assert!(resumes(&replicas[0], &client).await && !resumes(&replicas[1], &client).await);
            replicas.iter().for_each(|server| server.replace(&installation.with(&[("1", "a")])));
            while !resumes(&replicas[1], &met(&replicas[0], false).await).await {
                tokio::task::yield_now().await;
            }
        });
        assert!(!replicas[0].admin("/debug/problems").text().contains("--shared-keys"));
    }
}

/// A Service `self` with these replicas: name, address, and whether it is ready.
fn replicas(manifests: Manifests, all: &[(&str, &str, bool)]) -> Manifests {
    let endpoints: Vec<_> = all
        .iter()
        .map(|(pod, address, is_ready)| {
            let target = json!({"kind": "Pod", "name": pod, "namespace": "test", "uid": pod});
            json!({"addresses": [address], "conditions": {"ready": is_ready}, "targetRef": target})
        })
        .collect();
    manifests.object(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "self-1", "namespace": "test", "labels": {"kubernetes.io/service-name": "self"}},
        "ports": [{"name": "http", "port": 80}], "endpoints": endpoints,
    }))
}

const ONE: (&str, &str, bool) = ("one", "10.0.0.1", true);
const TWO: (&str, &str, bool) = ("two", "10.0.0.2", true);
const UNREADY: (&str, &str, bool) = ("three", "10.0.0.3", false);

#[test]
fn haproxy_pod_maxconn_is_divided_by_the_replicas_that_are_ready() {
    for of_service in [true, false] {
        let (pod, held) = Pod::held();
        let of_pod = json!({"haproxy.org/pod-maxconn": "2", "tidegate.dev/queue-length": "0"});
        let (service, ingress) = if of_service { (of_pod, json!({})) } else { (json!({}), of_pod) };
        let with = |all: &[(&str, &str, bool)]| {
            let manifests = Manifests::new().annotated_service("web", &[pod.address], service.clone());
            let paths = [("/", "Prefix", "web")];
            replicas(manifests.ingress_with("a", Some("a.example"), &paths, ingress.clone(), json!([])), all)
        };
        let server = Tidegate::serve_with(&with(&[ONE, TWO, UNREADY]), &["--self-service", "test/self"]);
        assert_eq!(server.metric("tidegate_replicas_ready", ""), 2.0);
        let mut busy = server.connect();
        busy.send(get("a.example", "/1"));
        pod.wait_for_connections(1);
        assert_eq!(server.ask(get("a.example", "/2")).status(), 503, "one of two");
        server.replace(&with(&[ONE, UNREADY]));
        eventually("one replica", || (server.metric("tidegate_replicas_ready", "") == 1.0).then_some(()));
        let mut other = server.connect();
        other.send(get("a.example", "/2"));
        pod.wait_for_connections(2);
        assert_eq!(server.ask(get("a.example", "/3")).status(), 503, "two of two");
        // More replicas than the limit: each has one.
        server.replace(&with(&[ONE, TWO, ("three", "10.0.0.3", true)]));
        eventually("three replicas", || (server.metric("tidegate_replicas_ready", "") == 3.0).then_some(()));
        drop(held);
        eventually("a place", || (server.ask(get("a.example", "/")).status() != 503).then_some(()));
        // Without the option the limit is that of each replica.
        let (pod, _held) = Pod::held();
        let manifests =
            replicas(Manifests::new().annotated_service("web", &[pod.address], service.clone()), &[ONE, TWO])
                .ingress_with("a", Some("a.example"), &[("/", "Prefix", "web")], ingress.clone(), json!([]));
        let server = Tidegate::serve(&manifests);
        assert_eq!(server.metric("tidegate_replicas_ready", ""), 0.0);
        let mut clients = [server.connect(), server.connect()];
        clients.iter_mut().for_each(|client| client.send(get("a.example", "/")));
        pod.wait_for_connections(2);
    }
}

#[test]
fn the_page_says_which_replica_it_is_of_and_leads_to_the_others() {
    let pod = Pod::named("pod");
    let with = |all: &[(&str, &str, bool)]| replicas(Manifests::everything_to(&[pod.address]), all);
    let server =
        Tidegate::serve_with(&with(&[ONE, TWO, UNREADY]), &["--self-service", "test/self", "--stats", "127.0.0.1:0"]);
    let text = page(&server, "/stats").text();
    let port = server.stats.unwrap().port();
    for name in ["one", "two"] {
        let address = if name == "one" { ONE.1 } else { TWO.1 };
        let link = format!("<a href=\"http://{address}:{port}/stats\">{name}</a>");
        assert!(text.contains(&link), "{link}: {text}");
    }
    assert!(text.contains("2 replicas are ready") && !text.contains("10.0.0.3"), "{text}");
    let this = text.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned();
    server.replace(&with(&[ONE, (&this, "10.0.0.9", true)]));
    let json: Value = eventually("this one", || {
        let answer = page(&server, "/stats/replicas");
        assert_eq!(answer.field("content-type"), Some("application/json"));
        let json: Value = serde_json::from_slice(answer.text().as_bytes()).unwrap();
        json["replicas"].as_array().unwrap().iter().any(|replica| replica["isThis"] == true).then_some(json)
    });
    assert_eq!((&json["pod"], &json["isFollowed"]), (&json!(this), &json!(true)));
    let text = page(&server, "/stats").text();
    assert!(text.contains(&format!("<strong>{this}</strong>")) && !text.contains("http://10.0.0.9"), "{text}");
}
