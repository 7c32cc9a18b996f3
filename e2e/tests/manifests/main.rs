//! Ingresses as people write them (e2e/manifests), applied to a real API server, served by the controller with the defaults of
//! ingress-nginx, and asked with curl: each answer is what ingress-nginx gives, and `check` says of each manifest what is expected and
//! nothing else.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod ask;
mod cases;
mod pods;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, Tidegate, class, eventually, serve_names};

use ask::Client;
use cases::{Case, Cases};
use pods::Pods;

/// How the class of an installation of ingress-nginx is taken over; snippets were allowed there.
const TRANSLATION: [&str; 8] = [
    "--profile",
    "ingress-nginx",
    "--ingress-class",
    "nginx",
    "--controller-name",
    "k8s.io/ingress-nginx",
    "--nginx-snippets",
    "translate",
];

/// Requests under way at once.
const CLIENTS: usize = 4;

#[test]
fn what_people_write_is_answered_as_ingress_nginx_answers_it() {
    let cases = Cases::read();
    assert!(cases.ingresses.len() >= 150, "{} manifests", cases.ingresses.len());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let api = ApiServer::start();
    let pods = runtime.block_on(Pods::start(&api, cases.services()));
    let [server, client, balancer, dns] = [(); 4].map(|()| api.pod_address());
    let folder = api.run().directory().join("manifests");
    let certificates = cases.certificates();
    let classes = [class("nginx", "k8s.io/ingress-nginx"), class("traefik", "traefik.io/ingress-controller")];
    write(&cases, &certificates, &classes, &folder);
    let moved = moved(&cases, &folder);
    api.apply_all([&cases.others[..], &pods.slices, &certificates, &classes].concat());
    api.apply_all(moved);

    let services = pods.names;
    // All hosts have the address of Tidegate, as they would have that of its load balancer.
    let of_hosts = move |name: &str| name.ends_with(".example").then_some(server);
    let resolver = serve_names(dns, &folder, move |name| services.get(name).copied().or_else(|| of_hosts(name)));
    let (http, https) = (format!("--http={server}:80"), format!("--https={server}:443"));
    let trusted = format!("--trusted-proxies={balancer}/32");
    let options = [&TRANSLATION[..], &[&http, &https, &trusted]].concat();
    let tidegate = Tidegate::follow_by_resolver(&api.kubeconfig(), &resolver, &options);

    let mut wrong = asked(&cases, &Client { server, client, balancer, folder: &folder });
    let checked = checked(&folder.join("objects"));
    wrong.extend(compared(&cases, &checked, "check"));
    let told = eventually("the controller tells its findings", || tidegate.admin("/debug/problems"));
    wrong.extend(compared(&cases, &found(&told.1), "the controller"));
    let requests: usize = cases.ingresses.iter().map(|case| case.requests().count()).sum();
    eprintln!(
        "{} manifests, {requests} requests, {} findings",
        cases.ingresses.len(),
        checked.values().map(BTreeSet::len).sum::<usize>()
    );
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_readme_says_how_often_annotations_stand_here() {
    let cases = Cases::read();
    let text = std::fs::read_to_string(cases::folder().join("README.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let mut count = 0;
    for row in rows {
        let (what, rest) = row.split_once("` |").unwrap();
        let (key, value) = what.split_once(": ").map_or((what, None), |(key, value)| (key, Some(value)));
        let key = format!("nginx.ingress.kubernetes.io/{key}");
        let is_it = |(of, is): (&str, &str)| of == key && value.is_none_or(|value| value == is);
        let here = cases.ingresses.iter().filter(|case| case.annotations().any(is_it)).count();
        assert_eq!(rest.rsplit(' ').next(), Some(&*here.to_string()), "{row}");
        count += 1;
    }
    assert!(count > 25, "{count} rows");
}

/// Writes what `check` reads.
fn write(cases: &Cases, certificates: &[Value], classes: &[Value], folder: &Path) {
    let objects = folder.join("objects");
    std::fs::create_dir_all(&objects).unwrap();
    for (name, text) in &cases.files {
        std::fs::write(objects.join(name), text).unwrap();
    }
    let items = [certificates, classes].concat();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    std::fs::write(objects.join("list.json"), list.to_string()).unwrap();
}

/// The Ingresses as API servers take them: those of old versions as `tidegate migrate --write` converts them.
fn moved(cases: &Cases, folder: &Path) -> Vec<Value> {
    let target = folder.join("moved");
    let line = [Path::new("--manifests"), &folder.join("objects"), Path::new("--write"), &target];
    let ended = tidegate("migrate").args(["--ingress-class", "nginx"]).args(line).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    let ingress = |case: &Case| {
        if !case.is_old() {
            return case.object.clone();
        }
        let file = target.join(format!("ingresses/{}.{}.yaml", case.namespace(), case.name()));
        serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    cases.ingresses.iter().map(ingress).collect()
}

/// Asks all requests; returns what was not as expected.
fn asked(cases: &Cases, client: &Client<'_>) -> Vec<String> {
    let requests: Vec<_> =
        cases.ingresses.iter().flat_map(|case| case.requests().map(move |request| (case, request))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((case, request)) = requests.get(number) else { return wrong };
            let place = format!("{}/{}: {}", case.namespace(), case.name(), request.ask);
            wrong.extend(client.ask(request, number).into_iter().map(|what| format!("{place}: {what}")));
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

/// What `check` says: findings by object.
fn checked(objects: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let ended =
        tidegate("check").args(TRANSLATION).args(["--output", "json", "--manifests"]).arg(objects).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    found(&String::from_utf8_lossy(&ended.stdout))
}

fn found(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let told: Value = serde_json::from_str(text).unwrap();
    let mut found: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    // `check` has a list with a note, the controller the list alone, with the object in an object of its own.
    for problem in told.as_array().or(told["problems"].as_array()).unwrap() {
        let word = |field: &str| problem[field].as_str().unwrap();
        let of_object = |field: &str| problem[field].as_str().or(problem["object"][field].as_str()).unwrap();
        let object = format!("{} {}/{}", of_object("kind"), of_object("namespace"), of_object("name"));
        let field = word("field");
        let field = field.strip_prefix("metadata.").unwrap_or(field);
        let field = field.strip_prefix("annotations[\"").and_then(|key| key.strip_suffix("\"]")).unwrap_or(field);
        found.entry(object).or_default().insert(format!("{} {} {field}", word("severity"), word("code")));
    }
    found
}

/// Where findings are not those that are expected.
fn compared(cases: &Cases, found: &BTreeMap<String, BTreeSet<String>>, who: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut left = found.clone();
    for case in &cases.ingresses {
        let object = format!("Ingress {}/{}", case.namespace(), case.name());
        let is = left.remove(&object).unwrap_or_default();
        // A converted Ingress is of no old version any more.
        let expected = if who == "check" { case.findings() } else { case.expected.findings.clone() };
        wrong.extend(expected.difference(&is).map(|line| format!("{object}: {who} does not say: {line}")));
        wrong.extend(is.difference(&expected).map(|line| format!("{object}: {who} says: {line}")));
    }
    wrong.extend(left.iter().map(|(object, lines)| format!("{object}: {who} says: {lines:?}")));
    wrong
}

/// A command of the program, without settings of whoever runs the test.
fn tidegate(command: &str) -> Command {
    let mut program = Command::new(Tidegate::program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_") || name == "KUBECONFIG") {
        program.env_remove(name);
    }
    program.arg(command);
    program
}
