use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::control_http::{ANSWERED, ARRIVING, DEADLINE};
use crate::model::{ObjectKind, ObjectName, ObjectRef, ProblemCode, Severity};

mod flood;

const TEST_DEADLINE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    pending: Arc<Mutex<Vec<String>>>,
    stuck: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn start() -> Server {
    start_with(DebugViews::default()).await
}

async fn start_with(debug_views: DebugViews) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pending = Arc::new(Mutex::new(Vec::new()));
    let stuck = Arc::new(Mutex::new(Vec::new()));
    let state = state(debug_views, pending.clone(), stuck.clone());
    Server { address, pending, stuck, task: tokio::spawn(serve(listener, state)) }
}

fn state(debug_views: DebugViews, pending: Arc<Mutex<Vec<String>>>, stuck: Arc<Mutex<Vec<String>>>) -> AdminState {
    AdminState {
        metrics: Arc::new(Metrics::new()),
        more_metrics: None,
        pending: Arc::new(move || pending.lock().unwrap().clone()),
        stuck: Arc::new(move || stuck.lock().unwrap().clone()),
        debug_views,
        snapshot: Arc::new(|| r#"{"hosts":[]}"#.to_owned()),
        explain: Arc::new(|asked: Asked| {
            Box::pin(async move {
                match asked.url.as_str() {
                    "" => Err(Unexplained::Wrong("the URL names no host".to_owned())),
                    "never" => std::future::pending().await,
                    "late" => Err(Unexplained::Late("ask again".to_owned())),
                    url => Ok(Explained { text: format!("{url} {:?}\n", asked.headers), json: "{}".to_owned() }),
                }
            })
        }),
        connections: Arc::new(|limit| Box::pin(async move { Box::new(move || limit.to_string()) as Shown })),
        problems: Arc::new(|| {
            vec![Problem {
                object: ObjectRef { kind: ObjectKind::Ingress, name: ObjectName::new("shop", "web") },
                field: "spec.rules[0].host".to_owned(),
                code: ProblemCode::InvalidHost,
                severity: Severity::Error,
                message: "\"a\nb\" is no host".to_owned(),
                remedy: "Use a DNS name".to_owned(),
            }]
        }),
    }
}

/// Sends `request` and reads to the end of the connection: the head and the body of what came back.
async fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(TEST_DEADLINE, socket.read_to_end(&mut bytes)).await.expect("the answer ends").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

async fn get(server: &Server, path: &str) -> (u16, String, String) {
    let (head, body) = exchange(server.address, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    (status(&head), head, body)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_path_answers() {
    let server = start().await;
    for (path, expected, content_type, part) in [
        ("/", 200, "text/plain; charset=utf-8", "/debug/snapshot"),
        ("/healthz", 200, "text/plain; charset=utf-8", "ok\n"),
        ("/readyz", 200, "text/plain; charset=utf-8", "ready\n"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "tidegate_build_info{version=\""),
        ("/debug/snapshot", 200, "application/json", "{\"hosts\":[]}"),
        ("/debug/problems", 200, "application/json", "\"code\":\"InvalidHost\""),
        (
            "/debug/problems?format=text",
            200,
            "text/plain; charset=utf-8",
            "error: Ingress shop/web: spec.rules[0].host",
        ),
        ("/other", 404, "text/plain; charset=utf-8", "no such path"),
    ] {
        let (status, head, body) = get(&server, path).await;
        assert_eq!(status, expected, "{path}");
        assert!(head.contains(&format!("content-type: {content_type}")), "{path}: {head}");
        assert!(head.contains("connection: close"), "{path}: {head}");
        assert!(body.contains(part), "{path}: {body}");
    }
}

#[tokio::test]
async fn debug_views_that_are_off_are_refused_and_nothing_else_is() {
    let server = start_with(DebugViews::Off).await;
    for path in ["snapshot", "problems", "problems?format=text", "explain?url=a", "connections", "other"] {
        let (status, _, body) = get(&server, &format!("/debug/{path}")).await;
        assert_eq!((status, body.lines().count()), (403, 1), "{path}: {body}");
        assert!(body.contains("--debug-views loopback"), "{body}");
    }
    for path in ["/", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&server, path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn problems_are_an_array_of_objects_and_one_line_each() {
    let server = start().await;
    let (_, _, body) = get(&server, "/debug/problems").await;
    let problems: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problems[0]["object"]["name"], "web");
    assert_eq!(problems[0]["message"], "\"a\nb\" is no host");
    let (_, _, body) = get(&server, "/debug/problems?format=text").await;
    assert_eq!(body.lines().count(), 1, "{body}");
}

#[tokio::test]
async fn explanations_are_text_or_json_and_wrong_questions_are_refused() {
    let server = start().await;
    let (status, _, body) = get(&server, "/debug/explain?url=http%3A//a/%2561&header=A:%20b").await;
    assert_eq!((status, body.as_str()), (200, "http://a/%61 [\"A: b\"]\n"));
    let (status, _, body) = get(&server, "/debug/explain?format=json&url=a").await;
    assert_eq!((status, body.as_str()), (200, "{}"));
    let (status, _, body) = get(&server, "/debug/explain").await;
    assert_eq!((status, body.as_str()), (400, "the URL names no host\n"));
    assert_eq!(get(&server, "/debug/explain?url=late").await.0, 503);
}

#[tokio::test]
async fn connections_are_as_many_as_asked_for_and_wrong_numbers_are_refused() {
    let server = start().await;
    for (query, shown) in [("", "100"), ("?limit=7", "7"), ("?limit=1000", "1000")] {
        let (status, head, body) = get(&server, &format!("/debug/connections{query}")).await;
        assert_eq!((status, body.as_str()), (200, shown), "{query}");
        assert!(head.contains("content-type: application/json"), "{head}");
    }
    let (status, _, body) = get(&server, "/debug/connections?limit=1001").await;
    assert_eq!((status, body.as_str()), (400, "limit must be a number from 0 to 1000\n"));
}

#[tokio::test]
async fn fault_f22_a_thread_that_hangs_is_told_by_health_and_readiness() {
    let server = start().await;
    assert_eq!(get(&server, "/healthz").await.0, 200);
    *server.stuck.lock().unwrap() = vec!["shard-1".to_owned()];
    for path in ["/healthz", "/readyz"] {
        let (status, _, body) = get(&server, path).await;
        assert_eq!((status, body.as_str()), (503, "threads hang: shard-1\n"), "{path}");
    }
}

#[tokio::test]
async fn readiness_names_what_it_waits_for() {
    let server = start().await;
    *server.pending.lock().unwrap() = vec!["objects".to_owned(), "first table".to_owned()];
    let (status, _, body) = get(&server, "/readyz").await;
    assert_eq!((status, body.as_str()), (503, "waiting for: objects, first table\n"));
    server.pending.lock().unwrap().clear();
    assert_eq!(get(&server, "/readyz").await.0, 200);
}

#[tokio::test]
async fn e11_only_get_and_head_without_a_body_are_served() {
    let server = start().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "QUERY"] {
        let (head, _) = exchange(server.address, &format!("{method} /metrics HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(status(&head), 405, "{method}");
        assert!(head.contains("allow: GET, HEAD"));
    }
    let (head, body) = exchange(server.address, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((status(&head), body.as_str()), (200, ""));
    let (head, _) = exchange(server.address, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(status(&head), 400);
    let (head, _) = exchange(server.address, "garbage\r\n\r\n").await;
    assert_eq!(status(&head), 400);
}

#[tokio::test]
async fn e11_heads_are_bounded() {
    let server = start().await;
    let fields: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    let (head, _) = exchange(server.address, &format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;
    assert_eq!(status(&head), 431);
}

#[tokio::test(start_paused = true)]
async fn e11_a_head_that_never_ends_is_cut_off() {
    let server = start().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(2 * DEADLINE, socket.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "closed before twice the deadline");
}
