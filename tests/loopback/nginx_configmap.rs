//! ingress-nginx's own ConfigMap, followed while requests are served. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::{Manifests, Message, Pod, Tidegate, eventually, get};

const OPTION: [&str; 2] = ["--nginx-configmap", "edge/nginx"];

fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "edge"}, "data": data})
}

/// `a.example` has no annotations, `b.example` these. The pod is `web`, and `auth` is another one.
fn manifests(pod: &Pod, auth: &Pod, annotations: Value, data: Value) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    Manifests::new()
        .service("web", &[pod.address])
        .service("auth", &[auth.address])
        .ingress("a", Some("a.example"), &paths)
        .ingress_with("b", Some("b.example"), &paths, annotations, json!([]))
        .object(config_map("nginx", data))
        .object(config_map("for-clients", json!({"X-Clients": "$host"})))
        .object(config_map("for-pods", json!({"X-Pods": "$request_method"})))
}

fn post(server: &Tidegate, host: &str, bytes: usize) -> u16 {
    let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n");
    server.ask([head.as_bytes(), &vec![b'x'; bytes]].concat()).status()
}

fn ask(server: &Tidegate, fields: &str) -> Message {
    server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"))
}

#[test]
fn a_change_of_the_config_map_counts_at_once_and_annotations_win() {
    let pod = Pod::named("web");
    let own = json!({"nginx.ingress.kubernetes.io/proxy-body-size": "1k"});
    let with = |data: Value| manifests(&pod, &pod, own.clone(), data);
    let server = Tidegate::serve_with(&with(json!({"proxy-body-size": "10"})), &OPTION);
    assert_eq!((post(&server, "a.example", 100), post(&server, "b.example", 100)), (413, 200));
    server.replace(&with(json!({"proxy-body-size": "200"})));
    eventually("the new limit", || (post(&server, "a.example", 100) == 200).then_some(()));
    assert_eq!((post(&server, "a.example", 300), post(&server, "b.example", 300)), (413, 200));
    server.replace(&with(json!({})));
    eventually("no limit", || (post(&server, "a.example", 300) == 200).then_some(()));
}

#[test]
fn an_option_that_is_given_wins_over_the_config_map() {
    let pod = Pod::named("web");
    let manifests = manifests(&pod, &pod, json!({}), json!({"proxy-body-size": "10"}));
    let server = Tidegate::serve_with(&manifests, &[&OPTION[..], &["--max-body-bytes", "1KiB"]].concat());
    assert_eq!((post(&server, "a.example", 100), post(&server, "a.example", 2000)), (200, 413));
}

#[test]
fn fields_are_added_and_hidden_for_all() {
    let pod = Pod::answering("HTTP/1.1 200 OK\r\nX-Powered-By: php\r\nX-Clients: pod\r\nContent-Length: 0\r\n\r\n");
    let data = json!({
        "add-headers": "edge/for-clients",
        "proxy-set-headers": "edge/for-pods",
        "hide-headers": "X-Powered-By",
    });
    let server = Tidegate::serve_with(&manifests(&pod, &pod, json!({}), data), &OPTION);
    let answer = ask(&server, "X-Pods: evil\r\n");
    assert_eq!((answer.all("x-clients"), answer.field("x-powered-by")), (vec!["a.example"], None));
    assert_eq!(pod.only_request().all("x-pods"), ["GET"]);
}

#[test]
fn who_is_blocked_gets_403_and_what_cannot_be_read_closes() {
    let pod = Pod::named("web");
    let with = |data: Value| manifests(&pod, &pod, json!({}), data);
    let server = Tidegate::serve_with(&with(json!({"block-user-agents": "BadBot,~*curl"})), &OPTION);
    for (agent, expected) in [("badbot", 403), ("badbot/1", 200), ("my Curl/8", 403), ("browser", 200)] {
        assert_eq!(ask(&server, &format!("User-Agent: {agent}\r\n")).status(), expected, "{agent}");
    }
    for (data, expected) in [
        (json!({"block-cidrs": "192.0.2.0/24,127.0.0.0/8"}), 403),
        (json!({"block-cidrs": "192.0.2.0/24"}), 200),
        (json!({"block-cidrs": "192.0.2.0/33"}), 503),
        (json!({"whitelist-source-range": "192.0.2.1"}), 403),
        (json!({"whitelist-source-range": "nonsense"}), 503),
        (json!({"block-referers": "~(", "proxy-body-size": "?"}), 503),
        (json!({"proxy-body-size": "?", "no-such-key": "1"}), 200),
    ] {
        server.replace(&with(data.clone()));
        eventually("the change counts", || (ask(&server, "").status() == expected).then_some(()));
    }
}

#[test]
fn nginx_i8_global_auth_asks_for_all_but_those_that_opt_out_and_open_paths() {
    let pod = Pod::named("web");
    let auth = Pod::answering("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    let url = "http://auth.test.svc.cluster.local/check";
    let opted_out = json!({"nginx.ingress.kubernetes.io/enable-global-auth": "false"});
    let open = [("/.well-known/acme-challenge", "Prefix", "web"), ("/open", "Prefix", "web")];
    let with = |data: Value| manifests(&pod, &auth, opted_out.clone(), data).ingress("c", Some("a.example"), &open);
    let server = Tidegate::serve_with(&with(json!({"global-auth-url": url})), &OPTION);
    let status = |host: &str, target: &str| server.ask(get(host, target)).status();
    assert_eq!((status("a.example", "/"), status("b.example", "/")), (401, 200));
    assert_eq!(auth.only_request().start, "GET /check HTTP/1.1");
    assert_eq!((status("a.example", "/.well-known/acme-challenge/x"), status("a.example", "/open")), (200, 401));
    server.replace(&with(json!({"global-auth-url": url, "no-auth-locations": "/open"})));
    eventually("the other path is open", || (status("a.example", "/open") == 200).then_some(()));
    assert_eq!((status("a.example", "/.well-known/acme-challenge/x"), status("a.example", "/")), (401, 401));
    server.replace(&with(json!({"global-auth-url": "nonsense"})));
    eventually("nobody is served", || (status("a.example", "/") == 503).then_some(()));
    assert_eq!(status("b.example", "/"), 200);
}

#[test]
fn nginx_n6_forwarded_fields_are_believed_as_the_config_map_says() {
    let pod = Pod::named("web");
    let with = |data: Value| manifests(&pod, &pod, json!({}), data);
    let server = Tidegate::serve_with(&with(json!({})), &OPTION);
    let fields = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n";
    let told = || {
        assert_eq!(ask(&server, fields).status(), 200);
        let requests = pod.requests();
        let last = requests.last().expect("a request");
        (last.field("x-real-ip").unwrap_or_default().to_owned(), last.field("x-forwarded-proto") == Some("https"))
    };
    let of_client = ("127.0.0.1".to_owned(), false);
    assert_eq!(told(), of_client);
    server.replace(&with(json!({"use-forwarded-headers": "true"})));
    eventually("peers with private addresses are believed", || {
        (told() == ("192.0.2.7".to_owned(), true)).then_some(())
    });
    server.replace(&with(json!({"use-forwarded-headers": "true", "proxy-real-ip-cidr": "10.0.0.0/8"})));
    eventually("others are believed", || (told() == of_client).then_some(()));
    server.replace(&with(json!({"use-forwarded-headers": "true", "proxy-real-ip-cidr": "127.0.0.0/8"})));
    eventually("we are believed", || (told() == ("192.0.2.7".to_owned(), true)).then_some(()));
    server.replace(&with(json!({"use-forwarded-headers": "true", "proxy-real-ip-cidr": "nonsense"})));
    eventually("nobody is believed", || (told() == of_client).then_some(()));
}

#[test]
fn nginx_n1_n10_statuses_of_redirects_and_limits_are_those_of_the_config_map() {
    let pod = Pod::named("web");
    let limited = json!({"nginx.ingress.kubernetes.io/limit-rpm": "1", "nginx.ingress.kubernetes.io/limit-burst-multiplier": "1",
                         "nginx.ingress.kubernetes.io/force-ssl-redirect": "false"});
    let data = json!({"limit-req-status-code": "429", "http-redirect-code": "301"});
    let server = Tidegate::serve_with(&manifests(&pod, &pod, limited, data.clone()), &OPTION);
    let statuses: Vec<_> = (0..3).map(|_| server.ask(get("b.example", "/")).status()).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let mut data = data;
    data["force-ssl-redirect"] = json!("true");
    server.replace(&manifests(&pod, &pod, json!({}), data));
    eventually("it redirects", || (ask(&server, "").status() == 301).then_some(()));
}
