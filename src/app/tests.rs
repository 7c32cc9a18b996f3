//! What happens to traffic when a part of the process ends that must not end.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::args::{self, Command};
use crate::source::Event;
use crate::source::manifests;

const DEADLINE: Duration = Duration::from_secs(20);

/// A server without its source, and the pod behind it.
struct Plane {
    http: SocketAddr,
    events: Option<mpsc::Sender<Event>>,
    _stop: mpsc::Sender<()>,
    server: JoinHandle<anyhow::Result<()>>,
    pod: TcpListener,
}

impl Plane {
    /// A server that has no objects yet.
    async fn start(drain_delay: &str, source: JoinHandle<anyhow::Result<()>>) -> (Self, Readiness) {
        let line = ["tidegate", "serve", "--manifests", ".", "--workers", "1", "--access-log", "off"];
        let addresses = ["--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let drain = ["--drain-delay", drain_delay, "--drain-timeout", "60s"];
        let args = match args::read(line.iter().chain(&addresses).chain(&drain)) {
            Ok(Command::Serve(args)) => args,
            other => panic!("{other:?}"),
        };
        let Bound { http, server, .. } = bind(&args).unwrap();
        let pod = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (events, received) = mpsc::channel(QUEUE);
        let (stop, stopped) = mpsc::channel(1);
        let readiness = server.readiness.clone();
        let server = tokio::spawn(server.run(stopped, received, (source, None), None));
        (Self { http, events: Some(events), _stop: stop, server, pod }, readiness)
    }

    /// A server that is ready and leads to the pod.
    async fn ready(source: JoinHandle<anyhow::Result<()>>) -> Self {
        let (plane, readiness) = Self::start("200ms", source).await;
        let manifests = manifests::parse("objects.yaml".as_ref(), plane.objects().into_bytes());
        assert_eq!(manifests.problems, []);
        for event in manifests.changes.into_iter().map(Event::change).chain([Event::Synced]) {
            plane.events.as_ref().unwrap().send(event).await.unwrap();
        }
        timeout(DEADLINE, readiness.complete()).await.unwrap();
        plane
    }

    fn objects(&self) -> String {
        let port = self.pod.local_addr().unwrap().port();
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {{name: tidegate}}, spec: {{controller: tidegate.dev/ingress-controller}}}}\n\
             ---\n{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: a}}, spec: {{ingressClassName: tidegate, \
             defaultBackend: {{service: {{name: a, port: {{number: 80}}}}}}}}}}\n\
             ---\n{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{ports: [{{port: 80, targetPort: {port}}}]}}}}\n\
             ---\n{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: a, labels: {{kubernetes.io/service-name: a}}}}, \
             addressType: IPv4, ports: [{{port: {port}}}], endpoints: [{{addresses: [127.0.0.1]}}]}}\n"
        )
    }

    /// A request is under way when `end` is called. It is answered although the drain's delay is over by then. Returns the
    /// error with which the process ends.
    async fn drains_after(mut self, end: impl FnOnce(Option<mpsc::Sender<Event>>)) -> String {
        let mut client = TcpStream::connect(self.http).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let (mut pod, _) = timeout(DEADLINE, self.pod.accept()).await.unwrap().unwrap();
        let mut head = [0; 1024];
        assert!(timeout(DEADLINE, pod.read(&mut head)).await.unwrap().unwrap() > 0);
        end(self.events.take());
        // New connections are refused when the delay is over.
        let closed = async {
            while TcpStream::connect(self.http).await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, closed).await.unwrap();
        pod.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        let mut answer = Vec::new();
        timeout(DEADLINE, client.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with(b"ok"), "{}", String::from_utf8_lossy(&answer));
        timeout(DEADLINE, self.server).await.unwrap().unwrap().unwrap_err().to_string()
    }
}

/// A source that ends when it is told to.
fn source() -> (tokio::sync::oneshot::Sender<anyhow::Result<()>>, JoinHandle<anyhow::Result<()>>) {
    let (end, ended) = tokio::sync::oneshot::channel();
    (end, tokio::spawn(async move { ended.await.unwrap() }))
}

#[tokio::test]
async fn a_source_that_ends_drains_and_is_an_error() {
    let (end, source) = source();
    let plane = Plane::ready(source).await;
    let error = plane.drains_after(move |_| end.send(Err(anyhow::anyhow!("the API is gone for good"))).unwrap());
    assert_eq!(error.await, "the API is gone for good");
}

#[tokio::test]
async fn a_source_that_panics_drains_and_is_an_error() {
    let (end, source) = source();
    let plane = Plane::ready(source).await;
    assert_eq!(plane.drains_after(move |_| drop(end)).await, "the source of objects ended");
}

#[tokio::test]
async fn a_controller_that_ends_drains_and_is_an_error() {
    let plane = Plane::ready(tokio::spawn(pending())).await;
    assert_eq!(plane.drains_after(drop).await, "the controller ended");
}

#[tokio::test]
async fn a_source_that_fails_before_readiness_ends_the_process_at_once() {
    let (end, source) = source();
    let (plane, _) = Plane::start("300s", source).await;
    end.send(Err(anyhow::anyhow!("there is no directory"))).unwrap();
    let ended = timeout(DEADLINE, plane.server).await.expect("no delay").unwrap();
    assert_eq!(ended.unwrap_err().to_string(), "there is no directory");
}
