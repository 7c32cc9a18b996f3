//! Manifests of any content: nothing panics, from the first byte to the table; and a table that was changed unit by
//! unit is the table that is built at once.
//!
//! The first byte says whether it is JSON and in which order the objects go away again; the rest is the file.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tidegate::model::{Action, RouteSpec, Snapshot, UnitKey};
use tidegate::routing::{RouteTable, normalize_host};
use tidegate::source::manifests;
use tidegate::source::objects::Change;
use tidegate::translate::{self, Findings, Input, Settings, Value};

/// What every input finds there: objects for it to name.
fn surroundings() -> &'static [Change] {
    static READ: OnceLock<Vec<Change>> = OnceLock::new();
    let text = &include_bytes!("../seeds/manifests/surroundings")[1..];
    READ.get_or_init(|| manifests::parse(Path::new("y.yaml"), text.to_vec()).changes)
}

fuzz_target!(|input: &[u8]| {
    let [choice, text @ ..] = input else { return };
    let name = if choice & 1 == 0 { "x.yaml" } else { "x.json" };
    let loaded = manifests::parse(Path::new(name), text.to_vec());
    for problem in &loaded.problems {
        assert!(!problem.to_string().contains('\n'), "{problem}");
    }
    let mut world = World::new();
    for change in surroundings() {
        world.apply(change.clone());
    }
    let mut gone: Vec<_> = loaded.changes.iter().map(without).collect();
    for change in loaded.changes {
        world.apply(change);
    }
    world.check();
    match choice >> 1 & 3 {
        0 => {}
        1 => gone.reverse(),
        order => {
            let middle = usize::from(order) % gone.len().max(1);
            gone.rotate_left(middle);
        }
    }
    for change in gone {
        world.apply(change);
    }
    world.check();
});

/// The controller's state, without its sockets.
struct World {
    input: Input,
    snapshot: Snapshot,
    findings: Findings,
    table: RouteTable<String>,
}

impl World {
    fn new() -> Self {
        let settings =
            Settings { default_class_applies: true, allow_loopback: true, now: 1_790_000_000, ..Settings::default() };
        let input = Input::new(settings);
        Self { input, snapshot: Snapshot::default(), findings: Findings::new(), table: RouteTable::empty() }
    }

    fn apply(&mut self, change: Change) {
        let invalidated = self.input.apply(change);
        for key in &invalidated.units {
            let translated = translate::unit(&self.input, key);
            let value = translated.value.clone();
            if !translate::merge(&mut self.snapshot, &mut self.findings, key, translated) {
                continue;
            }
            match (key, value) {
                (UnitKey::Host(key), Value::Host(spec)) => {
                    self.table = self.table.with_host(key, spec.as_ref(), &mut resolve);
                }
                (_, Value::DefaultCertificate(certificate)) => {
                    self.table = self.table.with_default_certificate(certificate);
                }
                (_, Value::Host(_) | Value::Stream(_) | Value::Nothing) => {}
            }
        }
    }

    fn check(&self) {
        let (snapshot, findings) = translate::snapshot(&self.input);
        assert_eq!(self.snapshot, snapshot);
        assert_eq!(self.findings, findings);
        let table = RouteTable::compile(&snapshot, &mut resolve);
        assert_eq!(dump(&self.table), dump(&table));
        for finding in findings.values().flatten() {
            assert!(!finding.to_string().contains('\n'), "{finding}");
        }
        let mut scratch = String::new();
        for (key, spec) in &snapshot.hosts {
            let text = key.pattern.to_string().replace('*', "label");
            let mut lowered = String::new();
            let host = normalize_host(text.as_bytes(), &mut lowered);
            assert!(host.is_some_and(|host| host == text), "{text}");
            table.certificates(host);
            for route in spec.routes.iter().chain(spec.fallback()) {
                if let Action::Forward(upstream) = &route.action {
                    translate::endpoints(&self.input, &upstream.key);
                }
                // A rule's own path leads to a rule, or is refused; never to nothing.
                if let Ok(found) = table.find(host, route.matches.path.path(), &|_| true, &mut scratch) {
                    assert!(found.route.is_some(), "{text} {:?}", route.matches);
                }
            }
        }
    }
}

fn resolve(spec: &RouteSpec) -> String {
    format!("{} {:?} {:?}", spec.origin, spec.action, spec.filters)
}

fn dump(table: &RouteTable<String>) -> Vec<String> {
    let mut lines: Vec<_> = table
        .hosts()
        .map(|unit| {
            let routes: Vec<_> = unit.routes().iter().map(|route| (&route.spec.matches, &route.target)).collect();
            format!("{} {routes:?} {:?} {:?}", unit.pattern(), unit.fallback().map(|route| &route.target), unit.tls())
        })
        .collect();
    lines.sort();
    lines.push(format!("{} {} {:?}", table.host_count(), table.route_count(), table.default_certificate()));
    lines
}

fn without(change: &Change) -> Change {
    Change::removal(change.object().clone())
}
