//! The API server is away for a while under load. What a restart meanwhile serves stands in `snapshot.rs`.
//!
//! `TIDEGATE_OUTAGE_SECONDS=120` makes the outage as long as the promise in docs/api-outages.md.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::time::Duration;

use tidegate_e2e::{ApiServer, Certificate, EchoPod, Load, Pods, Tidegate, class, eventually, ingress, tls_ingress};
use tokio::time::Instant;

const CONTROLLER: &str = "tidegate.dev/ingress-controller";

/// How long the API server is away.
fn outage() -> Duration {
    let seconds = std::env::var("TIDEGATE_OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(8, |seconds| seconds.parse().expect("a number of seconds")))
}

/// A shop with a plain host and one with TLS.
struct Shop {
    certificate: Certificate,
    /// Ends before the API server, with which its address goes.
    pod: EchoPod,
    api: ApiServer,
}

impl Shop {
    fn open() -> Self {
        let api = ApiServer::start();
        let pod = EchoPod::start(&api, "shop", "web");
        let certificate = Certificate::new(&["tls.example"]);
        api.apply(&Pods { namespace: "shop", service: "web", pods: &[&pod] }.yaml());
        api.apply_all(vec![
            class("tidegate", CONTROLLER),
            certificate.secret("shop", "tls"),
            tls_ingress("shop", "tls", "tidegate", "tls.example", "tls"),
            ingress("shop", "plain", "tidegate", "plain.example"),
        ]);
        Self { certificate, pod, api }
    }

    fn follow(&self, options: &[&str]) -> Tidegate {
        Tidegate::start(
            &[
                &["--kubeconfig", self.api.kubeconfig().to_str().unwrap(), "--ssl-redirect", "false"],
                &["--publish-address", "192.0.2.1", "--lease", "shop/tidegate"],
                options,
            ]
            .concat(),
            &[],
        )
    }

    /// Changes of every kind, and how long it took until the last of them was seen.
    fn changes_arrive(&mut self, server: &Tidegate) -> Duration {
        let started = Instant::now();
        let (api, pod) = (&self.api, EchoPod::start(&self.api, "shop", "web"));
        self.certificate = Certificate::new(&["tls.example"]);
        api.apply_all(vec![ingress("shop", "new", "tidegate", "new.example"), self.certificate.secret("shop", "tls")]);
        api.apply(&Pods { namespace: "shop", service: "web", pods: &[&pod] }.yaml());
        answers(server, "new.example", 200);
        eventually("the new certificate is shown", || {
            self.certificate.is_shown(server.https, "tls.example").then_some(())
        });
        eventually("the new pod answers", || {
            let (_, body) = server.get("new.example", "/")?;
            body.contains(pod.name()).then_some(())
        });
        let took = started.elapsed();
        self.pod = pod;
        took
    }
}

fn load(server: &Tidegate) -> Load {
    Load::start(server.http, Some(server.https), &[("tls.example", "/"), ("plain.example", "/shop")])
}

#[track_caller]
fn answers(server: &Tidegate, host: &str, status: u16) {
    eventually(&format!("{host} answers {status}"), || server.get(host, "/").filter(|(found, _)| *found == status));
}

#[track_caller]
fn is_disconnected(server: &Tidegate) {
    eventually("the loss is noticed", || (server.metric("tidegate_watch_connected", "") == 0.0).then_some(()));
}

/// Tells what was measured; shown with `--nocapture`.
fn tell(what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{what}");
}

#[test]
fn rule_73_f01_no_request_fails_while_the_api_server_is_away_and_changes_arrive_after_its_return() {
    let mut shop = Shop::open();
    let server = shop.follow(&[]);
    server.wait_until_ready();
    answers(&server, "plain.example", 200);
    let load = load(&server);
    let processor = || server.metric("process_cpu_seconds_total", "");
    shop.api.kill();
    let (started, used) = (Instant::now(), processor());
    is_disconnected(&server);
    while started.elapsed() < outage() {
        load.goes_on(20);
    }
    assert!(server.is_ready(), "{}", server.log());
    let age = server.metric("tidegate_config_age_seconds", "");
    assert!(age >= outage().as_secs_f64() - 2.0, "the age is {age}");
    let used = processor() - used;
    // A line for each kind of objects and for what is written back, not one for each attempt.
    let lines = server.log().lines().filter(|line| line.contains("ERROR") || line.contains("WARN")).count();
    assert!(lines < 30, "{lines} lines of log:\n{}", server.log());
    shop.api.start_again();
    let took = shop.changes_arrive(&server);
    eventually("everything is followed again", || {
        (server.metric("tidegate_config_age_seconds", "") == 0.0).then_some(())
    });
    let result = load.stop_without_failure();
    tell(&format!(
        "{:?} without the API server: {} requests, none failed, slowest {:?}, {used:.2} s of CPU; changes after its return took {took:?}\n{}",
        outage(),
        result.good,
        result.slowest,
        failures(&server),
    ));
    assert!(took < Duration::from_secs(35), "changes took {took:?}");
}

/// How often watches failed, and why: lines of the metrics.
fn failures(server: &Tidegate) -> String {
    let (_, metrics) = server.admin("/metrics").expect("the admin listener answers");
    let lines = metrics.lines().filter(|line| line.starts_with("tidegate_watch_errors_total{"));
    lines.collect::<Vec<_>>().join("\n")
}
