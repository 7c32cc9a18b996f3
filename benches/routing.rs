//! What a look-up, a change and a full build of the routing table cost.
//!
//! `cargo bench --bench routing`. Look-ups and builds: the best of some rounds, the one least disturbed by
//! whatever else the machine does. Changes: each timed by itself.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::disallowed_types, reason = "real time is what is measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate::model::{
    Action, Filter, Filters, HostPattern, HostSpec, HttpsRedirect, HttpsUrl, ObjectName, Origin, PathMatch, Pattern,
    Place, Reply, RouteMatch, RouteSpec, Snapshot, Unmatched,
};
use tidegate::routing::{RouteTable, TableCell};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// About what the data plane keeps per route: pointers to an upstream and to metric handles.
type Target = Arc<[u64; 8]>;

fn main() {
    if let Ok(asked) = std::env::var("COUNT") {
        return count(&asked);
    }
    println!("look-ups at random places, ns each (random: no two in a row alike; hot: one route again and again)");
    println!("{:>28} {:>9} {:>9} {:>9} {:>9} {:>11}", "table", "random", "hot", "miss", "odd path", "compile ms");
    for count in [10, 1_000, 100_000] {
        measure_table(&format!("1 host x {count} prefixes"), 1, count, Kind::Prefix);
        measure_table(&format!("1 host x {count} exacts"), 1, count, Kind::Exact);
        measure_table(&format!("{count} hosts x 1 path"), count, 1, Kind::Prefix);
    }
    for count in [1, 10, 100, 1_000] {
        measure_table(&format!("1 host x {count} patterns"), 1, count, Kind::Pattern);
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
    Pattern,
}

fn measure_table(name: &str, hosts: usize, paths: usize, kind: Kind) {
    let snapshot = snapshot(hosts, paths, kind);
    let compile = best(5, || {
        let (elapsed, table) = timed(|| compile(&snapshot));
        drop(table);
        elapsed
    });
    let table = compile_once(&snapshot);
    let below = match kind {
        Kind::Exact => "",
        Kind::Prefix | Kind::Pattern => "/items/4711",
    };
    let mut random = Random(1);
    let mut requests = |before: &str, after: &str| {
        let mut requests = Requests::default();
        for _ in 0..hosts * paths {
            let host = host_name(random.below(hosts));
            requests.push(&format!("{before}{host}"), &format!("{}{below}{after}", path_name(random.below(paths))));
        }
        requests
    };
    let (plain, misses, odd) = (requests("", ""), requests("no-", ""), requests("", "/a%20b"));
    let figures =
        [look_up(&table, &plain), look_up(&table, &plain.first()), look_up(&table, &misses), look_up(&table, &odd)];
    print!("{name:>28}");
    for figure in figures {
        print!(" {figure:>9.0}");
    }
    println!(" {:>11.2}", compile.as_secs_f64() * 1e3);
}

/// Nanoseconds for one look-up, one request after the other.
fn look_up(table: &RouteTable<Target>, requests: &Requests) -> f64 {
    const COUNT: usize = 10_000;
    let mut scratch = String::new();
    let mut all = requests.iter().cycle();
    let round = best(100, || {
        let round = || {
            for (host, path) in all.by_ref().take(COUNT) {
                black_box(
                    table.find(Some(host), path, &|_| true, &mut scratch).is_ok_and(|found| found.route.is_some()),
                );
            }
        };
        timed(round).0
    });
    round.as_nanos() as f64 / COUNT as f64
}

/// Requests in one piece of memory, to be read in order, as a proxy finds them in its cache: fresh from the socket.
#[derive(Default)]
struct Requests {
    text: String,
    /// Ends of host and path.
    ends: Vec<(usize, usize)>,
}

impl Requests {
    fn push(&mut self, host: &str, path: &str) {
        self.text += host;
        let end = self.text.len();
        self.text += path;
        self.ends.push((end, self.text.len()));
    }

    fn first(&self) -> Self {
        Self { text: self.text.clone(), ends: self.ends[..1].to_vec() }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|ends| ends.1));
        starts.zip(&self.ends).map(|(start, &(host, path))| (&self.text[start..host], &self.text[host..path]))
    }
}

fn measure_change(hosts: usize) {
    let snapshot = snapshot(hosts, 1, Kind::Prefix);
    let cell = TableCell::new(Arc::new(compile_once(&snapshot)));
    let specs: Vec<_> = snapshot.hosts.values().collect();
    let mut random = Random(7);
    let mut one_change = || {
        let spec = specs[random.below(specs.len())];
        timed(|| change(&cell, spec)).0
    };
    let mut times: Vec<_> = (0..20_000).map(|_| one_change()).collect();
    times.sort_unstable();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_nanos() as f64 / 1e3;
    println!("{hosts:>12} hosts: median {:.2}, 99 % {:.2}", at(0.5), at(0.99));
}

/// Changes hosts for `scripts/bench-changes`, which counts what `counted` executes: `host:HOSTS:TIMES`.
fn count(asked: &str) {
    let parts: Vec<_> = asked.split(':').collect();
    let ["host", hosts, times] = parts[..] else { panic!("COUNT is host:HOSTS:TIMES and not {asked}") };
    let number = |text: &str| text.parse().expect("HOSTS and TIMES are numbers");
    let snapshot = snapshot(number(hosts), 1, Kind::Prefix);
    let cell = TableCell::new(Arc::new(compile_once(&snapshot)));
    let specs: Vec<_> = snapshot.hosts.values().collect();
    let mut random = Random(7);
    for _ in 0..number(times) {
        let spec = specs[random.below(specs.len())];
        counted(|| change(&cell, spec));
    }
}

/// Whose instructions are counted.
#[inline(never)]
fn counted<R>(work: impl FnOnce() -> R) -> R {
    work()
}

fn change(cell: &TableCell<Target>, spec: &Arc<HostSpec>) {
    let next = cell.load().with_host(&spec.key, Some(spec), &mut target);
    drop(cell.publish(Arc::new(next)));
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
    let filters = Filters::new(vec![Filter::HttpsRedirect(HttpsRedirect::WithTls, HttpsUrl::default())]);
    let route = |path: String| RouteSpec {
        matches: RouteMatch::path(match kind {
            Kind::Exact => PathMatch::Exact(path.into()),
            Kind::Prefix => PathMatch::Prefix(path.into()),
            Kind::Pattern => PathMatch::Pattern(pattern(&path)),
        }),
        action: Action::Reply(Reply::NotFound),
        filters: filters.clone(),
        policy: Arc::default(),
        origin: Origin::ingress(ingress.clone(), Place::Unknown),
    };
    let unit = |host: usize| {
        let pattern = HostPattern::parse(&host_name(host)).expect("the names are valid");
        let routes = (0..paths).map(|path| Arc::new(route(path_name(path)))).collect();
        let unit = HostSpec { routes, unmatched: Unmatched::Keep(None), ..HostSpec::empty(pattern) };
        (unit.key.clone(), Arc::new(unit))
    };
    Snapshot { hosts: (0..hosts).map(unit).collect(), ..Snapshot::default() }
}

fn pattern(path: &str) -> Pattern {
    Pattern::new(&format!("{path}(/|$)(.*)").into()).expect("it is a pattern")
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

fn best(rounds: usize, round: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(round).take(rounds).min().unwrap_or_default()
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
