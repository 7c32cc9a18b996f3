//! The `h2` crate as peer, in both roles, over a pipe in memory: what both sides mean is the same.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::http2::connection::{Arrival, Config, Connection, Event, Key, Role};
use crate::http2::head::encode::RequestStart;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let test = async { tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test ends in time") };
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// A body of so many bytes.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 251) as u8).collect()
}

/// A stream of ours: what came, and what is to be sent.
#[derive(Default)]
struct Course {
    status: u16,
    came: Vec<u8>,
    trailers: Vec<u8>,
    is_over: bool,
    to_send: Vec<u8>,
    sent: usize,
}

/// Drives a connection of ours until it ends or `is_done`.
async fn drive(
    mut connection: Connection,
    mut pipe: DuplexStream,
    mut streams: Vec<(Key, Course)>,
    is_done: impl Fn(&[(Key, Course)]) -> bool,
) -> Vec<(Key, Course)> {
    let mut arrival = Arrival::default();
    let mut buffer = vec![0; 5000];
    let mut now = Duration::ZERO;
    loop {
        for (key, course) in &mut streams {
            let rest = &course.to_send[course.sent..];
            if !rest.is_empty() {
                course.sent += connection.data(*key, rest, false);
                if course.sent == course.to_send.len() {
                    connection.trailers(*key, b"x-sum: 7\r\n");
                }
            }
        }
        let out = connection.output().to_vec();
        if pipe.write_all(&out).await.is_err() {
            return streams;
        }
        connection.sent(out.len());
        if is_done(&streams) {
            return streams;
        }
        let Ok(length @ 1..) = pipe.read(&mut buffer).await else { return streams };
        now += Duration::from_millis(1);
        let mut rest = &buffer[..length];
        loop {
            let (taken, event) = connection.receive(rest, &mut arrival, now).unwrap();
            rest = &rest[taken..];
            let Some(event) = event else { break };
            let find = |streams: &mut Vec<(Key, Course)>, key: Key| {
                streams.iter().position(|(known, _)| *known == key).expect("a stream that is known")
            };
            match event {
                Event::Request { stream, is_end, verdict } => {
                    assert_eq!(verdict, Ok(()));
                    streams.push((stream, Course { is_over: is_end, ..Course::default() }));
                    if is_end {
                        answer(&mut connection, &mut streams, stream);
                    }
                }
                Event::Response { stream, is_end, verdict } => {
                    assert_eq!(verdict, Ok(()));
                    let at = find(&mut streams, stream);
                    streams[at].1.status = arrival.response.status;
                    streams[at].1.is_over = is_end;
                }
                Event::Data { stream, bytes, is_end } => {
                    let at = find(&mut streams, stream);
                    streams[at].1.came.extend_from_slice(bytes);
                    streams[at].1.is_over = is_end;
                    connection.consumed(stream, bytes.len());
                    if is_end {
                        answer(&mut connection, &mut streams, stream);
                    }
                }
                Event::Trailers { stream } => {
                    let at = find(&mut streams, stream);
                    streams[at].1.trailers = arrival.bytes.clone();
                    streams[at].1.is_over = true;
                    answer(&mut connection, &mut streams, stream);
                }
                Event::Reset { code, reason, .. } => panic!("{code} {reason}"),
                Event::Rejected { code, reason, .. } => panic!("{code} {reason}"),
                Event::Writable { .. } | Event::Settings | Event::Pong | Event::Goaway { .. } => {}
            }
        }
    }
}

/// Echoes what came, as a server.
fn answer(connection: &mut Connection, streams: &mut [(Key, Course)], key: Key) {
    let (_, course) = streams.iter_mut().find(|(known, _)| *known == key).unwrap();
    connection.respond(key, 200, course.came.is_empty(), |give| {
        give(b"Content-Type", b"text/plain");
        give(b"X-Length", course.came.len().to_string().as_bytes());
    });
    course.to_send = course.came.clone();
}

async fn read(mut body: h2::RecvStream) -> (Vec<u8>, Option<http::HeaderMap>) {
    let mut all = Vec::new();
    while let Some(bytes) = body.data().await {
        let bytes = bytes.unwrap();
        all.extend_from_slice(&bytes);
        body.flow_control().release_capacity(bytes.len()).unwrap();
    }
    (all, body.trailers().await.unwrap())
}

async fn send(stream: &mut h2::SendStream<Bytes>, mut bytes: Bytes) {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
        stream.send_data(bytes.split_to(room.min(bytes.len())), false).unwrap();
    }
}

fn sum() -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", http::HeaderValue::from_static("7"));
    trailers
}

#[test]
fn a_client_of_the_library_is_served() {
    run(async {
        let (ours, theirs) = tokio::io::duplex(3000);
        let config = Config { stream_window: 100_000, connection_window: 150_000, ..Config::default() };
        let connection = Connection::new(Role::Server, &config);
        tokio::task::spawn_local(drive(connection, ours, Vec::new(), |_| false));
        let (mut client, connection) = h2::client::handshake(theirs).await.unwrap();
        tokio::task::spawn_local(connection);
        let mut tasks = Vec::new();
        for length in [0, 1, 5, 16_384, 16_385, 70_000, 400_000] {
            client = client.ready().await.unwrap();
            let request = http::Request::post("https://a.example/x")
                .header("cookie", "a=b")
                .header("x-long", "v".repeat(length / 40));
            let (response, mut stream) = client.send_request(request.body(()).unwrap(), length == 0).unwrap();
            tasks.push(tokio::task::spawn_local(async move {
                if length > 0 {
                    send(&mut stream, Bytes::from(body(length))).await;
                    stream.send_trailers(sum()).unwrap();
                }
                let response = response.await.unwrap();
                assert_eq!(response.headers()["x-length"], length.to_string());
                let (came, trailers) = read(response.into_body()).await;
                assert!(came == body(length), "{length}");
                assert_eq!(trailers, (length > 0).then(sum));
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_server_of_the_library_serves_us() {
    run(async {
        let (ours, theirs) = tokio::io::duplex(3000);
        tokio::task::spawn_local(async move {
            let mut server = h2::server::handshake(theirs).await.unwrap();
            while let Some(Ok((request, mut respond))) = server.accept().await {
                tokio::task::spawn_local(async move {
                    assert_eq!((request.uri().path(), request.headers()["x-a"].to_str().unwrap()), ("/x", "b"));
                    let (came, trailers) = read(request.into_body()).await;
                    let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                    send(&mut stream, Bytes::from(came)).await;
                    stream.send_trailers(trailers.unwrap_or_default()).unwrap();
                });
            }
        });
        let config = Config { stream_window: 100_000, connection_window: 150_000, ..Config::default() };
        let mut connection = Connection::new(Role::Client, &config);
        let start =
            RequestStart { method: b"POST", scheme: b"http", authority: b"a.example", path: b"/x", protocol: None };
        let lengths = [1, 5, 16_384, 16_385, 70_000, 400_000];
        let streams = lengths.map(|length| {
            let key = connection.request(&start, false, |give| give(b"X-A", b"b")).unwrap();
            (key, Course { to_send: body(length), ..Course::default() })
        });
        let done = drive(connection, ours, streams.into(), |all| all.iter().all(|(_, course)| course.is_over)).await;
        for (length, (_, course)) in lengths.into_iter().zip(done) {
            assert!(course.is_over && course.status == 200 && course.came == body(length), "{length}");
            assert_eq!(course.trailers, b"x-sum: 7\r\n");
        }
    });
}
