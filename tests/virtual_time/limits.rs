//! Limits of requests, with the time in which they leak.

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
