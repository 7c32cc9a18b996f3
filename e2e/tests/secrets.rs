//! The three ways of reading Secrets, and a controller without any ClusterRole, each with the rights and the options that
//! the chart renders for it: TLS works, a new certificate is there at once, and the API server refuses nothing.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_e2e::{
    ApiServer, Audited, Certificate, Connection, EchoPod, Kubernetes, Pods, Request, Tidegate, eventually, ingress,
    tls_ingress,
};
use tokio::time::Instant;

static API: LazyLock<ApiServer> = LazyLock::new(ApiServer::start);

/// Templates that make up the rights.
const RIGHTS: [&str; 4] =
    ["templates/lease.yaml", "templates/rbac.yaml", "templates/serviceaccount.yaml", "templates/ingressclass.yaml"];

/// Options of the pod that a process of this machine cannot have, or has no use for.
const OF_THE_POD: [&str; 8] =
    ["--http", "--https", "--admin", "--health", "--snapshot-file", "--access-log", "--log-format", "--drain-delay"];

/// A release of the chart in a namespace of its name, as a process that has the token of its ServiceAccount.
struct Release {
    name: &'static str,
    server: Tidegate,
}

impl Release {
    fn install(name: &'static str, values: Value) -> Self {
        Self::install_without(name, values, "nothing").0
    }

    /// The same without the role bindings of a namespace, which are given.
    fn install_without(name: &'static str, values: Value, namespace: &str) -> (Self, String) {
        let mut values = values;
        let mut left_out = Vec::new();
        values["ingressClass"]["name"] = name.into();
        values["ingressClass"]["controllerName"] = format!("secrets.example/{name}").into();
        values["status"] = json!({"publishAddresses": ["192.0.2.5"]});
        let has_class = values["ingressClass"]["create"] != false;
        let rights = RIGHTS.iter().filter(|template| has_class || !template.contains("ingressclass"));
        for template in rights {
            let objects = helm(name, &values, template);
            let is_left_out = |object: &&str| {
                object.contains("kind: RoleBinding") && object.contains(&format!("\n  namespace: {namespace}\n"))
            };
            let (without, with): (Vec<_>, Vec<_>) = objects.split("\n---\n").partition(is_left_out);
            API.apply(&with.join("\n---\n"));
            left_out.extend(without.into_iter().map(str::to_owned));
        }
        let account = format!("system:serviceaccount:{name}:tidegate");
        let kubeconfig = API.service_account_kubeconfig(name, "tidegate");
        let workload = helm(name, &values, "templates/workload.yaml");
        let mut options: Vec<&str> = workload
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- "))
            .filter(|word| word.starts_with("--"))
            .filter(|word| !OF_THE_POD.contains(&word.split('=').next().unwrap_or_default()))
            .collect();
        assert!(options.iter().any(|option| option.starts_with("--secret-access=")), "{workload}");
        options.extend(["--kubeconfig", kubeconfig.to_str().unwrap(), "--drain-delay", "0s"]);
        let server = Tidegate::start(&options, &[("POD_NAME", name), ("POD_NAMESPACE", name)]);
        server.wait_until_ready();
        let asked = API.requests_of(&account);
        assert!(!asked.is_empty(), "the API server does not know {account}");
        (Self { name, server }, left_out.join("\n---\n"))
    }

    /// A host with TLS in a namespace: its Service, Secret and Ingress; what it waits for is that the host is served.
    fn site(&self, namespace: &str, host: &str, secret: &str) -> Site {
        let pod = EchoPod::start(&API, namespace, "web");
        let certificate = Certificate::new(&[host]);
        API.apply(&Pods { namespace, service: "web", pods: &[&pod] }.yaml());
        API.apply_all(vec![
            certificate.secret(namespace, secret),
            tls_ingress(namespace, secret, self.name, host, secret),
        ]);
        eventually("the host is served", || {
            let answer = Request::get(host, "/").send_tls(self.server.https).ok()?;
            (answer.status == 200).then_some(())
        });
        Site { namespace: namespace.into(), host: host.into(), secret: secret.into(), certificate, _pod: pod }
    }

    #[track_caller]
    fn shows(&self, site: &Site) {
        eventually(&format!("{} shows its certificate", site.host), || {
            site.certificate.is_shown(self.server.https, &site.host).then_some(())
        });
    }

    /// Replaces the certificate a few times: how long until a new handshake shows it, the second best of three, because
    /// others use the machine too. A connection that is open stays so.
    #[track_caller]
    fn rotates(&self, site: &mut Site) {
        let mut open = Connection::tls(self.server.https, &site.host).unwrap();
        let mut took: Vec<Duration> = (0..3)
            .map(|_| {
                site.certificate = Certificate::new(&[site.host.as_str()]);
                API.apply_all(vec![site.certificate.secret(&site.namespace, &site.secret)]);
                let written = Instant::now();
                self.shows(site);
                written.elapsed()
            })
            .collect();
        took.sort();
        assert!(took[1] < Duration::from_secs(5), "{took:?}");
        assert_eq!(open.send(&Request::get(&site.host, "/")).unwrap().status, 200);
    }

    /// Everything that is written back was written: the status, and an Event about something that is wrong.
    fn reports(&self, site: &Site) {
        let mut broken = ingress(&site.namespace, "broken", self.name, &format!("broken.{}", site.host));
        broken["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "absent".into();
        API.apply_all(vec![broken]);
        eventually("the status is written", || {
            let object = API.get("networking.k8s.io/v1", "Ingress", &site.namespace, &site.secret)?;
            (object["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.5").then_some(())
        });
        eventually("an Event is written", || {
            let events = API.list("events.k8s.io/v1", "Event", &site.namespace);
            events.iter().any(|event| event["regarding"]["name"] == "broken").then_some(())
        });
    }

    /// Ends in order, which is when the Lease is given back.
    fn end(self) -> Account {
        self.server.terminate();
        assert!(self.server.join(), "it does not end in order");
        Account(format!("system:serviceaccount:{}:tidegate", self.name))
    }
}

struct Account(String);

impl Account {
    fn denied(&self) -> Vec<Audited> {
        API.denied().into_iter().filter(|request| request.user == self.0).collect()
    }

    /// Namespace and name of every request for Secrets.
    fn secrets(&self) -> Vec<(String, String)> {
        self.asked_for("secrets")
    }

    fn asked_for(&self, resource: &str) -> Vec<(String, String)> {
        let requests = API.requests_of(&self.0).into_iter().filter(|request| request.resource == resource);
        let mut found: Vec<_> = requests.map(|request| (request.namespace, request.name)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// How Secrets were asked for.
    fn verbs(&self) -> BTreeSet<String> {
        self.verbs_of("secrets")
    }

    fn verbs_of(&self, resource: &str) -> BTreeSet<String> {
        let requests = API.requests_of(&self.0).into_iter().filter(|request| request.resource == resource);
        requests.map(|request| request.verb).collect()
    }
}

struct Site {
    namespace: String,
    host: String,
    secret: String,
    certificate: Certificate,
    _pod: EchoPod,
}

/// What a template of the chart renders to.
fn helm(release: &str, values: &Value, template: &str) -> String {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/tidegate");
    let file = API.run().directory().join(format!("{release}.values.json"));
    std::fs::write(&file, values.to_string()).unwrap();
    let mut command = Command::new(Kubernetes::get().helm());
    command.args(["template", "tidegate"]).arg(chart).args(["--namespace", release, "--kube-version", "1.34.4"]);
    command.args(["--show-only", template, "--values"]).arg(file);
    let output = command.output().expect("helm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn secret(namespace: &str, name: &str) -> (String, String) {
    (namespace.into(), name.into())
}

#[test]
fn secrets_of_the_whole_cluster_with_the_rights_of_the_chart() {
    let release = Release::install("everywhere", json!({"secrets": {"access": "cluster"}}));
    let mut first = release.site("everywhere-a", "a.everywhere.example", "tls");
    let second = release.site("everywhere-b", "b.everywhere.example", "tls");
    release.shows(&first);
    release.shows(&second);
    release.rotates(&mut first);
    release.reports(&first);
    let account = release.end();
    assert_eq!(account.denied(), []);
    assert_eq!(account.secrets(), [secret("", "")]);
}

#[test]
fn secrets_of_some_namespaces_with_the_rights_of_the_chart() {
    let values = json!({"secrets": {"access": "namespaces", "namespaces": ["some-a", "some-b"]}});
    let release = Release::install("some", values);
    let mut first = release.site("some-a", "a.some.example", "tls");
    let second = release.site("some-b", "b.some.example", "tls");
    let outside = release.site("some-c", "c.some.example", "tls");
    release.shows(&first);
    release.shows(&second);
    release.rotates(&mut first);
    release.reports(&first);
    assert!(!outside.certificate.is_shown(release.server.https, &outside.host));
    let account = release.end();
    assert_eq!(account.denied(), []);
    assert_eq!(account.secrets(), [secret("some-a", ""), secret("some-b", "")]);
}

#[test]
fn secrets_by_name_with_the_rights_of_the_chart_and_no_list_of_them_ever() {
    let values = json!({
        "secrets": {"access": "names", "names": {"names-a": ["one", "two"], "names-b": ["three"]}},
        "defaultCertificate": "names-c/default",
    });
    let release = Release::install("names", values);
    let default = Certificate::new(&["default.example", "four.names.example"]);
    API.apply_all(vec![default.secret("names-c", "default")]);
    let mut one = release.site("names-a", "one.names.example", "one");
    let two = release.site("names-a", "two.names.example", "two");
    let three = release.site("names-b", "three.names.example", "three");
    for site in [&one, &two, &three] {
        release.shows(site);
    }
    release.rotates(&mut one);
    release.reports(&one);

    // One that is not listed is not asked for, and neither are thousands: they cost nobody anything.
    let four = release.site("names-b", "four.names.example", "four");
    eventually("the default certificate serves instead", || {
        default.is_shown(release.server.https, &four.host).then_some(())
    });
    let mut greedy = tls_ingress("names-b", "greedy", release.name, "greedy.names.example", "four");
    greedy["spec"]["tls"] = (0..3000).map(|count| json!({"secretName": format!("stranger-{count}")})).collect();
    API.apply_all(vec![greedy]);
    eventually("it is told what is wrong with them", || {
        let (_, problems) = release.server.admin("/debug/problems")?;
        (problems.matches("SecretNotListed").count() > 3000).then_some(())
    });
    release.rotates(&mut one);
    let open_files = std::fs::read_dir(format!("/proc/{}/fd", release.server.id())).unwrap().count();
    assert!(open_files < 100, "{open_files}");
    eventually("the author is told", || {
        let events = API.list("events.k8s.io/v1", "Event", "names-b");
        let told = |event: &&Value| event["regarding"]["name"] == "four" && event["reason"] == "SecretNotListed";
        events.iter().find(told).map(|_| ())
    });
    let account = release.end();
    assert_eq!(account.denied(), []);
    let granted = [("names-a", "one"), ("names-a", "two"), ("names-b", "three"), ("names-c", "default")];
    assert_eq!(account.secrets(), granted.map(|(namespace, name)| secret(namespace, name)));
    assert_eq!(account.verbs(), ["get", "watch"].map(str::to_owned).into());
}

#[test]
fn config_maps_by_name_with_the_rights_of_the_chart_and_no_list_of_them_ever() {
    let values = json!({
        "configMaps": {"names": {"maps-a": ["headers", "unused"]}},
        "nginxConfigMap": "maps-b/nginx",
        "allowedResponseHeaders": ["X-One"],
    });
    let map = |namespace: &str, name: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data});
    // Namespaces are made with the first objects in them.
    let release = Release::install("maps", values);
    API.apply_all(vec![map("maps-b", "nginx", json!({"hsts": "true", "hsts-max-age": "300", "no-such-key": "1"}))]);
    let site = release.site("maps-a", "a.maps.example", "tls");
    let mut web = tls_ingress("maps-a", "tls", release.name, "a.maps.example", "tls");
    web["metadata"]["annotations"] = json!({"nginx.ingress.kubernetes.io/custom-headers": "maps-a/headers"});
    API.apply_all(vec![web.clone()]);
    let answer = || Request::get(&site.host, "/").send_tls(release.server.https).ok();
    let shows = |what: &str, status: u16, one: Option<&str>, hsts: &str| {
        eventually(what, || {
            let answer = answer()?;
            let has = |name, value| answer.field(name) == value;
            let is_so = answer.status == status && has("x-one", one);
            (is_so && answer.field("strict-transport-security").is_some_and(|is| is.starts_with(hsts))).then_some(())
        });
    };
    shows("without its ConfigMap nobody is served", 503, None, "max-age=300");
    API.apply_all(vec![map("maps-a", "headers", json!({"X-One": "1"}))]);
    shows("its fields are set", 200, Some("1"), "max-age=300");
    API.apply_all(vec![
        map("maps-a", "headers", json!({"X-One": "2"})),
        map("maps-b", "nginx", json!({"hsts": "true"})),
    ]);
    shows("changes count", 200, Some("2"), "max-age=31536000");
    // One that is not listed is not asked for.
    web["metadata"]["annotations"] = json!({"nginx.ingress.kubernetes.io/custom-headers": "maps-a/stranger"});
    API.apply_all(vec![web, map("maps-a", "stranger", json!({"X-One": "1"}))]);
    shows("nobody is served", 503, None, "max-age=");
    eventually("the author is told", || {
        let events = API.list("events.k8s.io/v1", "Event", "maps-a");
        events.iter().any(|event| event["reason"] == "ConfigMapNotListed").then_some(())
    });
    eventually("the operator is told", || {
        let events = API.list("events.k8s.io/v1", "Event", "maps-b");
        events.iter().any(|event| event["reason"] == "UnknownKey").then_some(())
    });
    let account = release.end();
    assert_eq!(account.denied(), []);
    assert_eq!(account.asked_for("configmaps"), [secret("maps-a", "headers"), secret("maps-b", "nginx")]);
    assert_eq!(account.verbs_of("configmaps"), ["get", "watch"].map(str::to_owned).into());
}

#[test]
fn a_listed_secret_that_the_role_does_not_grant_is_a_problem_of_its_own() {
    let values = json!({"secrets": {"access": "names", "names": {"refused-a": ["one"], "refused-b": ["two"]}}});
    let (release, binding) = Release::install_without("refused", values, "refused-b");
    assert!(binding.contains("kind: RoleBinding"));
    let mut one = release.site("refused-a", "one.refused.example", "one");
    let two = release.site("refused-b", "two.refused.example", "two");
    eventually("it is a problem", || {
        let (_, problems) = release.server.admin("/debug/problems")?;
        problems.contains("SecretForbidden").then_some(())
    });
    release.rotates(&mut one);
    assert_eq!(release.server.metric("tidegate_watch_connected", "Secret"), 1.0);
    assert!(release.server.metric("tidegate_watch_errors_total", "reason=\"forbidden\"") >= 2.0);
    assert!(!two.certificate.is_shown(release.server.https, &two.host));
    let lines = release.server.log().lines().filter(|line| line.contains("refused-b/two")).count();
    assert!(lines <= 3, "{}", release.server.log());

    API.apply(&binding);
    release.shows(&two);
    eventually("it is no problem any more", || {
        let (_, problems) = release.server.admin("/debug/problems")?;
        (!problems.contains("SecretForbidden")).then_some(())
    });
    let account = release.end();
    let is_expected = |request: &Audited| (request.resource.as_str(), request.name.as_str()) == ("secrets", "two");
    let denied = account.denied();
    assert!(!denied.is_empty() && denied.iter().all(is_expected), "{denied:#?}");
    assert_eq!(account.verbs(), ["get", "watch"].map(str::to_owned).into());
}

#[test]
fn without_a_cluster_role_with_the_rights_of_the_chart() {
    let values = json!({
        "ingressClass": {"create": false, "lookup": false},
        "watch": {"namespaces": ["team-a", "team-b"]},
        "secrets": {"access": "names", "names": {"team-a": ["tls"]}},
    });
    assert!(!helm("team", &values, "templates/rbac.yaml").contains("kind: ClusterRole"));
    let release = Release::install("team", values);
    let mut first = release.site("team-a", "a.team.example", "tls");
    release.shows(&first);
    release.rotates(&mut first);
    release.reports(&first);
    let account = release.end();
    assert_eq!(account.denied(), []);
    assert_eq!(account.secrets(), [secret("team-a", "tls")]);
    assert_eq!(account.verbs(), ["get", "watch"].map(str::to_owned).into());
}

/// The authority of clients, a certificate that it has signed as `openssl x509 -req` does, and its key.
const CLIENTS: &str = include_str!("../../src/model/fixtures/clients-ca.crt");
const CLIENT: (&str, &str) = (
    concat!(env!("CARGO_MANIFEST_DIR"), "/../src/model/fixtures/client-v1.crt"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../src/model/fixtures/client-v1.key"),
);

/// The status that curl gets, with a certificate or without.
fn curl(release: &Release, host: &str, certificate: Option<(&str, &str)>) -> u16 {
    let mut curl = Command::new("curl");
    curl.args(["-sk", "--noproxy", "*", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}"]);
    curl.arg("--connect-to").arg(format!("::{}", release.server.https)).arg(format!("https://{host}/"));
    if let Some((certificate, key)) = certificate {
        curl.args(["--cert", certificate, "--key", key]);
    }
    String::from_utf8(curl.output().expect("curl runs").stdout).unwrap().parse().expect("a status")
}

#[test]
fn nginx_x1_authorities_of_clients_are_read_with_the_rights_of_the_chart_and_followed() {
    for (name, access) in [
        ("clients-all", json!({"access": "cluster"})),
        ("clients-some", json!({"access": "namespaces", "namespaces": ["clients-some-a"]})),
        ("clients-names", json!({"access": "names", "names": {"clients-names-a": ["tls", "clients"]}})),
    ] {
        let release = Release::install(name, json!({"secrets": access}));
        let (namespace, host) = (format!("{name}-a"), format!("a.{name}.example"));
        let site = release.site(&namespace, &host, "tls");
        let mut object = tls_ingress(&namespace, "tls", name, &host, "tls");
        let prefix = "nginx.ingress.kubernetes.io";
        object["metadata"]["annotations"] =
            json!({format!("{prefix}/auth-tls-secret"): format!("{namespace}/clients")});
        API.apply_all(vec![object]);
        let wait = |what: &str, status: u16, certificate| {
            eventually(what, || (curl(&release, &host, certificate) == status).then_some(()));
        };
        wait("there are no authorities yet", 403, Some(CLIENT));
        let clients = |data: Value| {
            let metadata = json!({"name": "clients", "namespace": namespace});
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "stringData": data})
        };
        API.apply_all(vec![clients(json!({"ca.crt": CLIENTS}))]);
        wait("who has a certificate is served", 200, Some(CLIENT));
        assert_eq!(curl(&release, &host, None), 400, "{name}");
        let revoked = include_str!("../../src/model/fixtures/clients-revoked.crl");
        API.apply_all(vec![clients(json!({"ca.crt": CLIENTS, "ca.crl": revoked}))]);
        wait("the certificate is revoked", 400, Some(CLIENT));
        release.shows(&site);
        assert_eq!(release.end().denied(), [], "{name}");
    }
}
