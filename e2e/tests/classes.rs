//! Which Ingresses are ours, decided by the real API's objects (rules 46 to 51), and that nobody else's are touched.
//!
//! Classes and controllers are named after their tests, which run side by side on one API server. That something is not
//! served is asked only after something later was: events of a kind arrive in order.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, EchoPod, Pods, Tidegate, class, eventually, ingress};

const NETWORKING: &str = "networking.k8s.io/v1";

static API: LazyLock<ApiServer> = LazyLock::new(ApiServer::start);

/// A namespace with one Service, and a controller whose class and lease have its name.
struct Site {
    name: &'static str,
    server: Tidegate,
    _pod: EchoPod,
}

fn apply_class(name: &str, controller: &str) {
    API.apply_all(vec![class(name, controller)]);
}

impl Site {
    fn start(name: &'static str, options: &[&str]) -> Self {
        let pod = EchoPod::start(&API, name, "web");
        API.apply(&Pods { namespace: name, service: "web", pods: &[&pod] }.yaml());
        let server = controller(name, name, options);
        Self { name, server, _pod: pod }
    }

    /// Makes or changes an Ingress of a host; its class may be empty.
    fn ingress(&self, name: &str, class: &str, host: &str) {
        API.apply_all(vec![self.object(name, class, host)]);
    }

    fn object(&self, name: &str, class: &str, host: &str) -> Value {
        ingress(self.name, name, class, host)
    }

    fn annotated(&self, name: &str, annotation: &str, host: &str) -> Value {
        let mut object = self.object(name, "", host);
        object["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": annotation});
        object
    }

    #[track_caller]
    fn serves(&self, host: &str) {
        serves(&self.server, host);
    }

    #[track_caller]
    fn stops(&self, host: &str) {
        eventually(&format!("{host} is not served any more"), || {
            self.server.get(host, "/").filter(|(status, _)| *status == 404)
        });
    }

    #[track_caller]
    fn serves_none_of(&self, hosts: &[&str]) {
        for host in hosts {
            let (status, body) = self.server.get(host, "/").expect("it answers");
            assert_eq!(status, 404, "{host} is served: {body}");
        }
    }

    fn read(&self, name: &str) -> Value {
        read(self.name, name)
    }
}

/// A controller for a class; its controller name is that of the class, its lease in `default`.
fn controller(class: &str, lease: &str, options: &[&str]) -> Tidegate {
    let (name, lease) = (controller_name(class), format!("default/{lease}"));
    let own = ["--ingress-class", class, "--controller-name", &name, "--lease", &lease];
    Tidegate::follow(&API.kubeconfig(), &[&own, options].concat())
}

fn controller_name(class: &str) -> String {
    format!("classes.example/{class}")
}

fn read(namespace: &str, name: &str) -> Value {
    API.get(NETWORKING, "Ingress", namespace, name).expect("the Ingress is there")
}

#[track_caller]
fn serves(server: &Tidegate, host: &str) {
    eventually(&format!("{host} is served"), || server.get(host, "/").filter(|(status, _)| *status == 200));
}

/// The addresses of an Ingress' status.
fn addresses(ingress: &Value) -> Vec<&str> {
    let shown = ingress["status"]["loadBalancer"]["ingress"].as_array();
    shown.into_iter().flatten().filter_map(|entry| entry["ip"].as_str()).collect()
}

#[track_caller]
fn has_status(namespace: &str, name: &str, expected: &[&str]) {
    eventually(&format!("the status of {name} is {expected:?}"), || {
        (addresses(&read(namespace, name)) == expected).then_some(())
    });
}

/// Who wrote parts of an object.
fn managers(object: &Value) -> Vec<&str> {
    let fields = object["metadata"]["managedFields"].as_array();
    fields.into_iter().flatten().filter_map(|field| field["manager"].as_str()).collect()
}

/// Events about an object: who reported, and why.
fn events(namespace: &str, about: &str) -> Vec<(String, String)> {
    let events = API.list("events.k8s.io/v1", "Event", namespace);
    let about = events.iter().filter(|event| event["regarding"]["name"] == about);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    about.map(|event| (text(&event["reportingController"]), text(&event["reason"]))).collect()
}

#[test]
fn rule_46_a_class_is_ours_by_the_exact_name_of_its_controller() {
    let site = Site::start("exact", &[]);
    let ours = controller_name("exact");
    apply_class("exact-longer", &format!("{ours}-2"));
    apply_class("exact-shorter", ours.trim_end_matches('t'));
    apply_class("exact-deeper", &format!("{ours}/x"));
    apply_class("exact-upper", "classes.example/Exact");
    for name in ["exact-longer", "exact-shorter", "exact-deeper", "exact-upper"] {
        site.ingress(name, name, &format!("{name}.example"));
    }
    // Also under another name than --ingress-class: the controller counts.
    apply_class("any-name", &ours);
    site.ingress("other", "any-name", "any-name.example");
    site.serves("any-name.example");
    apply_class("exact", &ours);
    site.ingress("own", "exact", "exact.example");
    site.serves("exact.example");
    site.serves_none_of(&[
        "exact-longer.example",
        "exact-shorter.example",
        "exact-deeper.example",
        "exact-upper.example",
    ]);
}

#[test]
fn rule_46_51_two_controllers_in_one_cluster_never_interfere() {
    let namespace = "shared";
    let first = Site::start(namespace, &["--publish-address", "192.0.2.1"]);
    let second = controller("second", "second", &["--publish-address", "192.0.2.2"]);
    apply_class(namespace, &controller_name(namespace));
    apply_class("second", &controller_name("second"));
    // The same host in both, and something broken in each.
    for class in [namespace, "second"] {
        first.ingress(class, class, "shared.example");
        let mut broken = first.object(&format!("{class}-broken"), class, &format!("{class}-broken.example"));
        broken["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "absent".into();
        API.apply_all(vec![broken]);
    }
    first.ingress("nobodys", "of-nobody", "nobodys.example");
    first.serves("shared.example");
    serves(&second, "shared.example");
    has_status(namespace, namespace, &["192.0.2.1"]);
    has_status(namespace, "second", &["192.0.2.2"]);
    has_status(namespace, "shared-broken", &["192.0.2.1"]);
    has_status(namespace, "second-broken", &["192.0.2.2"]);
    for class in [namespace, "second"] {
        let told = eventually("there is an Event about the broken one", || {
            let events = events(namespace, &format!("{class}-broken"));
            (!events.is_empty()).then_some(events)
        });
        assert!(told.iter().all(|(reporter, _)| *reporter == controller_name(class)), "{told:?}");
    }

    // One of them changes and goes; of the other's objects not a field was written.
    let before = read(namespace, "second");
    first.ingress(namespace, namespace, "moved.example");
    first.serves("moved.example");
    API.delete(&first.object(namespace, namespace, "moved.example").to_string());
    first.stops("moved.example");
    serves(&second, "shared.example");
    assert_eq!(second.get("moved.example", "/").map(|(status, _)| status), Some(404));
    first.ingress("last", namespace, "last.example");
    has_status(namespace, "last", &["192.0.2.1"]);
    assert_eq!(read(namespace, "second"), before);
    let ours = |name: &str| {
        let object = read(namespace, name);
        managers(&object).iter().map(|manager| (*manager).to_owned()).collect::<Vec<_>>()
    };
    assert!(
        !ours("second").iter().any(|manager| manager.contains(&controller_name(namespace))),
        "{:?}",
        ours("second")
    );
    assert!(!ours("last").iter().any(|manager| manager.contains(&controller_name("second"))), "{:?}", ours("last"));
    assert_eq!(ours("nobodys"), ["e2e"]);
    assert_eq!(addresses(&read(namespace, "nobodys")), [""; 0]);
}

#[test]
fn rule_47_the_annotation_of_old_is_honoured_and_decides() {
    let site = Site::start("legacy", &[]);
    apply_class("legacy", &controller_name("legacy"));
    apply_class("legacy-others", "classes.example/somebody");
    API.apply_all(vec![site.annotated("ours", "legacy", "ours.example")]);
    API.apply_all(vec![site.annotated("others", "nginx", "others.example")]);
    // Both at once are refused when they come, and may come one after the other.
    let mut both = site.object("both", "legacy", "both.example");
    both["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": "nginx"});
    assert!(API.try_apply(&both.to_string()).is_err(), "the API takes field and annotation");
    site.ingress("both", "legacy", "both.example");
    site.serves("both.example");
    API.apply_all(vec![both]);
    site.stops("both.example");
    let mut back = site.object("both", "legacy-others", "both.example");
    back["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": "legacy"});
    API.apply_all(vec![back]);
    site.serves("both.example");
    site.serves("ours.example");
    site.serves_none_of(&["others.example"]);
}

#[test]
fn rule_48_the_api_fills_in_the_default_class_and_only_once() {
    let site = Site::start("default-class", &[]);
    let lenient = controller("default-class", "default-class-2", &["--watch-ingress-without-class"]);
    apply_class("default-class", &controller_name("default-class"));
    site.ingress("early", "", "early.example");
    assert_eq!(site.read("early")["spec"]["ingressClassName"], Value::Null);
    let mut default = class("default-class", &controller_name("default-class"));
    default["metadata"]["annotations"] = json!({"ingressclass.kubernetes.io/is-default-class": "true"});
    API.apply_all(vec![default]);
    // The API server notices it a moment later than we are answered.
    let mut count = 0;
    eventually("the API fills in the class", || {
        count += 1;
        let name = format!("late-{count}");
        site.ingress(&name, "", "late.example");
        (site.read(&name)["spec"]["ingressClassName"] == "default-class").then_some(())
    });
    // No default for the other tests.
    API.delete(&class("default-class", "").to_string());
    apply_class("default-class", &controller_name("default-class"));
    site.serves("late.example");
    site.serves_none_of(&["early.example"]);
    serves(&lenient, "late.example");
    serves(&lenient, "early.example");
}

#[test]
fn rule_49_a_class_comes_goes_and_comes_again() {
    let site = Site::start("coming", &["--publish-address", "192.0.2.9"]);
    site.ingress("early", "coming", "early.example");
    apply_class("coming-other", &controller_name("coming"));
    site.ingress("other", "coming-other", "other.example");
    has_status("coming", "other", &["192.0.2.9"]);
    site.serves_none_of(&["early.example"]);
    assert_eq!(addresses(&site.read("early")), [""; 0]);

    apply_class("coming", &controller_name("coming"));
    site.serves("early.example");
    has_status("coming", "early", &["192.0.2.9"]);
    API.delete(&class("coming", "").to_string());
    site.stops("early.example");
    has_status("coming", "early", &[]);
    site.serves("other.example");
    has_status("coming", "other", &["192.0.2.9"]);
    // Back, and somebody else's.
    apply_class("coming", "classes.example/somebody");
    site.ingress("later", "coming-other", "later.example");
    site.serves("later.example");
    site.serves_none_of(&["early.example"]);
    API.delete(&class("coming", "").to_string());
    apply_class("coming", &controller_name("coming"));
    site.serves("early.example");
    has_status("coming", "early", &["192.0.2.9"]);
}

#[test]
fn rule_49_an_ingress_that_leaves_its_class_is_dropped_and_its_status_cleared() {
    let site = Site::start("leaving", &["--publish-address", "192.0.2.8"]);
    apply_class("leaving", &controller_name("leaving"));
    apply_class("leaving-others", "classes.example/somebody");
    for name in ["to-another", "to-none", "to-nowhere", "stays"] {
        site.ingress(name, "leaving", &format!("{name}.example"));
        site.serves(&format!("{name}.example"));
        has_status("leaving", name, &["192.0.2.8"]);
    }
    site.ingress("to-another", "leaving-others", "to-another.example");
    site.ingress("to-none", "", "to-none.example");
    site.ingress("to-nowhere", "of-nobody", "to-nowhere.example");
    for name in ["to-another", "to-none", "to-nowhere"] {
        site.stops(&format!("{name}.example"));
        has_status("leaving", name, &[]);
    }
    site.serves("stays.example");
    has_status("leaving", "stays", &["192.0.2.8"]);
    site.ingress("to-another", "leaving", "to-another.example");
    site.serves("to-another.example");
    has_status("leaving", "to-another", &["192.0.2.8"]);
}

#[test]
fn rule_50_parameters_are_told_about_and_nothing_else_and_controllers_stay() {
    let site = Site::start("parameters", &[]);
    let mut with = class("parameters", &controller_name("parameters"));
    with["spec"]["parameters"] =
        json!({"apiGroup": "k8s.example.com", "kind": "IngressParameters", "name": "external"});
    API.apply_all(vec![with]);
    let mut inside = class("parameters-inside", &controller_name("parameters"));
    inside["spec"]["parameters"] =
        json!({"kind": "ConfigMap", "name": "external", "namespace": "parameters", "scope": "Namespace"});
    API.apply_all(vec![inside]);
    for name in ["parameters", "parameters-inside"] {
        site.ingress(name, name, &format!("{name}.example"));
        site.serves(&format!("{name}.example"));
    }
    let told = eventually("there is a Problem", || {
        let (_, text) = site.server.admin("/debug/problems")?;
        text.contains("parameters-inside").then_some(text)
    });
    assert!(told.contains("IngressClass"), "{told}");
    let refused = API.try_apply(&class("parameters", "classes.example/somebody").to_string());
    assert!(refused.is_err(), "the API lets the controller of a class be changed");
}

#[test]
fn without_class_lookup_a_namespaced_role_is_enough() {
    let namespace = "by-role";
    let pod = EchoPod::start(&API, namespace, "web");
    API.apply(&Pods { namespace, service: "web", pods: &[&pod] }.yaml());
    let read_only = json!(["get", "list", "watch"]);
    let reported = json!(["patch", "update"]);
    API.apply_all(vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"namespace": namespace, "name": "tidegate"},
            "rules": [
                {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": read_only},
                {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": reported},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read_only},
                {"apiGroups": [""], "resources": ["services", "secrets"], "verbs": read_only},
                {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
                 "verbs": ["create", "get", "update", "patch"]},
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"namespace": namespace, "name": "tidegate"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tidegate"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "tidegate"}],
        }),
    ]);
    let kubeconfig = API.service_account_kubeconfig(namespace, "tidegate");
    let server = Tidegate::follow(
        &kubeconfig,
        &[
            ["--watch-namespace", namespace],
            ["--ingress-class-lookup", "false"],
            ["--ingress-class", "team-a"],
            ["--secret-access", "namespaces"],
            ["--lease", "by-role/tidegate"],
            ["--publish-address", "192.0.2.7"],
        ]
        .concat(),
    );
    let site = Site { name: namespace, server, _pod: pod };
    // An IngressClass of that name that is somebody else's changes nothing: it is not read.
    apply_class("team-a", "classes.example/somebody");
    site.ingress("field", "team-a", "field.example");
    API.apply_all(vec![site.annotated("annotation", "team-a", "annotation.example")]);
    site.ingress("other", "team-b", "other.example");
    API.apply_all(vec![site.annotated("other-annotation", "team-b", "other-annotation.example")]);
    site.ingress("last", "team-a", "last.example");
    for host in ["field.example", "annotation.example", "last.example"] {
        site.serves(host);
    }
    site.serves_none_of(&["other.example", "other-annotation.example"]);
    has_status(namespace, "field", &["192.0.2.7"]);
    site.ingress("field", "team-b", "field.example");
    site.stops("field.example");
    has_status(namespace, "field", &[]);
    let denied: Vec<_> = API.denied().into_iter().filter(|denied| denied.user.contains(namespace)).collect();
    assert!(denied.is_empty(), "{denied:#?}");
}
