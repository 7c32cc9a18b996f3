//! Tidegate in this process, on free ports, until dropped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;
use tidegate::app;
use tidegate::args::{self, Command};
use tidegate::resolver;
use tokio::sync::mpsc;

use super::client::Client;
use super::dns::DnsServer;
use super::manifests::Manifests;
use super::{Message, eventually};

/// A server under test.
#[derive(Debug)]
pub struct Tidegate {
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub admin: SocketAddr,
    pub health: Option<SocketAddr>,
    pub stats: Option<SocketAddr>,
    pub runtime_api: Option<SocketAddr>,
    manifests: PathBuf,
    _directory: TempDir,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Tidegate {
    /// Serves these objects with default settings and one worker.
    pub fn serve(manifests: &Manifests) -> Self {
        Self::serve_with(manifests, &[])
    }

    /// The same with further options of `tidegate serve`.
    pub fn serve_with(manifests: &Manifests, options: &[&str]) -> Self {
        Self::start(manifests, options, resolver::Settings::default())
    }

    /// The same with external names resolved by this server; short times to live are followed.
    pub fn serve_resolving(manifests: &Manifests, dns: &DnsServer, options: &[&str]) -> Self {
        let soon = Duration::from_millis(20);
        let resolver = resolver::Settings {
            server: Some(dns.address),
            shortest_life: soon,
            first_retry: soon,
            longest_retry: soon,
            deadline: Duration::from_millis(500),
            ..resolver::Settings::default()
        };
        Self::start(manifests, options, resolver)
    }

    fn start(manifests: &Manifests, options: &[&str], resolver: resolver::Settings) -> Self {
        notice_panics();
        let directory = tempfile::tempdir().expect("a directory");
        // The folders above a directory of manifests are watched too, lest it be replaced: they are this test's own, so
        // that what others do in the folder of temporary files wakes nobody here.
        let served = directory.path().join("above").join("manifests");
        std::fs::create_dir_all(&served).expect("a directory");
        replace(&served, manifests);
        let path = served.to_str().expect("a path in UTF-8");
        let mut line = vec!["tidegate", "serve", "--manifests", path];
        for (option, value) in [
            ("--http", "127.0.0.1:0"),
            ("--https", "127.0.0.1:0"),
            ("--admin", "127.0.0.1:0"),
            ("--workers", "1"),
            ("--access-log", "off"),
        ] {
            if !options.contains(&option) {
                line.extend([option, value]);
            }
        }
        line.extend_from_slice(options);
        let args = match args::read(&line) {
            Ok(Command::Serve(args)) => args,
            other => panic!("{other:?}"),
        };
        let mut bound = app::bind(&args).expect("free ports");
        bound.resolver = resolver;
        let (http, https, admin, health) = (bound.http, bound.https, bound.admin, bound.health);
        let (stats, runtime_api) = (bound.stats, bound.runtime_api);
        let (stop, stopped) = mpsc::channel(4);
        let thread = thread::Builder::new().name("control".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(bound.serve(stopped))
        });
        let thread = Some(thread.expect("a thread"));
        let server = Self {
            http,
            https,
            admin,
            health,
            stats,
            runtime_api,
            manifests: served,
            _directory: directory,
            stop: Some(stop),
            thread,
        };
        eventually("readiness", || (server.admin("/readyz").status() == 200).then_some(()));
        server
    }

    /// A new connection to the plain listener.
    pub fn connect(&self) -> Client {
        Client::connect(self.http)
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Message {
        self.connect().ask(request)
    }

    /// An answer of the admin listener.
    pub fn admin(&self, path: &str) -> Message {
        Client::connect(self.admin).ask(super::get("admin", path))
    }

    /// The value of a metric: of all series of this name whose labels contain `labels`, the sum.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = self.admin("/metrics").text();
        let series = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
        });
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Replaces all objects. Takes effect a moment later: wait for it by what it changes.
    pub fn replace(&self, manifests: &Manifests) {
        replace(&self.manifests, manifests);
    }

    /// Writes one more file of manifests, or writes it anew, in one step as editors and Kubernetes do.
    pub fn write_file(&self, name: &str, text: &str) {
        let (new, name) = (self.manifests.join(".one"), self.manifests.join(name));
        std::fs::write(&new, text).expect("a file");
        std::fs::rename(new, name).expect("a file");
    }

    /// Removes a file of manifests; `objects.json` is the one that everything else is in.
    pub fn remove_file(&self, name: &str) {
        std::fs::remove_file(self.manifests.join(name)).expect("the file");
    }

    /// What SIGTERM does; the second time it cuts the drain short.
    pub fn terminate(&self) {
        let stop = self.stop.as_ref().expect("still there");
        stop.try_send(()).expect("it takes signals");
    }

    /// Waits for the end after `terminate`.
    pub fn join(mut self) -> anyhow::Result<()> {
        let thread = self.thread.take().expect("joined once");
        eventually("the end", || thread.is_finished().then_some(()));
        thread.join().expect("it does not panic")
    }
}

impl Drop for Tidegate {
    fn drop(&mut self) {
        // Without a sender there is a signal and another.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let outcome = thread.join();
            if !thread::panicking() {
                outcome.expect("it does not panic").expect("it ends well");
            }
        }
        let panics = PANICS.lock().unwrap();
        assert!(panics.is_empty() || thread::panicking(), "Tidegate panicked: {panics:?}");
    }
}

/// Panics on threads of Tidegate, of any test of this process.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A task that panics ends only itself, so nobody would notice.
fn notice_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            if thread.name().is_some_and(|name| name == "control" || name.starts_with("shard-")) {
                PANICS.lock().unwrap().push(panic.to_string());
            }
            before(panic);
        }));
    });
}

fn replace(directory: &Path, manifests: &Manifests) {
    let (new, name) = (directory.join(".new"), directory.join("objects.json"));
    std::fs::write(&new, manifests.to_json()).expect("a file");
    std::fs::rename(new, name).expect("a file");
}
