//! Logging in with a real browser: Chromium, oauth2-proxy and a provider of OpenID Connect, by the two Ingresses that oauth2-proxy's
//! documentation has for ingress-nginx.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod provider;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, Browser, Certificate, Kubernetes, Request, Tidegate, class, eventually, serve_names};

use provider::{CLIENT, USER};

const INGRESSES: &str = r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: app
  namespace: login
  annotations:
    nginx.ingress.kubernetes.io/auth-url: "https://$host/oauth2/auth"
    nginx.ingress.kubernetes.io/auth-signin: "https://$host/oauth2/start?rd=$escaped_request_uri"
    nginx.ingress.kubernetes.io/auth-response-headers: X-Auth-Request-User, X-Auth-Request-Email
spec:
  ingressClassName: nginx
  tls: [{hosts: [app.login.example], secretName: login}]
  rules:
    - host: app.login.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: oauth2-proxy, namespace: login}
spec:
  ingressClassName: nginx
  tls: [{hosts: [app.login.example], secretName: login}]
  rules:
    - host: app.login.example
      http: {paths: [{path: /oauth2, pathType: Prefix, backend: {service: {name: oauth2-proxy, port: {number: 4180}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: reports
  namespace: login
  annotations:
    nginx.ingress.kubernetes.io/auth-url: "http://oauth2-proxy.login.svc.cluster.local:4180/oauth2/auth"
    nginx.ingress.kubernetes.io/auth-signin: "https://app.login.example/oauth2/start?rd=$scheme://$host$request_uri"
    nginx.ingress.kubernetes.io/auth-response-headers: X-Auth-Request-User
spec:
  ingressClassName: nginx
  tls: [{hosts: [reports.login.example], secretName: login}]
  rules:
    - host: reports.login.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}
"#;

#[test]
fn a_browser_logs_in_by_oauth2_proxy_and_lands_where_it_wanted_to_go() {
    let api = ApiServer::start();
    let [pod, proxy, issuer, server, dns] = [(); 5].map(|()| api.pod_address());
    serve_pages(pod);
    let issuer = provider::start(issuer);
    start_proxy(&api, proxy, &issuer);
    api.apply_all(objects(pod, proxy));
    api.apply(INGRESSES);

    let folder = api.run().directory().join("login");
    let resolver = serve_names(dns, &folder, move |name| name.ends_with(".login.example").then_some(server));
    let (http, https) = (format!("--http={server}:80"), format!("--https={server}:443"));
    let class = ["--ingress-class", "nginx", "--controller-name", "k8s.io/ingress-nginx", "--profile", "ingress-nginx"];
    let _tidegate =
        Tidegate::follow_by_resolver(&api.kubeconfig(), &resolver, &[&class[..], &[&http, &https]].concat());

    let wanted = "https://app.login.example/orders?id=7&of=%C3%A4";
    let start = "https://app.login.example/oauth2/start?rd=%2Forders%3Fid%3D7%26of%3D%25C3%25A4";
    eventually("oauth2-proxy is asked", || {
        let request = Request::get("app.login.example", "/orders?id=7&of=%C3%A4");
        let answer = request.send_tls((server, 443).into()).ok()?;
        (answer.status == 302 && answer.field("location") == Some(start)).then_some(())
    });

    let browser = Browser::open(&format!("MAP *.login.example {server}"), &folder);
    browser.go(wanted);
    assert!(browser.url().starts_with(&issuer), "{}: {}", browser.url(), browser.text());
    let [user, password] = USER;
    for (password, is_right) in [("wrong", false), (password, true)] {
        browser.type_into("[name=user]", user);
        browser.type_into("[name=password]", password);
        browser.click("button");
        assert_eq!(browser.url().starts_with(&issuer), !is_right, "{}: {}", browser.url(), browser.text());
    }
    assert_eq!(browser.url(), wanted);
    let page = browser.text();
    assert!(page.contains("Welcome, ada") && page.contains("ada@login.example"), "{page}");
    assert!(page.contains("/orders?id=7&of=%C3%A4"), "{page}");
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("login.png");
    std::fs::write(&picture, browser.picture()).unwrap();
    eprintln!("the page that was wanted: {}", picture.display());

    // The other host knows the session, and has not asked for the address.
    browser.go("http://reports.login.example/all");
    let page = browser.text();
    assert_eq!(browser.url(), "https://reports.login.example/all");
    assert!(page.contains("Welcome, ada") && !page.contains('@'), "{page}");

    browser.go("https://app.login.example/oauth2/sign_out");
    browser.go("https://reports.login.example/all");
    assert!(browser.url().starts_with(&issuer), "{}: {}", browser.url(), browser.text());
}

fn start_proxy(api: &ApiServer, address: Ipv4Addr, issuer: &str) {
    let options = [
        format!("--http-address={address}:4180"),
        "--provider=oidc".into(),
        format!("--oidc-issuer-url={issuer}"),
        "--oidc-enabled-signing-alg=ES256".into(),
        format!("--client-id={CLIENT}"),
        "--client-secret=none".into(),
        "--redirect-url=https://app.login.example/oauth2/callback".into(),
        "--cookie-secret=0123456789abcdef0123456789abcdef".into(),
        "--cookie-domain=.login.example".into(),
        "--whitelist-domain=.login.example".into(),
        "--email-domain=*".into(),
        "--upstream=static://202".into(),
        "--skip-provider-button".into(),
        "--set-xauthrequest".into(),
        "--reverse-proxy".into(),
    ];
    api.run().spawn("oauth2-proxy", &Kubernetes::get().oauth2_proxy(), &options).unwrap();
}

/// A pod whose pages greet whom the fields of the request name.
fn serve_pages(address: Ipv4Addr) {
    let listener = TcpListener::bind((address, 8080)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that breaks off ends the thread.
            thread::spawn(move || page(&stream));
        }
    });
}

fn page(mut stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let (mut target, mut user, mut address) =
        (lines.next()?.split(' ').nth(1)?.to_owned(), String::new(), String::new());
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "x-auth-request-user" => user = value.trim().to_owned(),
            "x-auth-request-email" => address = value.trim().to_owned(),
            _ => {}
        }
    }
    target = target.replace('<', "&lt;");
    let text = format!(
        "<!doctype html><title>Shop</title><body style='font: 20px sans-serif; margin: 2em'>
         <h1>Welcome, {user}</h1><p>{address}<p>This is <code>{target}</code>."
    );
    let length = text.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &text).as_bytes()).ok()
}

/// The class, the certificate, and two Services with their EndpointSlices.
fn objects(pod: Ipv4Addr, proxy: Ipv4Addr) -> Vec<Value> {
    let certificate = Certificate::new(&["*.login.example"]).secret("login", "login");
    let mut objects = vec![class("nginx", "k8s.io/ingress-nginx"), certificate];
    for (name, address, port, target) in [("app", pod, 80, 8080), ("oauth2-proxy", proxy, 4180, 4180)] {
        objects.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "login", "name": name},
            "spec": {"ports": [{"name": "http", "port": port, "targetPort": target}]},
        }));
        objects.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "namespace": "login", "name": format!("{name}-1"), "labels": {"kubernetes.io/service-name": name},
            },
            "ports": [{"name": "http", "port": target, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        }));
    }
    objects
}
