//! Saved objects, with a process that is killed while the API server is away.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, Certificate, EchoPod, Load, Pods, Request, Tidegate, eventually};
use tokio::time::Instant;

const NETWORKING: &str = "networking.k8s.io/v1";
const CLASS: &str = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: tidegate}\n\
                     spec: {controller: tidegate.dev/ingress-controller}\n";
const NS: &str = "shop";
/// What nothing here takes that does not wait for something: a second or two, on a busy machine more.
const SOON: Duration = Duration::from_secs(15);

fn ingress(name: &str, service: &str) -> Value {
    json!({
        "apiVersion": NETWORKING, "kind": "Ingress", "metadata": {"namespace": NS, "name": name},
        "spec": {
            "ingressClassName": "tidegate",
            "tls": [{"hosts": [format!("{name}.shop.example")], "secretName": "cert"}],
            "rules": [{"host": format!("{name}.shop.example"), "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}},
            ]}}],
        },
    })
}

/// An API server with some Ingresses, and a user who may do what the chart's role may.
struct Scene {
    // Before the run it is part of.
    pod: EchoPod,
    api: ApiServer,
    certificate: Certificate,
    directory: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let api = ApiServer::start();
        let pod = EchoPod::start(&api, NS, "web");
        let directory = api.run().directory().join("snapshot");
        fs::create_dir_all(&directory).expect("a directory");
        let certificate = Certificate::new(&["*.shop.example"]);
        let scene = Self { pod, api, certificate, directory };
        scene.api.apply(CLASS);
        scene.api.apply(&role());
        scene.api.apply(&scene.service("web"));
        scene.api.apply(&scene.service("old"));
        scene.api.apply_all(vec![scene.certificate.secret(NS, "cert")]);
        scene.api.apply_all((0..20).map(|at| ingress(&format!("i{at}"), "web")).collect());
        scene.api.apply_all(vec![ingress("i1", "old")]);
        scene
    }

    fn service(&self, name: &str) -> String {
        Pods { namespace: NS, service: name, pods: &[&self.pod] }.yaml()
    }

    fn file(&self) -> PathBuf {
        self.directory.join("objects")
    }

    /// Not yet ready.
    fn start(&self, options: &[&str]) -> Tidegate {
        self.start_with(&self.file(), options)
    }

    fn start_with(&self, file: &Path, options: &[&str]) -> Tidegate {
        let kubeconfig = self.api.user_kubeconfig("tidegate", None);
        let (kubeconfig, file) = (kubeconfig.display().to_string(), file.display().to_string());
        let own =
            ["--kubeconfig", &kubeconfig, "--lease", "shop/tidegate", "--snapshot-file", &file, "--ssl-redirect=false"];
        Tidegate::start(&[&own[..], options].concat(), &[])
    }

    /// What a process that was killed has left in the file.
    fn leave_behind(&self, options: &[&str]) {
        let tidegate = self.start(options);
        tidegate.wait_until_ready();
        self.is_served(&tidegate, "i19.shop.example");
        // Head, class, Ingresses, two Services, two slices, the Secret, end.
        let all = 1 + 1 + 20 + 2 + 2 + 1 + 1;
        // The API server's own Service has a slice too.
        eventually("the file has everything", || (lines(&self.file()) >= all).then_some(()));
        tidegate.kill();
    }

    #[track_caller]
    fn is_served(&self, tidegate: &Tidegate, host: &str) {
        let request = Request::get(host, "/");
        assert_eq!(request.send(tidegate.http).expect("an answer").status, 200, "{host}");
        assert_eq!(request.send_tls(tidegate.https).expect("an answer").status, 200, "{host}");
        assert!(self.certificate.is_shown(tidegate.https, host), "{host}");
    }
}

/// What the chart grants, as far as it matters here.
fn role() -> String {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let read = ["get", "list", "watch"];
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "tidegate"},
        "rules": [
            rule("", &["services", "secrets"], &read),
            rule("discovery.k8s.io", &["endpointslices"], &read),
            rule("networking.k8s.io", &["ingresses", "ingressclasses"], &read),
            rule("networking.k8s.io", &["ingresses/status"], &["patch"]),
            rule("events.k8s.io", &["events"], &["create", "patch"]),
            rule("coordination.k8s.io", &["leases"], &["get", "create", "update"]),
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "tidegate"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tidegate"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tidegate"}],
    });
    format!("---\n{role}\n---\n{binding}\n")
}

fn lines(file: &Path) -> usize {
    // Also while it is not there yet.
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

fn addresses(api: &ApiServer, name: &str) -> Value {
    api.get(NETWORKING, "Ingress", NS, name).unwrap_or_default()["status"]["loadBalancer"]["ingress"].clone()
}

#[test]
fn f03_a_killed_process_serves_from_the_snapshot_and_converges_without_a_failed_request() {
    let scene = Scene::new();
    let api = &scene.api;
    scene.leave_behind(&["--publish-address", "192.0.2.1"]);
    // While nobody looks one Ingress goes and one comes, and one has another Service, whose predecessor goes.
    api.delete(&ingress("i2", "web").to_string());
    api.apply_all(vec![ingress("added", "web")]);
    api.apply(&scene.service("new"));
    api.apply_all(vec![ingress("i1", "new")]);
    api.delete(&scene.service("old"));
    api.kill();

    let begun = Instant::now();
    let tidegate = scene.start(&["--publish-address", "192.0.2.2"]);
    scene.is_served(&tidegate, "i0.shop.example");
    let took = begun.elapsed();
    eprintln!("served from saved objects {took:?} after the start");
    assert!(took <= SOON, "{took:?}");
    ["i1.shop.example", "i2.shop.example", "i19.shop.example"].iter().for_each(|host| scene.is_served(&tidegate, host));
    assert_eq!(tidegate.get("added.shop.example", "/").expect("an answer").0, 404);
    let (status, text) = tidegate.admin("/readyz").expect("an answer");
    assert_eq!(status, 200, "{text}");
    assert!(text.starts_with("ready (from objects saved "), "{text}");
    assert!(text.contains("the API server has not been reached yet"), "{text}");
    assert_eq!(tidegate.metric("tidegate_snapshot_in_use", ""), 1.0);
    assert_eq!(tidegate.metric("tidegate_watch_connected", ""), 0.0);
    let before = fs::read(scene.file()).expect("the file");

    let load = Load::start(
        tidegate.http,
        Some(tidegate.https),
        &[("i0.shop.example", "/"), ("i1.shop.example", "/"), ("i19.shop.example", "/")],
    );
    api.start_again();
    let there = Instant::now();
    eventually("everything was read", || (tidegate.metric("tidegate_snapshot_in_use", "") == 0.0).then_some(()));
    let took = there.elapsed();
    eprintln!("everything was read {took:?} after the API server's return");
    assert!(took < SOON, "{took:?}");
    scene.is_served(&tidegate, "added.shop.example");
    assert_eq!(tidegate.get("i2.shop.example", "/").expect("an answer").0, 404);
    let (status, text) = tidegate.admin("/readyz").expect("an answer");
    assert!(status == 200 && !text.contains("snapshot"), "{text}");
    load.goes_on(200);
    load.stop_without_failure();
    // Whoever was there before is reported on like whoever has come.
    for name in ["added", "i0", "i1", "i19"] {
        eventually("its status", || (addresses(api, name) == json!([{"ip": "192.0.2.2"}])).then_some(()));
    }
    eventually("the file is written", || (fs::read(scene.file()).is_ok_and(|now| now != before)).then_some(()));
    let text = fs::read_to_string(scene.file()).expect("the file");
    assert!(text.contains("added.shop.example") && !text.contains("i2.shop.example"));
    // The API server writes Events too, of a Service's address that it had forgotten for a moment.
    let is_ours = |event: &Value| event["reportingController"] == "tidegate.dev/ingress-controller";
    let events = api.list("events.k8s.io/v1", "Event", NS).into_iter();
    let warnings: Vec<_> = events.filter(|event| is_ours(event) && event["type"] == "Warning").collect();
    assert!(warnings.is_empty(), "nothing is wrong with any of them: {warnings:#?}");
}

#[test]
fn f04_a_corrupt_snapshot_is_ignored_and_f02_readiness_waits_for_the_api_server() {
    let scene = Scene::new();
    scene.leave_behind(&[]);
    scene.api.kill();
    let mut bytes = fs::read(scene.file()).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(scene.file(), bytes).expect("the file");
    let corrupt = scene.start(&[]);
    let log = corrupt.log();
    assert!(
        log.contains("the file of saved objects is not used") && log.contains("does not fit its checksum"),
        "{log}"
    );
    let without = scene.start_with(&scene.directory.join("absent"), &[]);
    for tidegate in [&corrupt, &without] {
        let (status, text) = eventually("the admin listener answers", || tidegate.admin("/readyz"));
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("the lists of the Kubernetes API"), "{text}");
        assert_eq!(tidegate.admin("/healthz").expect("an answer").0, 200);
        assert_eq!(tidegate.metric("tidegate_snapshot_in_use", ""), 0.0);
    }
    assert_eq!(corrupt.metric("tidegate_snapshot_rejected_total", "reason=\"corrupt\""), 1.0);
    assert_eq!(without.metric("tidegate_snapshot_rejected_total", ""), 0.0);
    scene.api.start_again();
    let there = Instant::now();
    for tidegate in [&corrupt, &without] {
        tidegate.wait_until_ready();
        let took = there.elapsed();
        eprintln!("ready {took:?} after the API server's return");
        assert!(took <= SOON, "{took:?}");
        scene.is_served(tidegate, "i19.shop.example");
    }
}

#[test]
fn f03_secrets_that_may_not_be_read_any_more_do_not_hold_up_the_end_of_the_snapshot() {
    let scene = Scene::new();
    scene.leave_behind(&[]);
    scene.api.apply(&role().replace(",\"secrets\"", ""));
    scene.api.kill();
    let tidegate = scene.start(&[]);
    scene.is_served(&tidegate, "i0.shop.example");
    scene.api.start_again();
    eventually("everything else was read", || (tidegate.metric("tidegate_snapshot_in_use", "") == 0.0).then_some(()));
    // What was read stays in force, as in a process that goes on.
    scene.is_served(&tidegate, "i0.shop.example");
    assert_eq!(tidegate.metric("tidegate_watch_connected", "Secret"), 0.0);
    // And goes when it is known to have gone.
    scene.api.delete(&scene.certificate.secret(NS, "cert").to_string());
    scene.api.apply(&role());
    eventually("the certificate is no more", || {
        (!scene.certificate.is_shown(tidegate.https, "i0.shop.example")).then_some(())
    });
}
