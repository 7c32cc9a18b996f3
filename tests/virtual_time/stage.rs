//! A proxy, a pod and the clock.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::controller::Controller;
use tidegate::lifecycle::{Drain, Phase, Readiness};
use tidegate::observe::{AccessLog, AccessLogFormat, Metrics};
use tidegate::password::Passwords;
use tidegate::proxy::listener::{self, ListenerProtocol};
use tidegate::proxy::{
    self, AuthMemory, Connections, Handover, Heartbeats, Inspector, Ledger, Limiter, Ports, ProxyConfig, Shared,
};
use tidegate::source::{Event, manifests};
use tidegate::translate::Settings;
use tidegate::upstream::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{spawn_blocking, spawn_local, yield_now};
use tokio::time::{Instant, advance};

use crate::support::Manifests;

/// How often everybody gets a turn before all is taken to have settled. A byte's way from the client to the pod and back
/// takes six.
const TURNS: usize = 40;

/// What a test plays on.
pub(crate) struct Stage {
    address: SocketAddr,
    pod: TcpListener,
    _manifests: TempDir,
}

/// Runs a test with the defaults of the product and a pod that speaks HTTP/1.
pub(crate) fn on_stage<F: Future<Output = ()>>(test: impl FnOnce(Stage) -> F) {
    on_stage_of(Manifests::everything_to, test);
}

/// The same with a pod that speaks HTTP/2.
pub(crate) fn on_h2_stage<F: Future<Output = ()>>(test: impl FnOnce(Stage) -> F) {
    on_stage_of(Manifests::everything_to_h2c, test);
}

/// The same with these objects.
pub(crate) fn on_stage_of<F: Future<Output = ()>>(
    objects: impl Fn(&[SocketAddr]) -> Manifests,
    test: impl FnOnce(Stage) -> F,
) {
    let runtime =
        Builder::new_current_thread().enable_all().start_paused(true).build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        // While a blocking task runs the clock does not move by itself. It would whenever everybody waits, even for bytes
        // that are there already.
        let (hold, held) = std::sync::mpsc::channel::<()>();
        spawn_blocking(move || held.recv());
        let pod = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let objects = objects(&[pod.local_addr().unwrap()]);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("objects.json");
        std::fs::write(&file, objects.to_json()).unwrap();

        let (metrics, drain) = (Arc::new(Metrics::new()), Drain::new());
        let (table, registry) = (Arc::default(), Arc::new(Registry::new(Arc::clone(&metrics))));
        let settings = Settings { allow_loopback: true, ..Settings::default() };
        let waiting = Readiness::new(drain.watch()).guard("the first table");
        let mut controller =
            Controller::new(settings, Arc::clone(&table), Arc::clone(&registry), Arc::clone(&metrics), waiting);
        let loaded = manifests::load(&file).unwrap();
        let changes = loaded.changes.into_iter().map(|change| Event::Change(change, Instant::now()));
        controller.take(changes.chain([Event::Synced]));

        let log = AccessLog::start(AccessLogFormat::Off, Box::new(std::io::sink()), &metrics).unwrap();
        let listeners = listener::bind("127.0.0.1:0".parse().unwrap(), 1, Duration::from_secs(60)).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let listeners = listeners.into_iter().map(|socket| (socket, ListenerProtocol::Http)).collect();
        let config = Arc::new(ProxyConfig::default());
        let shared = Shared {
            config,
            table,
            metrics,
            drain: drain.watch(),
            connections: Connections::default(),
            pod_connections: Connections::default(),
            ledger: Ledger::default(),
            handover: Handover::default(),
            inspector: Inspector::default(),
            heartbeats: Heartbeats::default(),
            limiter: Limiter::default(),
            auth_memory: AuthMemory::default(),
            passwords: Passwords::default(),
            ports: Ports::default(),
        };
        let serving = spawn_local(proxy::serve(shared, log.shard(), listeners, registry.retirements()));

        test(Stage { address, pod, _manifests: directory }).await;
        drain.advance(Phase::Aborting);
        drop(hold);
        serving.await.unwrap();
    });
}

impl Stage {
    /// A client's connection.
    pub(crate) async fn connect(&self) -> Side {
        Side::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// The next connection that the proxy opens to the pod.
    pub(crate) async fn pod(&self) -> Side {
        Side::new(at_once("a connection to the pod", self.pod.accept()).await.unwrap().0)
    }

    /// A further connection, if the proxy has opened one.
    pub(crate) async fn new_connection(&self) -> Option<Side> {
        tokio::select! {
            biased;
            accepted = self.pod.accept() => Some(Side::new(accepted.unwrap().0)),
            () = settle() => None,
        }
    }
}

/// What must come without time passing.
async fn at_once<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        came = wanted => came,
        () = async { for _ in 0..50 { settle().await } } => panic!("{what} does not come"),
    }
}

/// Lets everybody do what there is to do.
pub(crate) async fn settle() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

/// Lets so much time pass, in steps, so that timers that set others come in their order.
pub(crate) async fn pass(time: Duration) {
    let step = (time / 100).max(Duration::from_millis(100));
    let end = Instant::now() + time;
    settle().await;
    while Instant::now() < end {
        advance(step.min(end - Instant::now())).await;
        settle().await;
    }
}

pub(crate) async fn seconds(seconds: f64) {
    pass(Duration::from_secs_f64(seconds)).await;
}

/// The client's or the pod's end of a connection.
pub(crate) struct Side(TcpStream);

impl Side {
    /// Without Nagle's algorithm: it holds a second small write back until the first is acknowledged, which takes 40 ms of
    /// the kernel's time. None of that passes here.
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
        settle().await;
    }

    /// The same where the other side may have closed.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let is_sent = self.0.write_all(bytes.as_ref()).await.is_ok();
        settle().await;
        is_sent
    }

    /// Reads up to the end of a head.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(at_once("a head", self.0.read_u8()).await.expect("a head"));
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads so many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        at_once("so many bytes", self.0.read_exact(&mut bytes)).await.expect("so many bytes");
        bytes
    }

    /// What has arrived, and whether the connection has ended.
    pub(crate) async fn arrived(&mut self) -> (Vec<u8>, bool) {
        settle().await;
        let (mut all, mut buffer) = (Vec::new(), vec![0; 65536]);
        loop {
            match self.0.try_read(&mut buffer) {
                Ok(0) => return (all, true),
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return (all, false),
                Err(_) => return (all, true),
            }
        }
    }

    /// Writes what is taken at once; false when nothing is.
    pub(crate) async fn sends_at_once(&mut self, bytes: &[u8]) -> bool {
        settle().await;
        self.0.try_write(bytes).is_ok()
    }

    /// Whether the other side has gone, whatever lies unread.
    pub(crate) async fn is_closed(&mut self) -> bool {
        settle().await;
        !matches!(self.0.try_write(b"x"), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Nothing has arrived, and the connection is open.
    #[track_caller]
    pub(crate) fn expect_quiet(&mut self) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let (bytes, is_closed) = self.arrived().await;
            assert!(bytes.is_empty() && !is_closed, "{place}: {:?}, {is_closed}", String::from_utf8_lossy(&bytes));
        }
    }

    /// The connection has ended, without another byte.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let (bytes, is_closed) = self.arrived().await;
            assert!(bytes.is_empty() && is_closed, "{place}: {:?}, {is_closed}", String::from_utf8_lossy(&bytes));
        }
    }
}
