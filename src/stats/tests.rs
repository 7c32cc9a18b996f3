use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::socket::{SocketPlace, StatsSocket};
use super::*;
use crate::observe::{Count, FlowNumbers, SpanNumbers, TallyNumbers};

fn requests(total: u64) -> TallyNumbers {
    let mut numbers = TallyNumbers::default();
    numbers.sessions = FlowNumbers { now: 1, most: 3, total, rate: 2, highest_rate: 9 };
    numbers.spans = SpanNumbers { means: [0, 1, 20, 25], longest: [4, 5, 90, 99], count: 4, sum: 100_000 };
    numbers.longest_queue = 7;
    numbers.last = Some(Duration::from_secs(6));
    numbers.unchanged = Duration::from_secs(60);
    for (count, value) in [
        (Count::BytesIn, 1000),
        (Count::BytesOut, 2000),
        (Count::Answers2xx, total - 1),
        (Count::Answers5xx, 1),
        (Count::ConnectErrors, 2),
        (Count::ResponseErrors, 3),
        (Count::ServerAborts, 1),
        (Count::Retries, 4),
        (Count::Redispatches, 3),
        (Count::ClientAborts, 5),
        (Count::Denied, 6),
        (Count::BadRequests, 8),
    ] {
        numbers.set(count, value);
    }
    numbers
}

fn server(id: u32, address: &str, standing: Standing, check: Option<Check>) -> Server {
    Server {
        address: address.parse().unwrap(),
        id,
        requests: requests(10),
        standing,
        is_commanded: true,
        weight: 50,
        initial_weight: 100,
        check,
    }
}

/// Of a process with three connections.
pub(super) fn facts() -> ProcessFacts {
    ProcessFacts { version: "9.9.9", pid: 7, threads: 2, connections: 3, ..ProcessFacts::default() }
}

pub(super) fn stats() -> Stats {
    let check = Check {
        code: "L7STS",
        reason: "the answer has a status that is not good",
        status: Some(503),
        took: Duration::from_millis(12),
        since: Duration::from_secs(30),
        bad: 6,
        downs: 2,
        down_for: Duration::from_secs(100),
        rise: 2,
        fall: 3,
    };
    let frontend = |name, id| Frontend {
        name,
        id,
        connections: FlowNumbers { now: 2, most: 4, total: 40, rate: 1, highest_rate: 8 },
        limit: 9500,
        requests: requests(100),
    };
    let servers = vec![
        server(11, "10.0.0.1:8080", Standing::Down, Some(check)),
        server(12, "[fd00::1]:8080", Standing::Draining, None),
        server(13, "10.0.0.3:8080", Standing::Unchecked, None),
    ];
    let backend = Backend { name: "shop_svc_web_http".into(), id: 4, requests: requests(20), waiting: 1, servers };
    Stats { frontends: vec![frontend("http", 2), frontend("https", 3)], backends: vec![backend] }
}

/// The table of a CSV, each row by name of column.
fn table(text: &str) -> Vec<std::collections::HashMap<&str, &str>> {
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().unwrap().strip_prefix("# ").unwrap().split(',').collect();
    lines
        .map(|line| head.iter().copied().zip(line.split(',')).filter(|(_, value)| !value.is_empty()).collect())
        .collect()
}

#[test]
fn the_csv_is_that_of_haproxy() {
    let text = csv(&stats(), Wanted::ALL);
    let golden = include_str!("golden.csv");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/stats/golden.csv"), &text).unwrap();
    } else {
        assert_eq!(text, golden);
    }
    assert!(text.lines().all(|line| line.matches(',').count() == Column::COUNT));
    let rows = table(&text);
    let names: Vec<_> = rows.iter().map(|row| (row["pxname"], row["svname"], row["status"])).collect();
    assert_eq!(
        names,
        [
            ("http", "FRONTEND", "OPEN"),
            ("https", "FRONTEND", "OPEN"),
            ("shop_svc_web_http", "10.0.0.1:8080", "DOWN"),
            ("shop_svc_web_http", "fd00::1:8080", "DRAIN"),
            ("shop_svc_web_http", "10.0.0.3:8080", "no check"),
            ("shop_svc_web_http", "BACKEND", "UP"),
        ]
    );
    assert_eq!((rows[2]["downtime"], rows[2]["lastchg"], rows[2]["check_code"]), ("130", "30", "503"));
    assert_eq!((rows[5]["weight"], rows[5]["act"], rows[5]["qcur"], rows[5]["qmax"]), ("50", "1", "1", "7"));
    // The columns of the first version that had them stand where every tool looks for them.
    assert!(text.starts_with("# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,"));
}

#[test]
fn json_has_an_object_for_each_value_with_its_place_and_tags() {
    let rows: serde_json::Value =
        serde_json::from_str(&json(&stats(), Wanted { proxy: 4, kinds: 4, server: 11 })).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let total = rows[0].as_array().unwrap().iter().find(|field| field["field"]["name"] == "stot").unwrap();
    let expected = serde_json::json!({
        "objType": "Server", "proxyId": 4, "id": 11, "field": {"pos": 7, "name": "stot"}, "processNum": 1,
        "tags": {"origin": "Metric", "nature": "Counter", "scope": "Process"},
        "value": {"type": "u64", "value": 10},
    });
    assert_eq!(*total, expected);
}

#[test]
fn rows_are_chosen_as_haproxy_chooses_them() {
    let count = |proxy, kinds, server| rows(&stats(), Wanted { proxy, kinds, server }).count();
    assert_eq!([count(-1, -1, -1), count(4, -1, -1), count(-1, 1, -1), count(-1, 6, -1)], [6, 4, 2, 4]);
    assert_eq!([count(-1, 4, 12), count(9, -1, -1), count(-1, 0, -1)], [1, 0, 0]);
}

pub(super) type Told = Arc<Mutex<Vec<(u32, SocketAddr, Action)>>>;

pub(super) fn source(told: &Told) -> Source {
    let told = Arc::clone(told);
    Source {
        rows: Arc::new(stats),
        info: Arc::new(facts),
        scope: Scope::ThisReplica,
        act: Arc::new(move |backend, address, actions| {
            told.lock().unwrap().extend(actions.into_iter().map(|action| (backend, address, action)));
            Box::pin(async { Ok(()) })
        }),
        forget: Arc::new(|_| {}),
        sessions: Arc::new(|limit| Box::pin(async move { vec![format!("0x1: at most {limit}\n")] })),
    }
}

struct Socket {
    path: std::path::PathBuf,
    told: Told,
    task: tokio::task::JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Socket {
    fn serve(level: &str) -> Self {
        let told = Told::default();
        let mut socket = Self::serve_source(level, source(&told));
        socket.told = told;
        socket
    }

    fn serve_source(level: &str, source: Source) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.sock");
        let place: SocketPlace = format!("{},level={level}", path.display()).parse().unwrap();
        let bound = StatsSocket::bind(&place).unwrap();
        let task = tokio::spawn(async move { bound.serve(source).await.unwrap() });
        Self { path, told: Told::default(), task, _directory: directory }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.unwrap()
    }

    async fn ask(&self, lines: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(format!("{lines}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        // A connection that is closed with bytes unread is reset.
        let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("an end");
        answer
    }
}

#[tokio::test]
async fn commands_are_answered_as_haproxy_answers_them() {
    let socket = Socket::serve("admin");
    for (line, expected) in [
        ("show version", "3.0.0-tidegate-9.9.9\n\n"),
        ("show backend", "# name\nshop_svc_web_http\n\n"),
        ("get weight shop_svc_web_http/10.0.0.1:8080", "50 (initial 100)\n\n"),
        ("get weight #4/#12;show cli level", "50 (initial 100)\n\nadmin\n\n"),
        ("get weight x/y", "No such backend.\n\n"),
        ("get weight shop_svc_web_http/y", "No such server.\n\n"),
        ("show servers state nobody", "Can't find backend.\n\n"),
        ("set server shop_svc_web_http/fd00::1:8080 state drain", "\n"),
        ("set weight shop_svc_web_http/fd00::1:8080 50%", "\n"),
        ("set weight shop_svc_web_http/fd00::1:8080 100%", "\n"),
        ("disable server shop_svc_web_http/10.0.0.1:8080", "\n"),
        ("clear counters all", "\n"),
        ("show sess", "0x1: at most 1000\n\n"),
        ("quit;show version", ""),
        ("show version\nshow cli level", "3.0.0-tidegate-9.9.9\n\nadmin\n\n"),
    ] {
        assert_eq!(socket.ask(line).await, expected, "{line}");
    }
    let ipv6 = "[fd00::1]:8080".parse().unwrap();
    let expected = [
        (4, ipv6, Action::Drain),
        (4, ipv6, Action::Weigh(Some(50))),
        (4, ipv6, Action::Weigh(None)),
        (4, "10.0.0.1:8080".parse().unwrap(), Action::Maintain),
    ];
    assert_eq!(*socket.told.lock().unwrap(), expected);
    let states = socket.ask("show servers state").await;
    assert!(
        states.contains(
            "\n4 shop_svc_web_http 11 10.0.0.1:8080 10.0.0.1 0 0 50 100 30 17 2 0 6 0 0 0 - 8080 - 0 0 - - 0\n"
        ),
        "{states}"
    );
    assert!(
        states
            .contains("\n4 shop_svc_web_http 12 fd00::1:8080 fd00::1 2 8 50 100 60 1 0 0 0 0 0 0 - 8080 - 0 0 - - 0\n"),
        "{states}"
    );
    let info = socket.ask("show info").await;
    assert!(info.starts_with("Name: HAProxy\nVersion: 3.0.0-tidegate-9.9.9\nRelease_date: "), "{info}");
    assert!(socket.ask("nonsense").await.starts_with("Unknown command. Please enter one of the following"));
    assert!(socket.ask("show").await.starts_with("Unknown command, but maybe one of the following"));
    assert!(socket.ask("set server shop_svc_web_http/10.0.0.1:8080 addr 192.0.2.1").await.contains("Kubernetes"));
}

#[tokio::test]
async fn durable_actions_say_so_and_their_failures_are_told() {
    let told = Told::default();
    let of = |failure: Option<ActFailure>| Source {
        scope: Scope::AllReplicas,
        act: match failure {
            None => source(&told).act,
            Some(failure) => Arc::new(move |_, _, _| {
                let failure = failure.clone();
                Box::pin(async { Err(failure) })
            }),
        },
        ..source(&told)
    };
    let socket = Socket::serve_source("admin", of(None));
    assert!(socket.ask("help").await.contains("0 to 256 or N%, on all replicas and for good"));
    // A part of the usual share: what the objects say is then what was said before.
    assert_eq!(socket.ask("set weight shop_svc_web_http/10.0.0.1:8080 50%").await, "\n");
    assert_eq!(told.lock().unwrap().pop().unwrap().2, Action::Weigh(Some(50)));
    let command = "set server shop_svc_web_http/10.0.0.1:8080 state drain";
    for (failure, expected) in [
        (ActFailure::Gone, "No such server.\n\n"),
        (ActFailure::Refused("nothing was changed: forbidden".into()), "nothing was changed: forbidden\n\n"),
        (ActFailure::Late("no answer".into()), "no answer\n\n"),
    ] {
        assert_eq!(Socket::serve_source("admin", of(Some(failure))).ask(command).await, expected);
    }
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn levels_bound_what_clients_may_do() {
    let denied = "Permission denied\n\n";
    let user = Socket::serve("user");
    for line in
        ["show sess", "clear counters", "set server a/b state drain", "set server", "operator", "disable server a/b"]
    {
        assert_eq!(user.ask(line).await, denied, "{line}");
    }
    assert!(user.ask("show stat").await.starts_with("# pxname,"));
    assert!(!user.ask("help").await.contains("set server"));
    let operator = Socket::serve("operator");
    assert_eq!(operator.ask("clear counters").await, "\n");
    for line in ["clear counters all", "set weight a/b 1", "enable server a/b"] {
        assert_eq!(operator.ask(line).await, denied, "{line}");
    }
    assert_eq!(Socket::serve("admin").ask("user; clear counters; show cli level").await, format!("\n{denied}user\n\n"));
}

#[tokio::test]
async fn a_prompt_keeps_the_connection_and_lines_silence_and_connections_are_bounded() {
    let socket = Socket::serve("operator");
    let mut stream = socket.connect().await;
    for (line, expected) in [("prompt\n", "\n> "), ("\n", "> "), ("show cli level\n", "operator\n\n> ")] {
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
    }
    stream.write_all(b"quit\n").await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(socket.ask(&"x".repeat(5000)).await, "", "too long a line is no command");
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(socket.connect().await);
    }
    // They are served one after the other.
    let mut more = socket.connect().await;
    let mut answer = String::new();
    more.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "Too many connections to the stats socket.\n");
}

#[test]
fn the_file_of_a_dead_process_is_replaced_and_nobody_elses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.sock");
    let place: SocketPlace = format!("{},mode=0660", path.display()).parse().unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let bound = StatsSocket::bind(&place).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(StatsSocket::bind(&place).unwrap_err().to_string().contains("another process"));
    drop(bound);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    assert!(StatsSocket::bind(&place).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn without_users_only_loopback_addresses_are_let_in_and_others_are_told_what_to_set() {
    let headers = ::http::HeaderMap::new();
    for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert!(Login::Loopback.admit(&headers, own.parse().unwrap()).await.is_ok(), "{own}");
    }
    let refused = Login::Loopback.admit(&headers, "10.0.0.1".parse().unwrap()).await.unwrap_err();
    assert_eq!(refused.status(), 403);
    assert!(refused.as_str().contains("--stats-users FILE"));
}
