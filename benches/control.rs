//! What the control plane costs: a full build, one change, and memory, by what is loaded.
//!
//! `cargo bench --bench control` runs everything; `-- full`, `-- change`, `-- memory` or `-- snapshot` one part. Time is taken from the
//! controller's `take` of the events to its return, when the new table is published and the former one freed.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::disallowed_types, reason = "real time is what is measured")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, fs};

use tidegate::controller::Controller;
use tidegate::lifecycle::{Drain, Readiness};
use tidegate::model::{Certificate, ObjectName, PodMark};
use tidegate::observe::Metrics;
use tidegate::routing::TableCell;
use tidegate::source::objects::{
    AddressKind, Backend, Change, EndpointSlice, Ingress, IngressClass, Objects, Path, PathKind, PortValue, Rule,
    Secret, Service, ServiceKind, ServicePort, SliceEndpoint, SlicePort, TlsEntry,
};
use tidegate::source::{Event, saved};
use tidegate::translate::Settings;
use tidegate::upstream::{Registry, Target};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Endpoints of a Service.
const ENDPOINTS: usize = 5;
/// One Ingress of so many has TLS.
const TLS_EVERY: usize = 10;
/// Changes of a kind that are measured.
const CHANGES: usize = 400;

fn main() {
    if let Ok(asked) = std::env::var("COUNT") {
        return count(&asked);
    }
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_asked = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if is_asked("memory") {
        measure_memory(10_000);
    }
    if is_asked("snapshot") {
        measure_snapshot(10_000);
    }
    if is_asked("full") {
        println!(
            "\nfull build, ms of time (ms of CPU), best of 5: events taken in; translated, compiled and published"
        );
        [1_000, 10_000].into_iter().for_each(measure_full);
    }
    if is_asked("change") {
        println!(
            "\none change, microseconds, median / 99 % of {CHANGES}; warm: at once after the one before, which with"
        );
        println!("100 loaded finds everything in the caches; cold: caches emptied before, as after other work");
        println!(
            "{:>22} {:>16} {:>16} {:>16} {:>16}",
            "Ingresses loaded", "Ingress", "Service", "Secret", "EndpointSlice"
        );
        let mut caches = Caches::new();
        [100, 10_000, 20_000].into_iter().for_each(|count| measure_changes(count, &mut caches));
    }
}

fn measure_memory(count: usize) {
    let start = resident();
    let plane = Plane::new();
    let events = everything(count);
    let objects = resident();
    let mut controller = plane.controller();
    controller.take(events);
    let loaded = resident();
    controller.take([Event::Synced]);
    assert_eq!(plane.table.load().host_count(), count);
    println!(
        "memory with {count} Ingresses, {count} Services, {} endpoints: resident MiB over those at start ({start:.1})",
        count * ENDPOINTS
    );
    println!(
        "  objects {:.1}, with the index {:.1}, with the table {:.1}",
        objects - start,
        loaded - start,
        resident() - start
    );
}

/// Saved objects: what it costs to write them, and to start from them.
fn measure_snapshot(count: usize) {
    let mut objects = Objects::default();
    let mut changes: Vec<_> = everything(count)
        .into_iter()
        .filter_map(|event| if let Event::Change(change, _) = event { Some(change) } else { None })
        .collect();
    changes.iter().cloned().for_each(|change| drop(objects.apply(change)));
    let mut file = Vec::new();
    let written = Cost::of(|| {
        saved::write(&objects, SystemTime::now(), &mut file).expect("memory takes it");
    });
    println!(
        "\nsaved objects with {count} Ingresses: {:.1} MiB, written in {written} ms",
        file.len() as f64 / 1048576.0
    );
    let mut read = None;
    let parsed = Cost::of(|| read = saved::parse(&file[..]).ok());
    let plane = Plane::new();
    let mut controller = plane.controller();
    let restored = Cost::of(|| controller.restore(read.take().expect("it is as written")));
    assert_eq!(plane.table.load().host_count(), count);
    println!("  read in {parsed} ms, taken in and published in {restored} ms");
    let writer = saved::Writer::start("/dev/null/none".into(), Arc::clone(&plane.metrics)).expect("a thread");
    let recorder = writer.recorder();
    let total = changes.len();
    let noted = Cost::of(|| changes.drain(..).for_each(|change| recorder.note(change)));
    println!("  a change noted for the writer: {:.2} microseconds", noted.time.as_secs_f64() * 1e6 / total as f64);
    writer.finish();
}

fn measure_full(count: usize) {
    let events = everything(count);
    let round = || {
        let plane = Plane::new();
        let mut controller = plane.controller();
        let events = events.clone();
        let load = Cost::of(|| controller.take(events));
        let build = Cost::of(|| controller.take([Event::Synced]));
        assert_eq!(plane.table.load().host_count(), count);
        (build, load)
    };
    if let Some((build, load)) = std::iter::repeat_with(round).take(5).min_by(|a, b| a.0.cpu.total_cmp(&b.0.cpu)) {
        println!("{count:>8} Ingresses: in {load}, built {build}");
    }
}

fn measure_changes(count: usize, caches: &mut Caches) {
    let plane = Plane::new();
    let mut controller = plane.controller();
    controller.take(everything(count));
    controller.take([Event::Synced]);
    let mut random = Random(42);
    let certificates = [0, 1].map(|_| certificate("*.example.com"));
    for is_cold in [false, true] {
        print!("{count:>17} {}", if is_cold { "cold" } else { "warm" });
        for kind in [Kind::Ingress, Kind::Service, Kind::Secret, Kind::Slice] {
            let mut times: Vec<_> = (0..CHANGES)
                .map(|round| {
                    let app = kind.any_app(count, &mut random);
                    let change = kind.change(app, round + usize::from(is_cold), &certificates);
                    if is_cold {
                        caches.empty();
                    }
                    let start = Instant::now();
                    controller.take([Event::change(change)]);
                    start.elapsed()
                })
                .collect();
            times.sort_unstable();
            let at = |part: usize| times[CHANGES * part / 100].as_secs_f64() * 1e6;
            print!(" {:>16}", format!("{:.1} / {:.1}", at(50), at(99)));
        }
        println!();
    }
}

/// Does the work of one row for `scripts/bench-changes`, which counts what `counted` executes: `ROW:INGRESSES:TIMES`.
fn count(asked: &str) {
    let parts: Vec<_> = asked.split(':').collect();
    let [row, ingresses, times] = parts[..] else { panic!("COUNT is ROW:INGRESSES:TIMES and not {asked}") };
    let number = |text: &str| text.parse().expect("INGRESSES and TIMES are numbers");
    let (ingresses, times): (usize, usize) = (number(ingresses), number(times));
    let kind = match row {
        "full" => None,
        "ingress" => Some(Kind::Ingress),
        "service" => Some(Kind::Service),
        "secret" => Some(Kind::Secret),
        "slice" => Some(Kind::Slice),
        _ => panic!("COUNT knows no row {row}"),
    };
    let events = everything(ingresses);
    let Some(kind) = kind else {
        for events in std::iter::repeat_n(events, times) {
            let plane = Plane::new();
            let mut controller = plane.controller();
            counted(|| {
                controller.take(events);
                controller.take([Event::Synced]);
            });
        }
        return;
    };
    let plane = Plane::new();
    let mut controller = plane.controller();
    controller.take(events);
    controller.take([Event::Synced]);
    let mut random = Random(42);
    let certificates = [0, 1].map(|_| certificate("*.example.com"));
    for round in 0..times {
        let change = kind.change(kind.any_app(ingresses, &mut random), round, &certificates);
        counted(|| controller.take([Event::change(change)]));
    }
}

/// Whose instructions are counted.
#[inline(never)]
fn counted<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Memory larger than the caches, to push everything else out of them.
struct Caches(Vec<u64>);

impl Caches {
    fn new() -> Self {
        Self(vec![0; (64 << 20) / size_of::<u64>()])
    }

    fn empty(&mut self) {
        self.0.iter_mut().for_each(|word| *word = word.wrapping_add(1));
        black_box(&self.0);
    }
}

/// What a controller works on.
struct Plane {
    table: Arc<TableCell<Target>>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    drain: Drain,
}

impl Plane {
    fn new() -> Self {
        let metrics = Arc::new(Metrics::new());
        let registry = Arc::new(Registry::new(Arc::clone(&metrics)));
        Self { table: Arc::default(), registry, metrics, drain: Drain::new() }
    }

    fn controller(&self) -> Controller {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let settings = Settings { now: now as i64, ..Settings::default() };
        let waiting = Readiness::new(self.drain.watch()).guard("the first table");
        let (table, registry) = (Arc::clone(&self.table), Arc::clone(&self.registry));
        Controller::new(settings, table, registry, Arc::clone(&self.metrics), waiting)
    }
}

/// The objects that change.
#[derive(Clone, Copy)]
enum Kind {
    Ingress,
    Service,
    Secret,
    Slice,
}

impl Kind {
    /// An application that has an object of this kind.
    fn any_app(self, count: usize, random: &mut Random) -> usize {
        match self {
            Self::Secret => random.below(count / TLS_EVERY) * TLS_EVERY,
            Self::Ingress | Self::Service | Self::Slice => random.below(count),
        }
    }

    /// A change of the object of this kind that belongs to an application: another one each round.
    fn change(self, app: usize, round: usize, certificates: &[Arc<Certificate>; 2]) -> Change {
        match self {
            Self::Ingress => ingress(app, &format!("/v{round}")),
            Self::Service => service(app, 10_000 + round as u16),
            Self::Secret => secret(app, Arc::clone(&certificates[round % 2])),
            Self::Slice => slice(app, 1 + (round % 250) as u8),
        }
    }
}

fn everything(count: usize) -> Vec<Event> {
    let class = Change::arrival(IngressClass::new("tidegate", "tidegate.dev/ingress-controller"));
    let of_app = |app| {
        let secret = (app % TLS_EVERY == 0).then(|| secret(app, certificate(&host(app))));
        [ingress(app, "/api"), service(app, 8080), slice(app, 0)].into_iter().chain(secret)
    };
    std::iter::once(class).chain((0..count).flat_map(of_app)).map(Event::change).collect()
}

fn name(app: usize, suffix: &str) -> ObjectName {
    ObjectName::new(format!("team-{}", app % 97), format!("app-{app}{suffix}"))
}

fn host(app: usize) -> String {
    format!("app-{app}.example.com")
}

fn ingress(app: usize, second_path: &str) -> Change {
    let path = |path: &str| Path {
        path: path.into(),
        kind: PathKind::Prefix,
        backend: Backend::Service { name: name(app, "").name, port: Some(PortValue::Number(80)) },
    };
    let tls = TlsEntry { hosts: [host(app).into()].into(), secret: Some(name(app, "-tls").name) };
    let ingress = Ingress {
        created: app as i64,
        class: Some("tidegate".into()),
        annotations: [("tidegate.dev/ssl-redirect".into(), "false".into())].into_iter().collect(),
        rules: [Rule { host: host(app).into(), paths: Some([path("/"), path(second_path)].into()) }].into(),
        tls: app.is_multiple_of(TLS_EVERY).then_some(tls).into_iter().collect(),
        ..Ingress::new(name(app, ""))
    };
    Change::arrival(ingress)
}

fn service(app: usize, target: u16) -> Change {
    let (name_of_port, target) = ("http".into(), Some(target));
    let port = ServicePort { name: name_of_port, port: 80, target, is_tcp: true, is_udp: false, app_protocol: None };
    let service = Service {
        name: name(app, ""),
        created: app as i64,
        kind: ServiceKind::Cluster,
        ports: [port].into(),
        prefers_ipv6: false,
        cluster_ip: None,
        annotations: Default::default(),
    };
    Change::arrival(service)
}

/// `last` is of the address of the one endpoint that changes.
fn slice(app: usize, last: u8) -> Change {
    let endpoint = |number: usize| SliceEndpoint {
        address: IpAddr::V4(Ipv4Addr::new(
            10 + number as u8,
            (app >> 8) as u8,
            app as u8,
            if number == 0 { last } else { 1 },
        )),
        is_ready: true,
        is_serving: true,
        is_terminating: false,
        pod: PodMark::default(),
    };
    let slice = EndpointSlice {
        name: name(app, "-x7k2p"),
        service: Some(name(app, "").name),
        addresses: AddressKind::IPv4,
        ports: Some([SlicePort { name: "http".into(), port: Some(8080), is_tcp: true, is_udp: false }].into()),
        endpoints: (0..ENDPOINTS).map(endpoint).collect(),
        hints: Default::default(),
        unreadable: Box::default(),
        pods: Box::default(),
    };
    Change::arrival(slice)
}

fn secret(app: usize, certificate: Arc<Certificate>) -> Change {
    let secret = Secret {
        name: name(app, "-tls"),
        certificate: Ok(certificate),
        last_good: None,
        authorities: None,
        lone_chain: None,
        clients: None,
        users: None,
        shared: None,
    };
    Change::arrival(secret)
}

fn certificate(host: &str) -> Arc<Certificate> {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).expect("the name is valid");
    let certificate = Certificate::parse(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes());
    Arc::new(certificate.expect("rcgen makes what we read"))
}

/// What a piece of work takes.
struct Cost {
    time: Duration,
    /// Seconds, of this thread.
    cpu: f64,
}

impl Cost {
    fn of(work: impl FnOnce()) -> Self {
        let (cpu, start) = (cpu_time(), Instant::now());
        work();
        Self { time: start.elapsed(), cpu: cpu_time() - cpu }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ({:.1})", self.time.as_secs_f64() * 1e3, self.cpu * 1e3)
    }
}

/// CPU time of this thread in seconds, as exact as the scheduler's clock tick.
fn cpu_time() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

/// Resident memory of the process in MiB.
fn resident() -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Numbers that are random enough (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
