//! Pods whose certificate is verified. No object asks for it yet, so the upstream is given it here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidegate::lifecycle::{Drain, Phase};
use tidegate::model::{
    Action, CaBundle, HostSpec, Hostname, NameCheck, PodTls, Protocol, Reply, RouteSpec, Snapshot, TlsHttp,
    UpstreamKey, UpstreamSpec, Verification,
};
use tidegate::observe::{AccessLog, AccessLogFormat, Metrics};
use tidegate::password::Passwords;
use tidegate::proxy::listener::{self, ListenerProtocol};
use tidegate::proxy::{
    self, AuthMemory, Connections, Handover, Heartbeats, Inspector, Ledger, Limiter, Ports, ProxyConfig, Shared,
};
use tidegate::routing::RouteTable;
use tidegate::source::manifests;
use tidegate::translate::{self, Input, Settings};
use tidegate::upstream::{Backend, Destination, Registry, Target};

use crate::support::{Asked, Authority, Client, Manifests, Message, Pod, Speech, TlsPod, get};

fn bundle(authority: &Authority) -> Verification {
    Verification::Ca {
        authorities: Arc::new(CaBundle::parse(authority.pem.as_bytes()).unwrap()),
        depth: 1,
        name: NameCheck::Asked,
    }
}

/// Asks a proxy of one route once, whose upstream is given `tls`. Gives also its metrics.
fn ask(pods: &[SocketAddr], tls: &PodTls) -> (Message, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("objects.json");
    std::fs::write(&file, Manifests::everything_to_speaking("https", pods).to_json()).unwrap();
    let mut input = Input::new(Settings { allow_loopback: true, ..Settings::default() });
    for change in manifests::load(&file).unwrap().changes {
        input.apply(change);
    }
    let snapshot = with_tls(translate::snapshot(&input).0, tls);

    let (metrics, drain) = (Arc::new(Metrics::new()), Drain::new());
    let registry = Registry::new(Arc::clone(&metrics));
    let mut resolve = |route: &RouteSpec| {
        let Action::Forward(spec) = &route.action else {
            let metrics = metrics.route(route.origin.label(), "");
            return Target { destination: Destination::Reply(Reply::NotFound), metrics, detail: None, besides: None };
        };
        let (backend, _) = registry.get_or_create(spec);
        let Backend { upstream, .. } = &backend;
        upstream.set_endpoints(translate::endpoints(&input, upstream.key()));
        let metrics = metrics.route(route.origin.label(), Arc::clone(&spec.key.service.name));
        Target { destination: Destination::Forward(backend), metrics, detail: None, besides: None }
    };
    let table = Arc::new(tidegate::routing::TableCell::new(Arc::new(RouteTable::compile(&snapshot, &mut resolve))));
    let log = AccessLog::start(AccessLogFormat::Off, Box::new(std::io::sink()), &metrics).unwrap();
    let sockets = listener::bind("127.0.0.1:0".parse().unwrap(), 1, Duration::from_secs(60)).unwrap();
    let address = sockets[0].local_addr().unwrap();
    let sockets = sockets.into_iter().map(|socket| (socket, ListenerProtocol::Http)).collect();
    let shared = Shared {
        config: Arc::new(ProxyConfig::default()),
        table,
        metrics: Arc::clone(&metrics),
        drain: drain.watch(),
        connections: Connections::default(),
        pod_connections: Connections::default(),
        ledger: Ledger::default(),
        handover: Handover::default(),
        inspector: Inspector::default(),
        heartbeats: Heartbeats::default(),
        limiter: Limiter::default(),
        auth_memory: AuthMemory::default(),
        passwords: Passwords::default(),
        ports: Ports::default(),
    };
    let (shard_log, retirements) = (log.shard(), registry.retirements());
    let serving = std::thread::spawn(move || proxy::run(shared, shard_log, sockets, retirements));
    let answer = Client::connect(address).ask(get("a.example", "/"));
    let counted = metrics.render();
    drain.advance(Phase::Aborting);
    serving.join().unwrap().unwrap();
    (answer, counted)
}

/// The snapshot with another identity of all upstreams.
fn with_tls(mut snapshot: Snapshot, tls: &PodTls) -> Snapshot {
    for host in snapshot.hosts.values_mut() {
        let HostSpec { routes, .. } = &**host;
        let routes = routes.iter().map(|route| {
            let Action::Forward(spec) = &route.action else { return Arc::clone(route) };
            let key = UpstreamKey { protocol: Protocol::Tls(Arc::new(tls.clone())), ..spec.key.clone() };
            let action = Action::Forward(Arc::new(UpstreamSpec { key, port: spec.port.clone(), for_https: None }));
            Arc::new(RouteSpec { action, ..RouteSpec::clone(route) })
        });
        *host = Arc::new(HostSpec { routes: routes.collect(), ..HostSpec::clone(host) });
    }
    snapshot
}

fn tls(server_name: Option<&str>, verification: Verification) -> PodTls {
    let server_name = server_name.map(|name| Hostname::parse(name).unwrap());
    PodTls { server_name, verification, ..PodTls::unverified(TlsHttp::Negotiated) }
}

#[test]
fn a_pod_is_served_from_if_its_certificate_is_of_the_right_authority_and_name() {
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let pod = Pod::named("one");
    let shown = |certificate| TlsPod::before(pod.address, Speech { certificate, ..Speech::of(&["http/1.1"]) });
    let named = shown(right.sign("pod.example", -1..1));
    for (server_name, verification, expected) in [
        (Some("pod.example"), bundle(&right), Ok(())),
        (
            Some("pod.example"),
            bundle(&wrong),
            Err("the backend's certificate is not signed by an authority that is trusted for it"),
        ),
        (Some("other.example"), bundle(&right), Err("the backend's certificate is for another name")),
        (None, bundle(&right), Err("the backend's certificate is for another name")),
        (Some("other.example"), Verification::Unverified, Ok(())),
    ] {
        let (answer, metrics) = ask(&[named.address], &tls(server_name, verification));
        let text = answer.text();
        match expected {
            Ok(()) => assert_eq!((answer.status(), text.as_str()), (200, "one"), "{server_name:?}"),
            Err(why) => {
                assert_eq!(answer.status(), 502, "{text}");
                assert!(text.contains(why), "{why}: {text}");
                assert!(metrics.contains("result=\"certificate\"} 1\n"), "{metrics}");
            }
        }
        let asked = named.hellos().pop().unwrap();
        let protocols = ["h2", "http/1.1"].map(str::to_owned).to_vec();
        assert_eq!(asked, Asked { name: server_name.map(str::to_owned), protocols }, "the name is asked for");
    }
    // Without a name the address counts.
    let by_address = shown(right.sign("127.0.0.1", -1..1));
    assert_eq!(ask(&[by_address.address], &tls(None, bundle(&right))).0.text(), "one");
    assert_eq!(by_address.hellos()[0].name, None);
}

#[test]
fn a_certificate_that_is_not_valid_now_is_told_as_such() {
    let authority = Authority::new("right");
    let pod = Pod::named("one");
    for (days, why) in
        [(-2..-1, "the backend's certificate has expired"), (1..2, "the backend's certificate is not valid yet")]
    {
        let certificate = authority.sign("pod.example", days);
        let shown = TlsPod::before(pod.address, Speech { certificate, ..Speech::of(&["http/1.1"]) });
        let (answer, _) = ask(&[shown.address], &tls(Some("pod.example"), bundle(&authority)));
        assert_eq!(answer.status(), 502);
        assert!(answer.text().contains(why), "{}", answer.text());
        let (answer, _) = ask(&[shown.address], &tls(Some("pod.example"), Verification::Unverified));
        assert_eq!(answer.text(), "one", "nobody looks");
    }
}

#[test]
fn another_pod_is_asked_if_the_certificate_of_one_is_refused() {
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let pod = Pod::named("one");
    let shown = |authority: &Authority| {
        let certificate = authority.sign("pod.example", -1..1);
        TlsPod::before(pod.address, Speech { certificate, ..Speech::of(&["http/1.1"]) })
    };
    let pods = [shown(&wrong), shown(&right)];
    let addresses = pods.each_ref().map(|pod| pod.address);
    let (answer, _) = ask(&addresses, &tls(Some("pod.example"), bundle(&right)));
    assert_eq!(answer.text(), "one");
}
