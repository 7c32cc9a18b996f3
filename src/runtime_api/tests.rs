use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::{any, proptest};
use serde_json::Value as Json;

use super::caller::Caller;
use super::data_plane::{Replacement, not_here};
use super::order::{self, Order};
use super::place::Place;
use super::query;
use crate::observe::TallyNumbers;
use crate::stats::{ActFailure, Action, Backend, ProcessFacts, Scope, Server, Source, Standing, Stats};

/// The methods of each path of the description.
fn described() -> BTreeMap<String, Vec<String>> {
    let document: Json = serde_json::from_str(super::OPENAPI).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods =
        |operations: &Json| operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
    paths.iter().map(|(path, operations)| (path.clone(), methods(operations))).collect()
}

#[test]
fn the_description_has_the_methods_that_there_are() {
    for (path, methods) in described() {
        let place = Place::find(&path.replace(['{', '}'], "")).unwrap_or_else(|_| panic!("{path}"));
        let Some(allowed) = place.methods() else {
            assert_eq!(methods, ["GET"], "{path}");
            continue;
        };
        let mut allowed: Vec<_> = allowed.split(", ").collect();
        allowed.sort_unstable();
        let mut methods = methods;
        methods.sort_unstable();
        assert_eq!(methods, allowed, "{path}");
    }
}

#[tokio::test]
async fn failures_of_actions_have_a_status_and_say_why() {
    let server = Server {
        address: ([10, 0, 0, 1], 80).into(),
        id: 1,
        requests: TallyNumbers::default(),
        standing: Standing::Unchecked,
        is_commanded: false,
        weight: 100,
        initial_weight: 100,
        check: None,
    };
    let backend =
        Backend { name: "web".into(), id: 4, requests: TallyNumbers::default(), waiting: 0, servers: vec![server] };
    let stats = Stats { frontends: Vec::new(), backends: vec![backend] };
    for (failure, status, detail) in [
        (ActFailure::Gone, 404, "the upstream has no endpoint \"10.0.0.1:80\""),
        (ActFailure::Conflict("nothing was changed: x".into()), 409, "nothing was changed: x"),
        (ActFailure::Refused("nothing was changed: y".into()), 502, "nothing was changed: y"),
        (ActFailure::Late("z".into()), 504, "z"),
    ] {
        let source = Source {
            rows: Arc::new(Stats::default),
            info: Arc::new(ProcessFacts::default),
            scope: Scope::AllReplicas,
            act: Arc::new(move |_, _, _| {
                let failure = failure.clone();
                Box::pin(async { Err(failure) })
            }),
            forget: Arc::new(|_| {}),
            sessions: Arc::new(|_| Box::pin(async { Vec::new() })),
        };
        let caller = Caller { user: "ops".into(), client: [127, 0, 0, 1].into(), is_admin: true };
        let name = "10.0.0.1:80";
        let addressee = order::addressee(&stats, "web", name).unwrap();
        let problem = order::obey(&source, caller, (addressee, name), vec![Action::Drain]).await.unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.detail.as_str()), (status, detail));
    }
    assert!(order::addressee(&stats, "web", "x").is_err() && order::addressee(&stats, "x", "10.0.0.1:80").is_err());
}

#[test]
fn every_place_is_described() {
    // One path of each; the match makes a new place fail to compile until it stands here.
    let paths = [
        "/openapi.json",
        "/v1/info",
        "/v1/listeners",
        "/v1/upstreams",
        "/v1/upstreams/{upstream}",
        "/v1/upstreams/{upstream}/endpoints/{endpoint}",
        "/v1/stats",
        "/v1/events",
        "/v3/info",
        "/v3/services/haproxy/runtime/backends/{backend}/servers",
        "/v3/services/haproxy/runtime/backends/{backend}/servers/{server}",
        "/v3/services/haproxy/stats/native",
        "/v3/services/haproxy/configuration/{section}",
    ];
    let number = |place: Place| match place {
        Place::OpenApi => 0,
        Place::Info => 1,
        Place::Listeners => 2,
        Place::Upstreams => 3,
        Place::Upstream(_) => 4,
        Place::Endpoint(..) => 5,
        Place::Stats => 6,
        Place::Events => 7,
        Place::DataPlaneInfo => 8,
        Place::Servers(_) => 9,
        Place::Server(..) => 10,
        Place::NativeStats => 11,
        Place::Configuration(_) => 12,
    };
    for (at, path) in paths.iter().enumerate() {
        assert_eq!(number(Place::find(path).unwrap()), at, "{path}");
    }
    assert_eq!(described().into_keys().collect::<Vec<_>>(), {
        let mut paths = paths.map(str::to_owned);
        paths.sort_unstable();
        paths
    });
}

proptest! {
    #[test]
    fn whatever_clients_send_is_read_or_refused(text in any::<String>(), path in "(/[a-z%0-9.:#]{0,9}){0,9}", body in any::<Vec<u8>>()) {
        let _ = Place::find(&text);
        if let Ok(Place::Configuration(parts)) = Place::find(&format!("/v3/services/haproxy/configuration{path}")) {
            assert_eq!(not_here(&parts).status, 501);
        }
        let _ = query::read(Some(&text), ["after", "limit"]);
        let _ = serde_json::from_slice::<Order>(&body);
        let number = format!("{{\"weight\": {}{}}}", body.len(), text.chars().filter(|c| "0123456789.eE+-".contains(*c)).collect::<String>());
        if let Ok(order) = serde_json::from_str::<Order>(&number) {
            assert!(order.actions().is_ok());
        }
        let _ = serde_json::from_str::<Replacement>(&text);
    }
}
