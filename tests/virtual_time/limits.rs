//! Limits of requests and answers, with the time that they take.

use crate::stage::{Side, Stage, on_stage_of, seconds};
use crate::support::Manifests;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A client's connection, and the pod's that its requests go to.
struct Course {
    client: Side,
    pod: Option<Side>,
}

impl Course {
    /// Sends a request, which the pod answers if it gets there. Tells the status.
    async fn ask(&mut self, stage: &Stage) -> u16 {
        self.client.send(GET).await;
        if self.pod.is_none() {
            self.pod = stage.new_connection().await;
        }
        if let Some(pod) = &mut self.pod
            && !pod.arrived().await.0.is_empty()
        {
            pod.send(OK).await;
        }
        let head = self.client.head().await;
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        self.client.exactly(length.expect("a length")).await;
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// How many of so many requests are served.
    async fn served(&mut self, stage: &Stage, tries: usize) -> usize {
        let mut served = 0;
        for _ in 0..tries {
            served += usize::from(self.ask(stage).await == 200);
        }
        served
    }
}

fn limited(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&[std::net::SocketAddr]) -> Manifests {
    move |pods| {
        let annotations = pairs
            .iter()
            .map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), serde_json::json!(value)))
            .collect();
        let paths = [("/", "Prefix", "web")];
        Manifests::new().service("web", pods).ingress_with("web", None, &paths, annotations, serde_json::json!([]))
    }
}

#[test]
fn nginx_l1_requests_leak_one_by_one_from_what_has_come_at_once() {
    on_stage_of(limited(&[("limit-rps", "2"), ("limit-burst-multiplier", "2")]), |stage| async move {
        let mut course = Course { client: stage.connect().await, pod: None };
        assert_eq!(course.served(&stage, 8).await, 5);
        seconds(0.4).await;
        assert_eq!(course.served(&stage, 2).await, 0);
        seconds(0.2).await;
        assert_eq!(course.served(&stage, 3).await, 1);
        seconds(1.0).await;
        assert_eq!(course.served(&stage, 5).await, 2);
        course.pod = None;
        seconds(60.0).await;
        assert_eq!(course.served(&stage, 8).await, 5);
    });
}

/// What a client gets of an answer of 100 KiB, in KiB: at once, and with each further second.
async fn portions(stage: Stage, count: usize) -> Vec<usize> {
    let mut client = stage.connect().await;
    client.send(GET).await;
    let mut pod = stage.pod().await;
    pod.head().await;
    pod.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 100 << 10)).await;
    client.head().await;
    pod.send(vec![b'x'; 100 << 10]).await;
    let mut portions = Vec::new();
    for _ in 0..count {
        let (bytes, is_closed) = client.arrived().await;
        assert!(!is_closed);
        portions.push(bytes.len() >> 10);
        seconds(1.0).await;
    }
    portions
}

#[test]
fn nginx_l4_an_answer_comes_at_its_rate_and_some_of_it_before() {
    let limited = limited(&[("limit-rate", "10"), ("limit-rate-after", "50"), ("proxy-buffering", "on")]);
    on_stage_of(limited, |stage| async move {
        assert_eq!(portions(stage, 6).await, [60, 10, 10, 10, 10, 0]);
    });
}

#[test]
fn nginx_l4_a_rate_holds_only_where_answers_are_buffered() {
    on_stage_of(limited(&[("limit-rate", "10")]), |stage| async move {
        assert_eq!(portions(stage, 2).await, [100, 0]);
    });
}
