//! What must be the same whichever protocol the client and the pod speak: each behaviour over {HTTP/1, HTTP/2} × {HTTP/1
//! pod, h2c pod, both through TLS}.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::support::h2::{Call, H2Client, H2Pod, run, send};
use crate::support::{Manifests, Pod, PodConnection, Speech, Tidegate, TlsPod, refusing};

type Fields = Vec<(String, String)>;

/// A request or an answer in terms of both protocols.
#[derive(Clone, Debug, Default)]
struct Exchange {
    method: &'static str,
    path: String,
    status: u16,
    fields: Fields,
    body: Vec<u8>,
    trailers: Fields,
}

impl Exchange {
    fn request(method: &'static str, path: &str, body: &[u8]) -> Self {
        Self { method, path: path.into(), body: body.to_vec(), ..Self::default() }
    }

    fn answer(status: u16, body: &[u8]) -> Self {
        Self { status, body: body.to_vec(), ..Self::default() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Who speaks what.
#[derive(Clone, Copy, Debug)]
struct Case {
    is_h2_client: bool,
    is_h2_pod: bool,
    is_tls_pod: bool,
}

/// A pod of either kind, and what it saw.
struct World {
    case: Case,
    server: Tidegate,
    seen: Arc<Mutex<Vec<Exchange>>>,
    _pods: (Option<Pod>, Option<H2Pod>, Option<TlsPod>),
}

/// Runs a test over each pair; `answer` is what the pod says.
fn everywhere(options: &[&str], answer: fn(&Exchange) -> Exchange, test: impl Fn(&World)) {
    for bits in 0..8 {
        let [is_h2_client, is_h2_pod, is_tls_pod] = [1, 2, 4].map(|bit| bits & bit != 0);
        let case = Case { is_h2_client, is_h2_pod, is_tls_pod };
        eprintln!("{case:?}");
        test(&World::new(case, options, answer));
    }
}

impl World {
    fn new(case: Case, options: &[&str], answer: fn(&Exchange) -> Exchange) -> Self {
        let seen = Arc::<Mutex<Vec<Exchange>>>::default();
        let told = Arc::clone(&seen);
        let (h1, h2) = if case.is_h2_pod {
            let told = move |request: &Exchange| told.lock().unwrap().push(request.clone());
            let told = Arc::new(told);
            (None, Some(H2Pod::scripted(move |call| h2_pod(call, Arc::clone(&told), answer))))
        } else {
            (Some(Pod::scripted(move |connection| h1_pod(connection, &told, answer))), None)
        };
        let address = h1.as_ref().map(|pod| pod.address).or(h2.as_ref().map(|pod| pod.address)).unwrap();
        let protocol = if case.is_h2_pod { "h2" } else { "http/1.1" };
        let tls = case.is_tls_pod.then(|| TlsPod::before(address, Speech::of(&[protocol])));
        let address = tls.as_ref().map_or(address, |pod| pod.address);
        // One more that refuses: it is passed over, whatever the method.
        let (refused, _held) = refusing();
        let pods = [refused, address];
        let app_protocol = match (case.is_tls_pod, case.is_h2_pod) {
            (true, _) => "https",
            (false, true) => "kubernetes.io/h2c",
            (false, false) => "http",
        };
        let objects = Manifests::everything_to_speaking(app_protocol, &pods);
        let server = Tidegate::serve_with(&objects, options);
        Self { case, server, seen, _pods: (h1, h2, tls) }
    }

    fn ask(&self, request: Exchange) -> Exchange {
        if self.case.is_h2_client { self.ask_h2(request) } else { self.ask_h1(&request) }
    }

    fn ask_h1(&self, request: &Exchange) -> Exchange {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: a.example\r\n", request.method, request.path);
        for (name, value) in &request.fields {
            text += &format!("{name}: {value}\r\n");
        }
        text += &framed(request, request.body.is_empty());
        let mut client = self.server.connect();
        let mut upload = client.stream().try_clone().unwrap();
        let bytes = [text.as_bytes(), &body_bytes(request)].concat();
        let sending = std::thread::spawn(move || std::io::Write::write_all(&mut upload, &bytes));
        let answer = client.answer_to(request.method);
        sending.join().unwrap().unwrap();
        Exchange {
            status: answer.status(),
            fields: answer.fields.clone(),
            trailers: answer.trailers.clone(),
            body: answer.body,
            ..Exchange::default()
        }
    }

    fn ask_h2(&self, request: Exchange) -> Exchange {
        let got = Arc::<Mutex<Option<Exchange>>>::default();
        let set = Arc::clone(&got);
        run(async move {
            let client = H2Client::plain(&self.server).await;
            let mut head = client.request(request.method, "a.example", &request.path);
            for (name, value) in &request.fields {
                head = head.header(name, value);
            }
            let is_end = request.body.is_empty() && request.trailers.is_empty();
            let (answer, mut stream) = client.open(head, is_end).await;
            if !is_end {
                send(&mut stream, &request.body, request.trailers.is_empty()).await.unwrap();
                if !request.trailers.is_empty() {
                    stream.send_trailers(map(&request.trailers)).unwrap();
                }
            }
            let answer = crate::support::h2::read(answer).await.unwrap();
            let answer = Exchange {
                status: answer.status,
                fields: list(&answer.headers),
                trailers: list(&answer.trailers),
                body: answer.body,
                ..Exchange::default()
            };
            *set.lock().unwrap() = Some(answer);
        });
        got.lock().unwrap().take().unwrap()
    }

    fn seen(&self) -> Exchange {
        self.seen.lock().unwrap().last().cloned().expect("a request")
    }
}

fn framed(message: &Exchange, is_without_body: bool) -> String {
    match (message.trailers.is_empty(), is_without_body) {
        (false, _) => "Transfer-Encoding: chunked\r\n\r\n".into(),
        (true, true) => "\r\n".into(),
        (true, false) => format!("Content-Length: {}\r\n\r\n", message.body.len()),
    }
}

fn body_bytes(message: &Exchange) -> Vec<u8> {
    if message.trailers.is_empty() {
        return message.body.clone();
    }
    let mut bytes = [format!("{:x}\r\n", message.body.len()).as_bytes(), &message.body, b"\r\n0\r\n"].concat();
    for (name, value) in &message.trailers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes
}

fn h1_pod(mut connection: PodConnection, told: &Mutex<Vec<Exchange>>, answer: fn(&Exchange) -> Exchange) {
    while let Some(request) = connection.request() {
        let (fields, trailers) = (request.fields.clone(), request.trailers.clone());
        let path = request.target().to_owned();
        let request = Exchange { path, fields, trailers, body: request.body, ..Exchange::default() };
        let answer = answer(&request);
        told.lock().unwrap().push(request);
        let mut head = format!("HTTP/1.1 {} x\r\n", answer.status);
        for (name, value) in &answer.fields {
            head += &format!("{name}: {value}\r\n");
        }
        // A length of its own stands for a body that is not sent: HEAD and 304.
        let has_none = matches!(answer.status, 204 | 304) || answer.field("content-length").is_some();
        head += &framed(&answer, has_none);
        connection.send([head.as_bytes(), &body_bytes(&answer)].concat());
    }
}

async fn h2_pod(mut call: Call, told: Arc<impl Fn(&Exchange)>, answer: fn(&Exchange) -> Exchange) {
    let Ok((body, trailers)) = call.body().await else { return };
    let path = call.request.uri().path().to_owned();
    let (fields, trailers) = (list(call.request.headers()), list(&trailers));
    let request = Exchange { path, fields, trailers, body, ..Exchange::default() };
    let answer = answer(&request);
    told(&request);
    let mut head = Response::builder().status(answer.status);
    for (name, value) in &answer.fields {
        head = head.header(name, value);
    }
    let is_end = answer.body.is_empty() && answer.trailers.is_empty();
    let mut stream = call.head(head, is_end);
    if !is_end {
        let _ = send(&mut stream, &answer.body, answer.trailers.is_empty()).await;
        if !answer.trailers.is_empty() {
            let _ = stream.send_trailers(map(&answer.trailers));
        }
    }
}

fn list(map: &HeaderMap) -> Fields {
    map.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn map(list: &Fields) -> HeaderMap {
    let parse =
        |(name, value): &(String, String)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
    list.iter().map(parse).collect()
}

#[test]
fn bodies_of_every_size_arrive_in_both_directions() {
    everywhere(
        &[],
        |request| Exchange::answer(200, &request.body).with("x-back", "1"),
        |world| {
            for size in [0, 1, 1000, 3_000_000] {
                for method in ["GET", "POST"].into_iter().filter(|method| *method == "POST" || size == 0) {
                    let body: Vec<u8> = (0..size).map(|at: usize| at.to_le_bytes()[0]).collect();
                    let answer = world.ask(Exchange::request(method, "/x", &body));
                    assert_eq!((answer.status, answer.field("x-back")), (200, Some("1")));
                    assert!(answer.body == body && world.seen().body == body, "{size}: {}", answer.body.len());
                }
            }
        },
    );
}

#[test]
fn answers_without_a_body_have_none() {
    let pod = |request: &Exchange| match request.path.as_str() {
        "/head" => Exchange::answer(200, b"").with("content-length", "5"),
        "/204" => Exchange::answer(204, b""),
        _ => Exchange::answer(304, b"").with("etag", "\"1\""),
    };
    everywhere(&[], pod, |world| {
        let head = world.ask(Exchange::request("HEAD", "/head", b""));
        assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, Some("5"), 0));
        let none = world.ask(Exchange::request("GET", "/204", b""));
        assert_eq!((none.status, none.field("content-length"), none.body.len()), (204, None, 0));
        let same = world.ask(Exchange::request("GET", "/304", b""));
        assert_eq!((same.status, same.field("etag"), same.body.len()), (304, Some("\"1\""), 0));
    });
}

#[test]
fn trailers_pass_both_ways() {
    let pod = |request: &Exchange| {
        let trailers = vec![("x-count".to_owned(), request.trailers.len().to_string())];
        Exchange { trailers, ..Exchange::answer(200, &request.body) }
    };
    everywhere(&[], pod, |world| {
        let mut request = Exchange::request("POST", "/", b"body").with("te", "trailers");
        if !world.case.is_h2_client {
            request = request.with("connection", "te");
        }
        request.trailers = vec![("x-sum".into(), "7".into())];
        let answer = world.ask(request);
        assert_eq!(world.seen().trailers, [("x-sum".to_owned(), "7".to_owned())]);
        assert_eq!(answer.trailers, [("x-count".to_owned(), "1".to_owned())]);
    });
}

#[test]
fn a_pod_is_told_who_asks() {
    everywhere(
        &[],
        |_| Exchange::answer(200, b"ok"),
        |world| {
            world.ask(Exchange::request("GET", "/who", b"").with("x-forwarded-for", "6.6.6.6"));
            let seen = world.seen();
            for (name, value) in [
                ("x-forwarded-for", "127.0.0.1"),
                ("x-forwarded-host", "a.example"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-port", "80"),
                ("x-real-ip", "127.0.0.1"),
            ] {
                assert_eq!(seen.field(name), Some(value), "{name}");
            }
            assert!(seen.field("x-request-id").is_some());
        },
    );
}

#[test]
fn answers_of_ours_and_explanations_are_the_same() {
    everywhere(
        &["--explain-to", "127.0.0.0/8"],
        |_| Exchange::answer(200, b"ok"),
        |world| {
            let asking = |path: &str| Exchange::request("GET", path, b"").with("tidegate-explain", "1");
            let refused = world.ask(asking("/%zz"));
            assert_eq!(refused.field("tidegate-explanation"), Some("answer=path_invalid; attempts=0"));
            assert_eq!((refused.status, refused.field("content-type")), (400, Some("text/plain; charset=utf-8")));
            let text = String::from_utf8(refused.body).unwrap();
            assert!(text.starts_with("400 Bad Request: ") && text.ends_with(")\n"), "{text}");
            let answered = world.ask(asking("/"));
            let told = answered.field("tidegate-explanation").unwrap();
            assert!(told.starts_with("ingress=test/all; rule=\"Prefix /\"; service=test/web:80; endpoint="), "{told}");
            assert_eq!(world.ask(Exchange::request("GET", "/", b"")).field("tidegate-explanation"), None);
        },
    );
}
