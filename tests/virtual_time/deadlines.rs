//! E1: every default deadline, just before and just after.

use crate::stage::{Side, Stage, on_h2_stage, on_stage, seconds};
use crate::support::frames::{
    ACK, CANCEL, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, RST_STREAM, SETTINGS, block, frame, pseudo,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// What a client over HTTP/2 begins with.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request that was answered, on connections that stay open.
async fn one_exchange(stage: &Stage) -> (Side, Side) {
    let mut client = stage.connect().await;
    client.send(GET).await;
    let mut pod = stage.pod().await;
    pod.head().await;
    pod.send(OK).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.exactly(2).await, b"ok");
    (client, pod)
}

#[track_caller]
fn expect_status((bytes, is_closed): (Vec<u8>, bool), status: u16, should_be_closed: bool) {
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text:?}");
    assert_eq!(is_closed, should_be_closed, "{text}");
}

#[test]
fn e1_a_head_has_ten_seconds_from_its_first_byte_or_from_the_new_connection() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        seconds(5.0).await;
        client.send("GET / HTTP/1.1\r\n").await;
        seconds(4.9).await;
        client.expect_quiet().await;
        seconds(0.2).await;
        expect_status(client.arrived().await, 408, true);

        let (mut client, _pod) = one_exchange(&stage).await;
        seconds(5.0).await;
        client.send("GET / HTTP/1.1\r\n").await;
        seconds(9.9).await;
        client.expect_quiet().await;
        seconds(0.2).await;
        expect_status(client.arrived().await, 408, true);
    });
}

#[test]
fn e1_a_head_that_drips_has_no_more_time() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        for byte in "GET / HTTP/1.1\r\nHost: a\r\n".bytes().take(10) {
            client.expect_quiet().await;
            client.send([byte]).await;
            seconds(1.0).await;
        }
        seconds(0.1).await;
        expect_status(client.arrived().await, 408, true);
    });
}

#[test]
fn e1_an_idle_connection_is_kept_for_75_seconds() {
    on_stage(|stage| async move {
        let (mut client, _pod) = one_exchange(&stage).await;
        seconds(74.0).await;
        client.expect_quiet().await;
        client.send(GET).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        pod.send(OK).await;
        expect_status(client.arrived().await, 200, false);
        seconds(74.0).await;
        client.expect_quiet().await;
        seconds(2.0).await;
        client.expect_end().await;
    });
}

#[test]
fn e1_a_body_may_pause_for_thirty_seconds() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(60000))).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        seconds(29.5).await;
        client.expect_quiet().await;
        client.send("x".repeat(1000)).await;
        seconds(29.5).await;
        client.expect_quiet().await;
        seconds(1.0).await;
        expect_status(client.arrived().await, 408, true);
        let (_, is_closed) = pod.arrived().await;
        assert!(is_closed, "the pod must not wait for the rest");
    });
}

#[test]
fn e1_a_body_that_drips_is_408_and_a_slow_one_is_not() {
    for (bytes_per_second, status) in [(300, 408), (1100, 200)] {
        on_stage(|stage| async move {
            let mut client = stage.connect().await;
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            let mut pod = stage.pod().await;
            pod.head().await;
            for _ in 0..120 {
                let piece = "x".repeat(bytes_per_second);
                if !client.try_send(format!("{bytes_per_second:x}\r\n{piece}\r\n")).await {
                    break;
                }
                pod.arrived().await;
                seconds(1.0).await;
            }
            if status == 200 {
                client.send("0\r\n\r\n").await;
                pod.send(OK).await;
            }
            expect_status(client.arrived().await, status, status != 200);
        });
    }
}

#[test]
fn fault_f15_b37_once_the_answer_flows_the_request_may_come_as_it_will() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n").await;
        let mut pod = stage.pod().await;
        pod.head().await;
        pod.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200"));
        // Slower than any body may be.
        for _ in 0..30 {
            client.send("1\r\nx\r\n").await;
            pod.send("1\r\ny\r\n").await;
            seconds(2.0).await;
        }
        // Silent for longer than any body may be.
        for _ in 0..4 {
            seconds(50.0).await;
            pod.send("1\r\ny\r\n").await;
        }
        client.send("0\r\n\r\n").await;
        assert!(pod.arrived().await.0.ends_with(b"x\r\n0\r\n\r\n"));
        pod.send("0\r\n\r\n").await;
        let (rest, is_closed) = client.arrived().await;
        assert!(rest.ends_with(b"0\r\n\r\n") && !is_closed, "{}", rest.escape_ascii());
    });
}

#[test]
fn f21_a_pod_has_sixty_seconds_for_its_head_and_between_parts_of_its_body() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(GET).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        seconds(59.5).await;
        client.expect_quiet().await;
        seconds(1.0).await;
        expect_status(client.arrived().await, 504, false);
        assert!(pod.arrived().await.1, "its connection is not used again");

        client.send(GET).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        seconds(59.5).await;
        pod.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345").await;
        expect_status(client.arrived().await, 200, false);
        seconds(59.5).await;
        pod.send("67").await;
        assert_eq!(client.arrived().await, (b"67".to_vec(), false));
        seconds(61.0).await;
        client.expect_end().await;
        assert!(pod.arrived().await.1);
    });
}

#[test]
fn a_tunnel_lives_while_anything_moves_within_an_hour() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client
            .send(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .await;
        let mut pod = stage.pod().await;
        pod.head().await;
        pod.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        expect_status(client.arrived().await, 101, false);
        for _ in 0..3 {
            seconds(3500.0).await;
            client.send("there").await;
            assert_eq!(pod.arrived().await, (b"there".to_vec(), false));
            seconds(3500.0).await;
            pod.send("back").await;
            assert_eq!(client.arrived().await, (b"back".to_vec(), false));
        }
        seconds(3550.0).await;
        client.expect_quiet().await;
        // It is looked at once an hour.
        seconds(3700.0).await;
        assert!(client.arrived().await.1 && pod.arrived().await.1);
    });
}

#[test]
fn a_pods_connection_is_kept_for_four_seconds_and_for_one_where_nothing_can_be_repeated() {
    on_stage(|stage| async move {
        let (mut client, mut pod) = one_exchange(&stage).await;
        seconds(3.5).await;
        client.send(GET).await;
        assert!(pod.head().await.starts_with("GET / "), "the same connection");
        pod.send(OK).await;
        expect_status(client.arrived().await, 200, false);
        // A POST may not be sent twice, and the pod may be closing the connection by now.
        seconds(1.5).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        let mut other = stage.pod().await;
        assert!(other.head().await.starts_with("POST / "));
        other.send(OK).await;
        expect_status(client.arrived().await, 200, false);
        pod.expect_quiet().await;
        // Both have been idle for too long, and the next sweep closes them.
        seconds(6.0).await;
        pod.arrived().await;
        other.arrived().await;
        client.send(GET).await;
        assert!(stage.new_connection().await.is_some());
    });
}

#[test]
fn e1_a_client_that_reads_nothing_has_thirty_seconds() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(GET).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        pod.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
        let piece = vec![b'x'; 1 << 16];
        // Until nobody takes any more.
        while pod.sends_at_once(&piece).await {}
        seconds(29.0).await;
        assert!(!pod.is_closed().await);
        seconds(2.0).await;
        assert!(pod.is_closed().await);
        let (bytes, is_closed) = client.arrived().await;
        assert!(is_closed && bytes.len() < 100_000_000, "{}", bytes.len());
    });
}

#[test]
fn a_connection_of_http2_that_has_given_its_memory_back_serves_on() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(OPENING).await;
        client.send(frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0])).await;
        let mut next = 1;
        for at_a_time in 1..=3 {
            let mut pods = Vec::new();
            for _ in 0..at_a_time {
                let head = block(&pseudo("GET", "a", "/"));
                client.send(frame(HEADERS, END_HEADERS | END_STREAM, next, &head)).await;
                next += 2;
                pods.push(stage.pod().await);
            }
            for mut pod in pods {
                pod.head().await;
                pod.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
            }
            let (bytes, is_closed) = client.arrived().await;
            assert_eq!((statuses(&bytes), is_closed), (vec![204; at_a_time], false));
            // It gives its memory back after a second.
            seconds(3.0).await;
        }
    });
}

/// A request over HTTP/2 without a length, of which a byte comes every half second, for so many seconds; and what of the
/// answer has come then.
async fn drip_over_http2(stage: &Stage, fields: &[(&str, &str)], seconds_in_all: u32) -> Vec<u8> {
    let mut client = post_over_http2(stage, fields).await;
    let _pod = stage.pod().await;
    for _ in 0..2 * seconds_in_all {
        client.send(frame(DATA, 0, 1, b"x")).await;
        seconds(0.5).await;
    }
    client.arrived().await.0
}

/// The statuses of the answers among these frames.
fn statuses(mut bytes: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<9>() {
        let length = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let (payload, behind) = rest.split_at(length);
        if header[3] == HEADERS {
            let head = Frame { kind: HEADERS, flags: header[4], stream: 1, payload: payload.to_vec() };
            statuses.push(head.status());
        }
        bytes = behind;
    }
    statuses
}

#[test]
fn fault_f16_a_body_over_http2_without_a_length_must_come_at_the_rate_of_one_with_a_length() {
    on_stage(|stage| async move {
        assert!(statuses(&drip_over_http2(&stage, &[], 9).await).is_empty());
    });
    on_stage(|stage| async move {
        assert_eq!(statuses(&drip_over_http2(&stage, &[], 12).await), [408]);
    });
    on_stage(|stage| async move {
        assert_eq!(statuses(&drip_over_http2(&stage, &[("content-length", "9000")], 12).await), [408]);
    });
    // Messages of gRPC come as slowly as they happen.
    on_stage(|stage| async move {
        assert!(statuses(&drip_over_http2(&stage, &GRPC, 12).await).is_empty());
    });
}

const GRPC: [(&str, &str); 2] = [("content-type", "application/grpc+proto"), ("te", "trailers")];

/// Opens a connection and a stream with a POST.
async fn post_over_http2(stage: &Stage, fields: &[(&str, &str)]) -> Side {
    let mut client = stage.connect().await;
    let head = [&pseudo("POST", "a", "/")[..], fields].concat();
    let opening =
        [OPENING.to_vec(), frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]), frame(HEADERS, END_HEADERS, 1, &block(&head))];
    client.send(opening.concat()).await;
    client
}

/// A pod that speaks HTTP/2 and has the request.
async fn h2_pod(stage: &Stage) -> Side {
    let mut pod = stage.pod().await;
    pod.send([frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, ACK, 0, &[])].concat()).await;
    let (bytes, is_closed) = pod.arrived().await;
    assert!(bytes.starts_with(b"PRI * HTTP/2.0") && !is_closed);
    pod
}

#[test]
fn fault_f14_a_grpc_stream_may_be_silent_for_as_long_as_it_lives() {
    on_h2_stage(|stage| async move {
        let mut client = post_over_http2(&stage, &GRPC).await;
        let mut pod = h2_pod(&stage).await;
        client.arrived().await;
        // The client says nothing, and the pod has nothing to answer.
        seconds(200.0).await;
        client.expect_quiet().await;
        pod.send(frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "200"), ("content-type", "application/grpc")])))
            .await;
        assert_eq!(statuses(&client.arrived().await.0), [200]);
        seconds(200.0).await;
        client.expect_quiet().await;
        client.send(frame(DATA, 0, 1, b"hello")).await;
        let (bytes, _) = pod.arrived().await;
        assert!(bytes.ends_with(b"hello"), "{}", bytes.escape_ascii());
    });
    // Others wait for a head and for a body as always.
    on_h2_stage(|stage| async move {
        let mut client = post_over_http2(&stage, &[("content-type", "text/plain")]).await;
        let _pod = h2_pod(&stage).await;
        client.arrived().await;
        seconds(31.0).await;
        assert_eq!(statuses(&client.arrived().await.0), [408]);
    });
}

#[test]
fn fault_f14_a_pod_that_is_silent_for_five_minutes_must_answer_a_ping() {
    on_h2_stage(|stage| async move {
        let mut client = post_over_http2(&stage, &GRPC).await;
        let mut pod = h2_pod(&stage).await;
        client.arrived().await;
        seconds(309.0).await;
        pod.expect_quiet().await;
        seconds(3.0).await;
        let (ping, _) = pod.arrived().await;
        assert_eq!((ping.len(), ping[3], ping[4]), (17, PING, 0));
        pod.send(frame(PING, ACK, 0, &ping[9..])).await;
        // It lives: nothing happens, and it is asked again after as long a time.
        seconds(300.0).await;
        pod.expect_quiet().await;
        client.expect_quiet().await;
        seconds(20.0).await;
        assert_eq!(pod.arrived().await.0[3], PING);
        seconds(21.0).await;
        assert_eq!(statuses(&client.arrived().await.0), [502]);
        assert!(pod.arrived().await.1, "its connection is closed");
    });
}

#[test]
fn fault_b25_a_client_that_waits_to_be_told_to_go_on_is_told_after_a_second_at_the_latest() {
    const WAITING: &str = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    const TOLD: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(WAITING).await;
        let mut pod = stage.pod().await;
        assert!(pod.head().await.contains("\r\nexpect: 100-continue\r\n"));
        seconds(0.9).await;
        client.expect_quiet().await;
        seconds(0.2).await;
        assert_eq!(client.arrived().await, (TOLD.into(), false));
        // The pod says it too, when it has been said.
        pod.send(TOLD).await;
        client.expect_quiet().await;
        // What was waited for us counts little.
        seconds(8.5).await;
        client.send("data").await;
        assert_eq!(pod.exactly(4).await, b"data");
        pod.send(OK).await;
        expect_status(client.arrived().await, 200, false);
    });
    on_h2_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(WAITING).await;
        let _pod = stage.pod().await;
        seconds(0.9).await;
        client.expect_quiet().await;
        seconds(0.2).await;
        assert_eq!(client.arrived().await, (TOLD.into(), false));
    });
}

#[test]
fn fault_f14_messages_of_grpc_web_over_http1_may_come_when_they_will() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web+proto\r\n";
        client.send(format!("{post}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n")).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        seconds(200.0).await;
        client.expect_quiet().await;
        client.send("1\r\nb\r\n0\r\n\r\n").await;
        pod.send(OK).await;
        expect_status(client.arrived().await, 200, false);
    });
}

#[test]
fn fault_f14_deadlines_that_reset_requests_do_not_end_their_connection() {
    on_h2_stage(|stage| async move {
        let head = [&pseudo("POST", "a", "/")[..], &GRPC].concat();
        let mut client = stage.connect().await;
        client.send([OPENING, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        let mut pods = Vec::new();
        let mut streams = (1..).step_by(2);
        // Five hundred in half a second.
        for _ in 0..10 {
            let streams: Vec<u32> = streams.by_ref().take(50).collect();
            let opened: Vec<_> =
                streams.iter().map(|stream| frame(HEADERS, END_HEADERS, *stream, &block(&head))).collect();
            client.send(opened.concat()).await;
            if pods.is_empty() {
                pods.push(h2_pod(&stage).await);
            }
            seconds(0.1).await;
            let reset: Vec<_> =
                streams.iter().map(|stream| frame(RST_STREAM, 0, *stream, &CANCEL.to_be_bytes())).collect();
            client.send(reset.concat()).await;
            pods[0].arrived().await;
        }
        assert!(!client.arrived().await.1, "the connection is open");
        // Without a pause they are an attack.
        let opened_and_reset = |stream| {
            let reset = frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
            [frame(HEADERS, END_HEADERS, stream, &block(&head)), reset].concat()
        };
        let attack: Vec<_> = streams.take(150).map(opened_and_reset).collect();
        client.try_send(attack.concat()).await;
        seconds(2.0).await;
        assert!(client.arrived().await.1, "the connection is closed");
    });
}
