//! Faults of the way to the API server that leave connections open, a store that hangs, and credentials that are
//! replaced while Tidegate runs (F6, F7 and F15 of docs/hazards.md); with traffic, of which nothing may fail.

use std::time::Duration;

use serde_json::json;
use tidegate_e2e::{ApiServer, Detour, EchoPod, Load, PodFiles, Pods, Tidegate, class, eventually, ingress};
use tokio::time::Instant;

const CONTROLLER: &str = "tidegate.dev/ingress-controller";

/// A shop with the host `kept.example`.
struct Shop {
    _pod: EchoPod,
    api: ApiServer,
}

impl Shop {
    fn open() -> Self {
        let api = ApiServer::start();
        let pod = EchoPod::start(&api, "shop", "web");
        api.apply(&Pods { namespace: "shop", service: "web", pods: &[&pod] }.yaml());
        api.apply_all(vec![
            class("tidegate", CONTROLLER),
            ingress("shop", "kept", "tidegate", "kept.example"),
            ingress("shop", "gone", "tidegate", "gone.example"),
        ]);
        Self { _pod: pod, api }
    }

    /// The files of a service account that may do everything.
    fn pod_files(&self) -> PodFiles {
        self.api.apply_all(vec![json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "tidegate"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "shop", "name": "tidegate"}],
        })]);
        PodFiles::new(&self.api, "shop", "tidegate")
    }

    /// Makes and deletes something while it cannot be seen.
    fn change(&self) {
        self.api.apply_all(vec![ingress("shop", "new", "tidegate", "new.example")]);
        self.api.delete(&ingress("shop", "gone", "tidegate", "gone.example").to_string());
    }

    /// Whether what is written back arrives.
    fn is_reported(&self, name: &str) {
        eventually(&format!("the status of {name} is written"), || {
            let object = self.api.get("networking.k8s.io/v1", "Ingress", "shop", name)?;
            object["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().map(|_| ())
        });
    }
}

fn options<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["--publish-address", "192.0.2.1", "--lease", "shop/tidegate"], more].concat()
}

fn load(server: &Tidegate) -> Load {
    Load::start(server.http, None, &[("kept.example", "/")])
}

#[track_caller]
fn answers(server: &Tidegate, host: &str, status: u16) {
    eventually(&format!("{host} answers {status}"), || server.get(host, "/").filter(|(found, _)| *found == status));
}

/// Waits until what [`Shop::change`] did is in force and everything is followed.
#[track_caller]
fn catches_up(server: &Tidegate) {
    answers(server, "new.example", 200);
    answers(server, "gone.example", 404);
    all_is_followed(server);
}

/// Waits until every kind is watched. A process is ready earlier, when it has read everything.
#[track_caller]
fn all_is_followed(server: &Tidegate) {
    eventually("everything is followed", || {
        let is_up = server.metric("tidegate_watch_connected", "") == 5.0;
        (is_up && server.metric("tidegate_config_age_seconds", "") == 0.0).then_some(())
    });
}

/// Waits until no kind is watched.
#[track_caller]
fn nothing_is_followed(server: &Tidegate) {
    eventually("nothing is followed", || (server.metric("tidegate_watch_connected", "") == 0.0).then_some(()));
}

/// Tells what was measured; shown with `--nocapture`.
fn tell(what: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{what}");
}

#[test]
fn f06_an_api_server_that_vanishes_without_a_word_is_missed_within_a_minute() {
    let shop = Shop::open();
    let detour = Detour::open(&shop.api);
    let server = Tidegate::follow(&detour.kubeconfig(), &options(&[]));
    answers(&server, "kept.example", 200);
    shop.is_reported("kept");
    // A watch that has not begun yet would be missed as a request without an answer, later and for another reason.
    all_is_followed(&server);
    let load = load(&server);
    detour.cut();
    let cut = Instant::now();
    shop.change();
    nothing_is_followed(&server);
    let noticed = cut.elapsed();
    let age = server.metric("tidegate_config_age_seconds", "");
    assert!(age >= noticed.as_secs_f64() - 1.0, "after {noticed:?} the age is {age}");
    assert!(server.is_ready(), "{}", server.log());
    assert_eq!(server.metric("tidegate_watch_errors_total", "reason=\"timeout\""), 5.0);
    load.goes_on(100);
    detour.mend();
    let mended = Instant::now();
    catches_up(&server);
    let followed = mended.elapsed();
    shop.is_reported("new");
    load.stop_without_failure();
    tell(&format!("noticed {noticed:?} after the cut, all is followed {followed:?} after it was mended"));
    assert!(noticed < Duration::from_secs(60), "noticed after {noticed:?}");
    assert!(followed < Duration::from_secs(35), "followed after {followed:?}");
}

#[test]
#[ignore = "takes five minutes: bookmarks come every minute, and one that does not is waited for"]
fn f06_an_api_server_that_is_idle_is_not_missed_and_one_that_hangs_is() {
    let shop = Shop::open();
    let server = Tidegate::follow(&shop.api.kubeconfig(), &options(&["--report", "false"]));
    // Something of each kind comes after the watches began: then there are bookmarks.
    let certificate = tidegate_e2e::Certificate::new(&["tls.example"]);
    let other = EchoPod::start(&shop.api, "shop", "web");
    shop.api.apply(&Pods { namespace: "shop", service: "other", pods: &[&other] }.yaml());
    shop.api.apply_all(vec![certificate.secret("shop", "tls"), class("another", CONTROLLER)]);
    shop.change();
    catches_up(&server);
    let until = |limit: u64, mut is_done: Box<dyn FnMut() -> bool + '_>| {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(limit) && !is_done() {
            std::thread::park_timeout(Duration::from_millis(200));
        }
        started.elapsed()
    };
    until(
        200,
        Box::new(|| {
            assert_eq!(server.metric("tidegate_watch_errors_total", ""), 0.0, "{}", server.log());
            assert_eq!(server.metric("tidegate_watch_connected", ""), 5.0, "{}", server.log());
            false
        }),
    );
    shop.api.pause();
    let noticed = until(100, Box::new(|| server.metric("tidegate_watch_connected", "") == 0.0));
    shop.api.resume();
    tell(&format!("noticed {noticed:?} after the API server was stopped"));
    assert!(noticed < Duration::from_secs(95), "noticed after {noticed:?}");
    assert_eq!(server.metric("tidegate_watch_errors_total", "reason=\"timeout\""), 5.0, "{}", server.log());
    catches_up(&server);
}

#[test]
fn f07_a_store_that_hangs_delays_what_is_new_and_nothing_else() {
    let shop = Shop::open();
    let server = Tidegate::follow(&shop.api.kubeconfig(), &options(&[]));
    answers(&server, "kept.example", 200);
    let load = load(&server);
    let kubeconfig = shop.api.user_kubeconfig("second", Some("system:masters"));
    shop.api.pause_store();
    let paused = Instant::now();
    let second = Tidegate::start(&["--kubeconfig", kubeconfig.to_str().unwrap(), "--report", "false"], &[]);
    while paused.elapsed() < Duration::from_secs(12) {
        load.goes_on(50);
    }
    assert!(server.is_ready());
    assert!(!second.is_ready());
    shop.api.resume_store();
    let resumed = Instant::now();
    second.wait_until_ready();
    let took = resumed.elapsed();
    shop.change();
    catches_up(&server);
    catches_up(&second);
    load.stop_without_failure();
    // Nobody was asked twice for being slow.
    let lists = shop.api.requests_of("second").into_iter().filter(|request| request.verb == "list").count();
    tell(&format!("ready {took:?} after the store went on, with {lists} lists"));
    assert!(lists <= 5, "{lists} lists of five kinds");
    assert!(took < Duration::from_secs(30), "ready after {took:?}");
}

#[test]
fn f15_a_service_account_that_was_made_anew_is_followed_with_its_new_token() {
    let shop = Shop::open();
    let files = shop.pod_files();
    let server = files.start(&options(&[]));
    server.wait_until_ready();
    answers(&server, "kept.example", 200);
    shop.is_reported("kept");
    let load = load(&server);
    // The old token is worth nothing any more. Watches that are open stay open; with the API server they end.
    shop.api.delete("{apiVersion: v1, kind: ServiceAccount, metadata: {namespace: shop, name: tidegate}}");
    let token = shop.api.token("shop", "tidegate");
    shop.api.restart();
    eventually("the old token is refused", || {
        (server.metric("tidegate_watch_errors_total", "reason=\"unauthorized\"") >= 5.0).then_some(())
    });
    shop.change();
    load.goes_on(100);
    nothing_is_followed(&server);
    assert!(server.is_ready());
    files.replace("token", &token);
    let replaced = Instant::now();
    catches_up(&server);
    let took = replaced.elapsed();
    shop.is_reported("new");
    load.stop_without_failure();
    tell(&format!("all is followed {took:?} after the token was replaced"));
    assert!(took < Duration::from_secs(60), "followed after {took:?}");
}

#[test]
fn f15_an_api_server_with_a_certificate_of_a_new_authority_is_followed_when_the_file_knows_it() {
    let mut shop = Shop::open();
    let files = shop.pod_files();
    let in_pod = files.start(&options(&[]));
    let by_kubeconfig = Tidegate::follow(&shop.api.kubeconfig(), &["--report", "false"]);
    in_pod.wait_until_ready();
    for server in [&in_pod, &by_kubeconfig] {
        answers(server, "kept.example", 200);
    }
    shop.is_reported("kept");
    let loads = [load(&in_pod), load(&by_kubeconfig)];
    shop.api.rotate_authority();
    let rotated = Instant::now();
    shop.change();
    // Its file has the new authority already.
    catches_up(&by_kubeconfig);
    let first = rotated.elapsed();
    eventually("the new certificate is refused", || {
        (in_pod.metric("tidegate_watch_errors_total", "reason=\"untrusted\"") >= 5.0).then_some(())
    });
    nothing_is_followed(&in_pod);
    assert!(in_pod.is_ready());
    files.replace("ca.crt", &shop.api.authorities());
    let replaced = Instant::now();
    catches_up(&in_pod);
    let second = replaced.elapsed();
    shop.is_reported("new");
    for load in loads {
        load.stop_without_failure();
    }
    tell(&format!("followed {first:?} after the rotation by a kubeconfig, {second:?} after the file's in a pod"));
    assert!(first < Duration::from_secs(60) && second < Duration::from_secs(60), "{first:?}, {second:?}");
}
