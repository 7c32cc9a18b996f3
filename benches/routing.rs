//! What a look-up, a change and a full build of the routing table cost.
//!
//! `cargo bench --bench routing`. Every figure is the median of rounds, each over many operations at random places.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::disallowed_types, reason = "real time is what is measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate::model::{
    Action, HostPattern, HostSpec, HttpsRedirect, ObjectName, PathMatch, Reply, RouteSpec, Snapshot,
};
use tidegate::routing::{RouteTable, TableCell};

/// About what the data plane keeps per route: pointers to an upstream and to metric handles.
type Target = Arc<[u64; 8]>;

const ROUNDS: usize = 9;

fn main() {
    println!("look-ups at random places, ns each (random: no two in a row alike; hot: one route again and again)");
    println!("{:>28} {:>9} {:>9} {:>9} {:>9} {:>11}", "table", "random", "hot", "miss", "odd path", "compile ms");
    for count in [10, 1_000, 100_000] {
        measure_table(&format!("1 host x {count} prefixes"), 1, count, Kind::Prefix);
        measure_table(&format!("1 host x {count} exacts"), 1, count, Kind::Exact);
        measure_table(&format!("{count} hosts x 1 path"), count, 1, Kind::Prefix);
    }
    measure_table("10000 hosts x 10 paths", 10_000, 10, Kind::Prefix);
    measure_table("10 hosts x 10000 paths", 10, 10_000, Kind::Prefix);

    println!("\none host changed, microseconds (compiled, published, the former table freed)");
    for count in [100, 10_000, 20_000, 100_000] {
        measure_change(count);
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Exact,
    Prefix,
}

fn measure_table(name: &str, hosts: usize, paths: usize, kind: Kind) {
    let snapshot = snapshot(hosts, paths, kind);
    let compile = median(|| {
        let (elapsed, table) = timed(|| compile(&snapshot));
        drop(table);
        elapsed
    });
    let table = compile_once(&snapshot);
    let mut scratch = String::new();
    let mut random = Random(1);
    let requests: Vec<_> = (0..hosts * paths)
        .map(|_| (host_name(random.below(hosts)), format!("{}/items/4711", path_name(random.below(paths)))))
        .map(|(host, path)| match kind {
            Kind::Prefix => (host, path),
            Kind::Exact => (host, path.trim_end_matches("/items/4711").to_owned()),
        })
        .collect();
    let misses: Vec<_> = requests.iter().map(|(host, path)| (format!("no-{host}"), path.clone())).collect();
    let odd: Vec<_> = requests.iter().map(|(host, path)| (host.clone(), format!("{path}/a%20b"))).collect();
    let mut look_up = |requests: &[(String, String)]| {
        let count = 200_000;
        let per_round = median(|| {
            let mut at = random.below(requests.len());
            timed(|| {
                for _ in 0..count {
                    let (host, path) = &requests[at];
                    black_box(table.find(Some(host), path, &mut scratch).is_ok_and(|found| found.route.is_some()));
                    at = if at + 1 == requests.len() { 0 } else { at + 1 };
                }
            })
            .0
        });
        per_round.as_nanos() as f64 / f64::from(count)
    };
    let (random, hot) = (look_up(&requests), look_up(&requests[..1]));
    let (miss, odd) = (look_up(&misses), look_up(&odd));
    println!("{name:>28} {random:>9.0} {hot:>9.0} {miss:>9.0} {odd:>9.0} {:>11.2}", compile.as_secs_f64() * 1e3);
}

fn measure_change(hosts: usize) {
    let snapshot = snapshot(hosts, 1, Kind::Prefix);
    let cell = TableCell::new(Arc::new(compile_once(&snapshot)));
    let specs: Vec<_> = snapshot.hosts.values().collect();
    let mut random = Random(7);
    let mut one_change = || {
        let spec = specs[random.below(specs.len())];
        timed(|| {
            let next = cell.load().with_host(&spec.pattern, Some(spec), &mut target);
            drop(cell.publish(Arc::new(next)));
        })
        .0
    };
    let mut times: Vec<_> = (0..20_000).map(|_| one_change()).collect();
    times.sort_unstable();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_nanos() as f64 / 1e3;
    println!("{hosts:>12} hosts: median {:.2}, 99 % {:.2}", at(0.5), at(0.99));
}

fn compile_once(snapshot: &Snapshot) -> RouteTable<Target> {
    compile(snapshot)
}

fn compile(snapshot: &Snapshot) -> RouteTable<Target> {
    RouteTable::compile(snapshot, &mut target)
}

fn target(_: &RouteSpec) -> Target {
    Arc::new([0; 8])
}

fn snapshot(hosts: usize, paths: usize, kind: Kind) -> Snapshot {
    let ingress = ObjectName::new("shop", "web");
    let route = |path: String| RouteSpec {
        path: match kind {
            Kind::Exact => PathMatch::Exact(path.into()),
            Kind::Prefix => PathMatch::Prefix(path.into()),
        },
        action: Action::Reply(Reply::NotFound),
        https_redirect: HttpsRedirect::WithTls,
        ingress: ingress.clone(),
    };
    let unit = |host: usize| {
        let pattern = HostPattern::parse(&host_name(host)).expect("the names are valid");
        let routes = (0..paths).map(|path| route(path_name(path))).collect();
        (pattern.clone(), Arc::new(HostSpec { routes, ..HostSpec::empty(pattern) }))
    };
    Snapshot { hosts: (0..hosts).map(unit).collect(), default_certificate: None }
}

fn host_name(number: usize) -> String {
    format!("service-{number}.team-{}.example.com", number % 97)
}

fn path_name(number: usize) -> String {
    format!("/api/{}/v{}/resource-{number}", number % 13, number % 3)
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn median(mut round: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// Numbers that are random enough to defeat caches (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
