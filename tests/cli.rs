//! The command line from outside: exit codes, and that wrong options cost one line.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn tidegate(line: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    // What leads to an API server where the tests run.
    command.env_remove("KUBECONFIG").env_remove("KUBERNETES_SERVICE_HOST");
    command.args(line).envs(environment.iter().copied()).output().expect("the binary runs")
}

fn assert_refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(said.starts_with("tidegate: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains(expected), "{said}");
}

#[test]
fn wrong_options_exit_with_2_and_one_line() {
    assert_refused(&tidegate(&["serve", "--manifests", ".", "--http", "nowhere"], &[]), "--http");
    assert_refused(&tidegate(&["serve", "--frobnicate"], &[]), "--frobnicate");
    assert_refused(&tidegate(&["--frobnicate"], &[]), "--frobnicate");
    assert_refused(&tidegate(&[], &[]), "serve, check, explain, migrate, get, socket or endpoint");
}

#[test]
fn serving_without_anything_to_read_says_what_is_needed() {
    let output = tidegate(&["serve"], &[("HOME", "/no/such/home")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("tidegate: there is nothing to serve: ") && said.lines().count() == 1, "{said}");
    assert_refused(&tidegate(&["check"], &[]), "--manifests DIR is needed");
}

#[test]
fn the_environment_counts_like_options() {
    let manifests = ("TIDEGATE_MANIFESTS", ".");
    assert_refused(&tidegate(&["serve"], &[manifests, ("TIDEGATE_HEAD_TIMEOUT", "0s")]), "--head-timeout");
    assert_refused(&tidegate(&["serve"], &[manifests, ("TIDEGATE_SSL_REDIRECT", "maybe")]), "--ssl-redirect");
    assert_refused(&tidegate(&["check"], &[("TIDEGATE_MANIFESTS", "no/such/place")]), "no such directory");
}

#[test]
fn help_and_version_exit_with_0() {
    for line in [
        &["--help"][..],
        &["serve", "--help"],
        &["check", "--help"],
        &["explain", "--help"],
        &["migrate", "--help"],
        &["endpoint", "--help"],
        &["endpoint", "weight", "--help"],
        &["--version"],
    ] {
        let output = tidegate(line, &[]);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{line:?}");
    }
}

#[test]
fn explain_exits_with_0_where_a_request_is_served_with_1_where_not_and_with_2_where_it_cannot_tell() {
    let explain = |url: &str, options: &[&str]| {
        let output = tidegate(&[&["explain", url], options].concat(), &[]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), output)
    };
    let site = &["--manifests", "tests/golden/site.in.yaml"];
    let (code, text, _) = explain("https://a.example/api/x", site);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("answer     forwarded") && text.contains("Ingress shop/shop"), "{text}");
    let (code, text, _) = explain("http://a.example/", site);
    assert!(code == Some(0) && text.contains("308 to https://a.example/"), "{text}");
    let (code, text, _) = explain("http://c.example/", site);
    assert!(code == Some(1) && text.contains("404 because"), "{text}");
    let ports = &["--manifests", "tests/golden/streams.in.yaml", "--tcp-services-configmap", "edge/tcp"];
    let (code, text, _) = explain("tcp://any:3306", ports);
    assert!(code == Some(0) && text.contains("Service shop/mysql port 3306"), "{text}");
    let (code, text, _) = explain("udp://any:53", ports);
    assert!(code == Some(1) && text.contains("no object opens the port"), "{text}");
    assert_refused(&explain("tcp://any", ports).2, "names no port");
    assert_refused(&explain("ftp://a.example/", site).2, "http://, https://, tcp:// or udp://");
    assert_refused(&explain("http://a.example/", &["-H", "none", site[0], site[1]]).2, "Name: value");
    assert_refused(&explain("http://a.example/", &["--manifests", "no/such/place"]).2, "no such directory");
    assert_refused(&explain("http://a.example/", &["--admin", "https://a/b"]).2, "--admin");
    assert_refused(&tidegate(&["explain"], &[]), "<URL>");
}

#[test]
fn get_exits_with_2_where_there_is_no_answer() {
    assert_refused(&tidegate(&["get", "https://a.example/"], &[]), "http://");
    assert_refused(&tidegate(&["get", "/readyz"], &[]), "http://");
    assert_refused(&tidegate(&["get", "http://127.0.0.1:1/readyz"], &[]), "no answer of 127.0.0.1:1");
    assert_refused(&tidegate(&["get"], &[]), "<URL>");
}

#[test]
fn endpoint_exits_with_2_where_nothing_can_be_written() {
    let home = [("HOME", "/no/such/home")];
    assert_refused(&tidegate(&["endpoint", "drain", "shop/web", "web-1"], &home), "no cluster: give --kubeconfig FILE");
    assert_refused(&tidegate(&["endpoint", "drain", "web", "web-1"], &[]), "expected NAMESPACE/NAME");
    assert_refused(&tidegate(&["endpoint", "weight", "257", "shop/web", "web-1"], &[]), "257 is not in 0..=256");
    assert_refused(&tidegate(&["endpoint", "drain", "shop/web"], &[]), "<POD|ADDRESS>");
    assert_refused(&tidegate(&["endpoint"], &[]), "(try");
}

/// Objects of which `web` has annotations of ingress-nginx, `own` one of ours and `plain` none.
const COMPARED: &str = r#"
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: tidegate}
spec: {controller: tidegate.dev/ingress-controller}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/limit-rps: "5"
    nginx.ingress.kubernetes.io/proxy-body-size: 8m
    nginx.ingress.kubernetes.io/server-alias: www.example
spec:
  ingressClassName: tidegate
  rules:
    - host: web.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: closed
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/whitelist-source-range: nonsense
    nginx.ingress.kubernetes.io/backend-protocol: HTTPS
    nginx.ingress.kubernetes.io/configuration-snippet: 'deny all;'
spec:
  ingressClassName: tidegate
  rules:
    - host: closed.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: plain
  namespace: shop
  annotations: {tidegate.dev/force-ssl-redirect: "true"}
spec:
  ingressClassName: tidegate
  rules:
    - host: plain.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}
"#;

#[test]
fn check_tells_what_other_dialects_change_for_each_ingress() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("all.yaml"), COMPARED).expect("it is writable");
    let compared = |options: &[&str]| {
        let manifests = folder.path().to_str().expect("it is UTF-8");
        let output = tidegate(&[&["check", "--manifests", manifests], options].concat(), &[]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, text) = compared(&["--compare-dialects", "tidegate"]);
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "Ingress shop/closed:",
        "  closed.example Prefix /: all requests are answered with 503, as rules cannot be honoured",
        "  closed.example Prefix /: adds address lists: clients are served or refused by their address",
        "  closed.example Prefix /: goes to shop/a:80 over https (not verified) instead of shop/a:80 over HTTP/1.1",
        "Ingress shop/web:",
        "  web.example Prefix /: adds limits: each client may ask for so much, and is refused beyond it",
        "  web.example Prefix /: longest body of a request: 8388608 bytes instead of no limit",
        "  www.example Prefix /: served from now on, by shop/a:80 over HTTP/1.1",
        "2 of 3 Ingresses change; 1 of their routes are answered with 503 now.",
    ] {
        assert!(text.lines().any(|of| of == line), "without {line}:\n{text}");
    }
    assert!(!text.contains("shop/plain"), "{text}");
    let (code, json) = compared(&["--compare-dialects", "tidegate.dev", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((code, &report["changed"], &report["of"]), (Some(1), &2.into(), &3.into()));
    assert_eq!(report["refusedRoutes"], 1);
    let web = &report["ingresses"][1];
    assert_eq!((&web["namespace"], &web["name"]), (&"shop".into(), &"web".into()));
    let limits = web["changes"].as_array().expect("a list").iter().find(|change| change["what"] == "limits");
    let limits = limits.expect("limits are added");
    assert_eq!((&limits["change"], &limits["from"]), (&"added".into(), &serde_json::Value::Null));
    assert!(limits["to"]["limits"].is_object(), "{limits}");
    // The other way round, and nothing at all.
    let nginx = "tidegate.dev,nginx.ingress.kubernetes.io";
    let (code, text) = compared(&["--compare-dialects", nginx, "--dialects", "tidegate.dev"]);
    assert!(code == Some(1) && text.contains("web.example Prefix /: removes limits"), "{text}");
    assert!(
        text.contains("requests are served again") && text.contains("www.example Prefix /: served no more"),
        "{text}"
    );
    let (code, text) = compared(&["--compare-dialects", nginx]);
    assert_eq!(
        (code, text.as_str()),
        (Some(0), "0 of 3 Ingresses change; 0 of their routes are answered with 503 now.\n")
    );
    assert_refused(
        &tidegate(&["check", "--manifests", ".", "--compare-dialects", "traefik"], &[]),
        "--compare-dialects",
    );
}

#[test]
fn check_writes_problems_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("all.yaml"), COMPARED).expect("it is writable");
    let manifests = folder.path().to_str().expect("it is UTF-8");
    let output = tidegate(&["check", "--manifests", manifests, "--output", "json"], &[]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let problems = report["problems"].as_array().expect("a list");
    let closed = problems.iter().find(|problem| problem["code"] == "InvalidAnnotation").expect("the list is told");
    assert_eq!(
        (output.status.code(), &closed["name"], &closed["severity"]),
        (Some(1), &"closed".into(), &"error".into())
    );
}

#[test]
fn check_tells_which_files_of_certificates_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let manifests = directory.path().join("manifests");
    std::fs::create_dir(&manifests).unwrap();
    let certificates = directory.path().join("certificates");
    std::fs::create_dir(&certificates).unwrap();
    let short = [include_str!("../src/model/fixtures/rsa1024.key"), include_str!("../src/model/fixtures/rsa1024.crt")];
    std::fs::write(certificates.join("short.pem"), short.concat()).unwrap();
    let whole = [include_str!("../src/model/fixtures/v1.key"), include_str!("../src/model/fixtures/v1.crt")];
    std::fs::write(certificates.join("good.pem"), whole.concat()).unwrap();
    std::fs::write(certificates.join("chain.pem"), whole[1]).unwrap();
    std::os::unix::fs::symlink("/no/such/file", certificates.join("link.pem")).unwrap();
    let (manifests, certificates) = (manifests.to_str().unwrap(), certificates.to_str().unwrap());
    let output = tidegate(&["check", "--manifests", manifests, "--certificate-dir", certificates], &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "error: File link.pem: file: InvalidCertificate: it does not exist. Make it a readable PEM file with a certificate and its key, or remove it.",
            "error: File chain.pem: content: InvalidCertificate: this file of --certificate-dir cannot be used: it holds no unencrypted PEM private key (PKCS#1, PKCS#8 or SEC1); no host is served with it. Put the certificate, those of its issuers and the unencrypted private key into this one file, as for HAProxy's crt.",
            "error: File short.pem: content: InvalidCertificate: this file of --certificate-dir cannot be used: the RSA key has 1024 bits, and clients refuse those with fewer than 2048; no host is served with it. Make a new key with 2048 bits or more, as by openssl genrsa 2048, and a certificate for it.",
        ]
    );
    assert_refused(&tidegate(&["explain", "http://a.example/", "--certificate-dir", certificates], &[]), "--manifests");
}

#[test]
fn check_says_when_no_ingress_is_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("all.yaml"), COMPARED).expect("it is writable");
    let manifests = folder.path().to_str().expect("it is UTF-8");
    let check = |more: &[&str]| {
        let output = tidegate(&[&["check", "--manifests", manifests], more].concat(), &[]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = check(&["--ingress-class", "other", "--controller-name", "other.example/controller"]);
    assert!(told.starts_with("note: none of ") && told.contains("--ingress-class"), "{told}");
    assert!(!check(&[]).contains("note:"));
}

#[test]
fn check_reads_the_config_map_of_ingress_nginx() {
    let folder = tempfile::tempdir().expect("a folder");
    let map =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: nginx, namespace: edge}\ndata: {proxy-bodysize: 1m}\n";
    std::fs::write(folder.path().join("all.yaml"), format!("{COMPARED}{map}")).expect("it is writable");
    let manifests = folder.path().to_str().expect("it is UTF-8");
    let output = tidegate(&["check", "--manifests", manifests, "--nginx-configmap", "edge/nginx"], &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("ConfigMap edge/nginx: data[\"proxy-bodysize\"]: UnknownKey"), "{text}");
    let compared = ["--nginx-configmap", "edge/nginx", "--compare-dialects", "tidegate"];
    let output = tidegate(&[&["check", "--manifests", manifests], &compared[..]].concat(), &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 of 3 Ingresses change"));
}

#[test]
fn check_reads_several_manifests_and_standard_input_as_one() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: tidegate}\nspec: {controller: tidegate.dev/ingress-controller}\n";
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n";
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {ingressClassName: tidegate, defaultBackend: {service: {name: web, port: {number: 81}}}}\n";
    let [class, service] = [("class.yaml", class), ("service.yaml", service)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is writable");
        path.to_str().expect("the path is text").to_owned()
    });
    let mut check = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["check", "--manifests", &class, "--manifests", &service, "--manifests", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    check.stdin.take().expect("it is piped").write_all(ingress.as_bytes()).expect("it is read");
    let output = check.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // Only with all three is it the port that is missing.
    assert!(said.contains("PortNotFound") && said.lines().count() == 1, "{said}");
    assert_eq!(output.status.code(), Some(1));
}
