//! How objects are followed (rules 72 to 77): in any order, through the API server's absence and forgetfulness, past
//! objects that make no sense, without rights, and to the end of a namespace.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, Certificate, EchoPod, Load, Pods, Tidegate, class, eventually, ingress, tls_ingress};
use tokio::time::Instant;

/// For tests that leave it alone.
static API: LazyLock<ApiServer> = LazyLock::new(ApiServer::start);

const CONTROLLER: &str = "tidegate.dev/ingress-controller";

/// A controller of the class `tidegate`, that writes nothing: tests of one API server have one lease.
fn follow(api: &ApiServer, options: &[&str]) -> Tidegate {
    api.apply_all(vec![class("tidegate", CONTROLLER)]);
    Tidegate::follow(&api.kubeconfig(), &[&["--report", "false"], options].concat())
}

fn web(api: &ApiServer, namespace: &str) -> EchoPod {
    let pod = EchoPod::start(api, namespace, "web");
    api.apply(&Pods { namespace, service: "web", pods: &[&pod] }.yaml());
    pod
}

#[track_caller]
fn answers(server: &Tidegate, host: &str, status: u16) {
    eventually(&format!("{host} answers {status}"), || server.get(host, "/").filter(|(found, _)| *found == status));
}

/// Goes on with a process, also when the test fails in between.
struct Stopped<'a>(&'a Tidegate);

impl<'a> Stopped<'a> {
    fn new(server: &'a Tidegate) -> Self {
        server.pause();
        Self(server)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}

#[test]
fn rule_72_objects_may_come_in_any_order() {
    let server = follow(&API, &["--ingress-class", "order", "--controller-name", "watch.example/order"]);
    let mut pods = Vec::new();
    // Every object is once the first and once the last, forwards and backwards; all 120 orders are tried in process.
    for turn in 0..10 {
        let (namespace, host) = (format!("order-{turn}"), format!("order-{turn}.example"));
        let pod = EchoPod::start(&API, &namespace, "web");
        let [service, slice] = Pods { namespace: &namespace, service: "web", pods: &[&pod] }.objects();
        let certificate = Certificate::new(&[host.as_str()]);
        let class_name = format!("order-{turn}");
        let mut objects = vec![
            class(&class_name, "watch.example/order"),
            service,
            slice,
            certificate.secret(&namespace, "tls"),
            tls_ingress(&namespace, "web", &class_name, &host, "tls"),
        ];
        objects.rotate_left(turn % 5);
        if turn >= 5 {
            objects.reverse();
        }
        for object in objects {
            API.apply_all(vec![object]);
        }
        pods.push((host, certificate, pod));
    }
    for (host, certificate, _) in &pods {
        // Plain HTTP is sent to https, because there is TLS for the host.
        answers(&server, host, 308);
        eventually("the certificate is shown", || certificate.is_shown(server.https, host).then_some(()));
        let answer = tidegate_e2e::Request::get(host, "/").send_tls(server.https).unwrap();
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
    }
}

#[test]
fn rule_73_traffic_goes_on_while_the_api_server_crashes_and_comes_back() {
    let api = ApiServer::start();
    let _pod = web(&api, "shop");
    let server = follow(&api, &[]);
    api.apply_all(vec![ingress("shop", "kept", "tidegate", "kept.example")]);
    answers(&server, "kept.example", 200);
    let load = Load::start(server.http, None, &[("kept.example", "/")]);
    for crash in 0..2 {
        api.kill();
        eventually("the loss is noticed", || {
            (server.metric("tidegate_watch_connected", "kind=\"Ingress\"") == 0.0).then_some(())
        });
        assert!(server.is_ready(), "a server without its API is still ready");
        load.goes_on(100);
        api.start_again();
        let host = format!("new-{crash}.example");
        api.apply_all(vec![ingress("shop", &format!("new-{crash}"), "tidegate", &host)]);
        answers(&server, &host, 200);
        api.delete(&ingress("shop", &format!("new-{crash}"), "tidegate", &host).to_string());
        answers(&server, &host, 404);
        eventually("all is followed again", || (server.metric("tidegate_watch_connected", "") == 5.0).then_some(()));
    }
    load.stop_without_failure();
}

#[test]
fn rule_73_an_api_server_that_hangs_costs_nothing_but_news() {
    let api = ApiServer::start();
    let _pod = web(&api, "shop");
    let server = follow(&api, &[]);
    api.apply_all(vec![ingress("shop", "kept", "tidegate", "kept.example")]);
    answers(&server, "kept.example", 200);
    let load = Load::start(server.http, None, &[("kept.example", "/")]);
    api.pause();
    load.goes_on(500);
    assert!(server.is_ready());
    api.resume();
    api.apply_all(vec![ingress("shop", "new", "tidegate", "new.example")]);
    answers(&server, "new.example", 200);
    load.stop_without_failure();
}

#[test]
fn f11_what_is_deleted_and_made_again_at_once_is_the_new_one() {
    let server = follow(&API, &["--watch-namespace", "again"]);
    let pods = ["first", "second"].map(|service| {
        let pod = EchoPod::start(&API, "again", service);
        API.apply(&Pods { namespace: "again", service, pods: &[&pod] }.yaml());
        pod
    });
    for round in 0..20 {
        let service = ["first", "second"][round % 2];
        let mut object = ingress("again", "same", "tidegate", "again.example");
        object["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = service.into();
        API.delete(&object.to_string());
        API.apply_all(vec![object]);
    }
    eventually("the last one answers", || {
        let (_, body) = server.get("again.example", "/")?;
        body.contains(pods[1].name()).then_some(())
    });
    // A later change shows that nothing of the former ones is still to come.
    API.apply_all(vec![ingress("again", "last", "tidegate", "last.again.example")]);
    answers(&server, "last.again.example", 503);
    let (status, body) = server.get("again.example", "/").unwrap();
    assert!(status == 200 && body.contains(pods[1].name()), "{status} {body}");
}

#[test]
fn rule_31_an_ingress_that_is_switched_to_a_service_made_in_the_same_moment_drops_nothing() {
    let server = follow(&API, &["--watch-namespace", "renamed"]);
    let pod = EchoPod::start(&API, "renamed", "web");
    let objects = |service: &str| Pods { namespace: "renamed", service, pods: &[&pod] }.objects().to_vec();
    let to = |service: &str| {
        let mut object = ingress("renamed", "web", "tidegate", "renamed.example");
        object["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = service.into();
        object
    };
    API.apply_all([objects("web-0"), vec![to("web-0")]].concat());
    answers(&server, "renamed.example", 200);
    let mut in_time = 0;
    for round in 1..=6 {
        let (former, next) = (format!("web-{}", round - 1), format!("web-{round}"));
        let [service, slice] = Pods { namespace: "renamed", service: &next, pods: &[&pod] }.objects();
        let load = Load::start(server.http, None, &[("renamed.example", "/")]);
        let started = Instant::now();
        // The worst order. Slices are made by a controller that takes its time.
        API.apply_all(vec![to(&next)]);
        load.goes_on(10);
        API.apply_all(vec![service]);
        load.goes_on(10);
        API.apply_all(vec![slice]);
        let took = started.elapsed();
        eventually("the next Service is in use", || {
            let (_, series) = server.admin("/debug/snapshot")?;
            series.contains(&next).then_some(())
        });
        objects(&former).into_iter().for_each(|object| API.delete(&object.to_string()));
        load.goes_on(10);
        // A machine that does much else may need longer than a path waits.
        if took < Duration::from_millis(800) {
            in_time += 1;
            load.stop_without_failure();
        } else {
            load.stop();
        }
    }
    assert!(in_time > 0, "six times nothing was in time");
}

#[test]
fn rule_73_after_compaction_everything_is_listed_again_and_nothing_is_dropped_meanwhile() {
    let api = ApiServer::start();
    let _pod = web(&api, "shop");
    let server = follow(&api, &[]);
    api.apply_all(
        (0..50).map(|n| ingress("shop", &format!("kept-{n}"), "tidegate", &format!("kept-{n}.example"))).collect(),
    );
    api.apply_all(vec![ingress("shop", "gone", "tidegate", "gone.example")]);
    answers(&server, "gone.example", 200);
    answers(&server, "kept-49.example", 200);
    let relists = || server.metric("tidegate_watch_relists_total", "kind=\"Ingress\"");
    let before = relists();
    let load = Load::start(server.http, None, &[("kept-0.example", "/"), ("kept-49.example", "/")]);
    {
        // It sees nothing of this, and then asks for what the server has forgotten.
        let _stopped = Stopped::new(&server);
        // What is written before the connection breaks would still be in its buffers.
        api.restart();
        api.delete(&ingress("shop", "gone", "tidegate", "gone.example").to_string());
        for n in 0..20 {
            api.apply_all(vec![ingress("shop", "new", "tidegate", &format!("new-{n}.example"))]);
        }
        api.kill();
        api.compact();
        api.start_again();
    }
    answers(&server, "new-19.example", 200);
    answers(&server, "gone.example", 404);
    answers(&server, "new-0.example", 404);
    assert!(relists() > before, "nothing was listed again:\n{}", server.log());
    load.stop_without_failure();
}

#[test]
fn rule_74_f02_ready_means_that_every_route_serves() {
    let api = ApiServer::start();
    let _pod = web(&api, "shop");
    let hosts: Vec<String> = (0..300).map(|n| format!("h{n}.example")).collect();
    api.apply_all(vec![class("tidegate", CONTROLLER)]);
    api.apply_all(
        hosts.iter().enumerate().map(|(n, host)| ingress("shop", &format!("i{n}"), "tidegate", host)).collect(),
    );
    api.kill();
    let kubeconfig = api.kubeconfig();
    let options = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--report", "false"];
    let server = Tidegate::start(&options, &[]);
    eventually("the absence is noticed", || {
        (server.metric("tidegate_watch_errors_total", "kind=\"Ingress\"") >= 2.0).then_some(())
    });
    let (status, waiting) = server.admin("/readyz").expect("the admin listener answers");
    assert_eq!(status, 503, "{waiting}");
    assert_eq!(server.admin("/healthz").map(|(status, _)| status), Some(200));
    api.start_again();
    let back = Instant::now();
    server.wait_until_ready();
    let took = back.elapsed();
    for host in &hosts {
        assert_eq!(server.get(host, "/").map(|(status, _)| status), Some(200), "{host}");
    }
    // Two seconds are promised on a machine that has nothing else to do; pauses that do not begin anew take longer.
    assert!(took < Duration::from_secs(15), "ready {took:?} after the API server's return");
}

#[test]
fn rule_75_objects_that_make_no_sense_cost_themselves_only() {
    let server = follow(&API, &["--watch-namespace", "odd,huge"]);
    let _pods = [web(&API, "odd"), web(&API, "huge")];
    let mut huge = ingress("huge", "paths", "tidegate", "huge.example");
    let path = |n: usize| {
        json!({
            "path": format!("/p{n}"), "pathType": if n.is_multiple_of(2) { "Prefix" } else { "Exact" },
            "backend": {"service": {"name": "web", "port": {"number": 80}}},
        })
    };
    huge["spec"]["rules"][0]["http"]["paths"] = (0..1000).map(path).collect();
    let mut many = ingress("huge", "hosts", "tidegate", "many.example");
    many["spec"]["rules"] = (0..1000)
        .map(|n| {
            let mut rule = many["spec"]["rules"][0].clone();
            rule["host"] = format!("m{n}.example").into();
            rule
        })
        .collect();
    let garbage = [
        "\u{0}x\r\ny",
        "{{.}}",
        "; } location / { return 200; }",
        "-1",
        "1e99",
        "NaN",
        "\u{202e}\u{1f980}",
        "%0d%0a",
        "$(reboot)",
        "\"'`",
        "true;false",
        "",
    ];
    let prefixes = ["tidegate.dev", "nginx.ingress.kubernetes.io", "ingress.kubernetes.io"];
    let names = [
        "ssl-redirect",
        "force-ssl-redirect",
        "backend-protocol",
        "rewrite-target",
        "proxy-read-timeout",
        "proxy-body-size",
        "configuration-snippet",
        "server-snippet",
        "auth-url",
        "whitelist-source-range",
        "no-such",
    ];
    let mut odd = Vec::new();
    for (at, value) in garbage.iter().enumerate() {
        let mut object = ingress("odd", &format!("odd-{at}"), "tidegate", &format!("odd-{at}.example"));
        let keys = prefixes.iter().flat_map(|prefix| names.iter().map(move |name| format!("{prefix}/{name}")));
        object["metadata"]["annotations"] = keys.map(|key| (key, Value::from(*value))).collect();
        odd.push(object);
    }
    let mut large = ingress("odd", "large", "tidegate", "large.example");
    large["metadata"]["annotations"] = json!({"tidegate.dev/no-such": "x".repeat(250_000)});
    odd.push(large);
    let mut strange = ingress("odd", "strange", "tidegate", "strange.example");
    strange["spec"]["rules"][0]["http"]["paths"] = json!([
        {"path": "", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        {"path": "no-slash", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        {"path": "/(a{1000}){1000}", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        {"path": "/resource", "pathType": "Prefix", "backend": {"resource": {"apiGroup": "x.example", "kind": "Bucket", "name": "b"}}},
        {"path": "/port", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"name": "no-such"}}}},
        {"path": "/service", "pathType": "Prefix", "backend": {"service": {"name": "absent", "port": {"number": 1}}}},
    ]);
    strange["spec"]["tls"] =
        json!([{"hosts": ["strange.example", "*.strange.example"], "secretName": "../../etc"}, {}]);
    odd.push(strange);
    let mut accepted = 0;
    for object in odd {
        // Control characters and suchlike the API refuses itself.
        accepted += usize::from(API.try_apply(&object.to_string()).is_ok());
    }
    assert!(accepted >= 10, "the API takes only {accepted} of them");
    API.apply_all(vec![huge, many]);
    API.apply_all(vec![ingress("odd", "good", "tidegate", "good.example")]);
    answers(&server, "good.example", 200);
    for path in ["/p0", "/p1", "/p999", "/p998/below"] {
        assert_eq!(server.get("huge.example", path).map(|(status, _)| status), Some(200), "{path}");
    }
    assert_eq!(server.get("huge.example", "/p999/below").map(|(status, _)| status), Some(404));
    for host in ["m0.example", "m999.example"] {
        assert_eq!(server.get(host, "/").map(|(status, _)| status), Some(200), "{host}");
    }
    eventually("the odd one answers", || server.get("strange.example", "/"));
    assert!(server.is_ready());
    assert!(!server.log().contains("panic"), "{}", server.log());
}

#[test]
fn rule_76_without_the_right_to_read_secrets_http_goes_on_and_tls_has_the_default_certificate() {
    let namespace = "no-secrets";
    let _pod = web(&API, namespace);
    let (read_only, kinds) = (json!(["get", "list", "watch"]), json!(["ingresses", "ingressclasses"]));
    API.apply_all(vec![
        class("tidegate", CONTROLLER),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": namespace},
            "rules": [
                {"apiGroups": ["networking.k8s.io"], "resources": kinds, "verbs": read_only},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read_only},
                {"apiGroups": [""], "resources": ["services"], "verbs": read_only},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "tidegate"}],
        }),
    ]);
    let certificate = Certificate::new(&["secret.example"]);
    API.apply_all(vec![
        certificate.secret(namespace, "tls"),
        tls_ingress(namespace, "tls", "tidegate", "secret.example", "tls"),
        ingress(namespace, "plain", "tidegate", "plain-without-secrets.example"),
    ]);
    let kubeconfig = API.service_account_kubeconfig(namespace, "tidegate");
    let server = Tidegate::follow(&kubeconfig, &["--report", "false"]);
    answers(&server, "plain-without-secrets.example", 200);
    let answer = tidegate_e2e::Request::get("secret.example", "/").send_tls(server.https).expect("a handshake");
    assert_eq!(answer.status, 200);
    assert!(!certificate.is_shown(server.https, "secret.example"));
    // The right comes later, without a restart.
    API.apply_all(vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "no-secrets-any-more"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": read_only}],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "no-secrets-any-more"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "no-secrets-any-more"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "tidegate"}],
        }),
    ]);
    eventually("the certificate is shown", || certificate.is_shown(server.https, "secret.example").then_some(()));
}

#[test]
fn rule_77_of_a_namespace_that_is_gone_nothing_is_left() {
    let server = follow(&API, &["--watch-namespace", "stays,goes"]);
    let _pods = [web(&API, "stays"), web(&API, "goes")];
    let certificate = Certificate::new(&["goes.example"]);
    let mut objects = vec![
        certificate.secret("goes", "tls"),
        tls_ingress("goes", "tls", "tidegate", "goes.example", "tls"),
        ingress("goes", "plain", "tidegate", "goes-too.example"),
    ];
    let mut broken = ingress("goes", "broken", "tidegate", "goes-broken.example");
    broken["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "absent".into();
    objects.push(broken);
    API.apply_all(vec![ingress("stays", "plain", "tidegate", "stays.example")]);
    answers(&server, "stays.example", 200);
    let (hosts, problems) = (server.metric("tidegate_table_hosts", ""), server.metric("tidegate_problems", ""));
    API.apply_all(objects);
    answers(&server, "goes-too.example", 200);
    answers(&server, "goes-broken.example", 503);
    eventually("the certificate is shown", || certificate.is_shown(server.https, "goes.example").then_some(()));
    let of_namespace = || {
        let (_, text) = server.admin("/metrics").expect("the admin listener answers");
        text.lines().filter(|line| line.contains("namespace=\"goes\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(!of_namespace().is_empty());

    API.delete_namespace("goes");
    for host in ["goes.example", "goes-too.example", "goes-broken.example"] {
        answers(&server, host, 404);
    }
    eventually("no series is left", || of_namespace().is_empty().then_some(()));
    eventually("the default certificate is shown", || {
        (!certificate.is_shown(server.https, "goes.example")).then_some(())
    });
    assert_eq!(server.metric("tidegate_table_hosts", ""), hosts);
    assert_eq!(server.metric("tidegate_problems", ""), problems);
    let (_, snapshot) = server.admin("/debug/snapshot").expect("the admin listener answers");
    assert!(!snapshot.contains("goes"), "{snapshot}");
    answers(&server, "stays.example", 200);
}
