//! Pods that answer a request twice, the second time late. Whose answer that is cannot be told, so some request gets it.
//! What must not be is that all later ones get the answers of others.

use std::time::Duration;

use crate::stage::{Side, Stage, on_stage, pass};

/// How long the pod takes for an answer.
const TAKES: Duration = Duration::from_millis(5);

fn request(number: usize) -> String {
    format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn answer(number: usize) -> String {
    let text = number.to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// The answer that a client gets, by its number.
async fn answered(client: &mut Side) -> usize {
    let head = client.head().await;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let length = length.or_else(|| head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()));
    String::from_utf8(client.exactly(length.expect("a length")).await).unwrap().parse().unwrap()
}

/// One request after the other without a pause, on a connection to the pod where an answer to request 0 comes again while
/// it works at request 1. Tells how many get an answer that is not theirs before the connection is left, and which one follows.
async fn wrong_in_a_row(stage: &Stage, client: &mut Side, pod: &mut Side) -> (usize, Side) {
    client.send(request(1)).await;
    assert!(pod.head().await.starts_with("GET /1 "));
    pod.send(answer(0)).await;
    assert_eq!(answered(client).await, 0);
    for number in 2..1000 {
        client.send(request(number)).await;
        if let Some(mut other) = stage.new_connection().await {
            assert!(other.head().await.starts_with(&format!("GET /{number} ")));
            // What was left over arrives, and nobody takes it for an answer.
            pass(TAKES).await;
            pod.try_send(answer(number - 1)).await;
            other.send(answer(number)).await;
            assert_eq!(answered(client).await, number);
            return (number - 1, other);
        }
        assert!(pod.head().await.starts_with(&format!("GET /{number} ")));
        pass(TAKES).await;
        pod.send(answer(number - 1)).await;
        assert_eq!(answered(client).await, number - 1);
    }
    panic!("every request gets the answer of another");
}

#[test]
fn fault_f12_a_late_second_answer_does_not_shift_all_later_ones_however_busy_the_connection() {
    on_stage(|stage| async move {
        let mut client = stage.connect().await;
        client.send(request(0)).await;
        let mut pod = stage.pod().await;
        pod.head().await;
        pod.send(answer(0)).await;
        assert_eq!(answered(&mut client).await, 0);
        let (wrong, other) = wrong_in_a_row(&stage, &mut client, &mut pod).await;
        assert!(wrong <= 8, "{wrong} in a row");
        // The connection is not used again, when it has rested and is the only one.
        drop(other);
        pass(Duration::from_secs(1)).await;
        client.send(request(1)).await;
        let mut third = stage.new_connection().await.expect("a connection without bytes of others");
        third.head().await;
        third.send(answer(1)).await;
        assert_eq!(answered(&mut client).await, 1);
    });
}

#[test]
fn fault_f12_where_another_connection_has_rested_a_late_second_answer_spoils_one_other() {
    on_stage(|stage| async move {
        let (mut client, mut other) = (stage.connect().await, stage.connect().await);
        client.send(request(0)).await;
        let mut first = stage.pod().await;
        first.head().await;
        other.send(request(0)).await;
        let mut second = stage.pod().await;
        second.head().await;
        for (pod, client) in [(&mut second, &mut other), (&mut first, &mut client)] {
            pod.send(answer(0)).await;
            assert_eq!(answered(client).await, 0);
        }
        pass(Duration::from_millis(20)).await;
        // The first one has answered last and is the first to be used. Its answer comes again.
        client.send(request(1)).await;
        assert!(first.head().await.starts_with("GET /1 "));
        first.send(answer(0)).await;
        assert_eq!(answered(&mut client).await, 0);
        client.send(request(2)).await;
        assert!(second.head().await.starts_with("GET /2 "));
        pass(TAKES).await;
        first.send(answer(1)).await;
        second.send(answer(2)).await;
        assert_eq!(answered(&mut client).await, 2);
        pass(Duration::from_millis(50)).await;
        for number in 3..20 {
            client.send(request(number)).await;
            second.head().await;
            second.send(answer(number)).await;
            assert_eq!(answered(&mut client).await, number);
            pass(Duration::from_millis(5)).await;
        }
    });
}
