use super::*;
use crate::model::{
    Canary, CanaryRule, EndpointPort, PortRef, Protocol, Split, UpstreamKey, UpstreamSpec, WeightedBackend,
};

#[test]
fn a_split_shares_requests_by_weight_and_an_unusable_backend_keeps_its_share() {
    let upstream = |number| {
        let key = UpstreamKey {
            service: ObjectName::new("test", "web"),
            endpoint_port: EndpointPort::Fixed(number),
            protocol: Protocol::Http1,
        };
        Arc::new(UpstreamSpec { key, port: PortRef::Number(number), for_https: None })
    };
    let split = |weights: [u32; 4]| {
        let [one, two, three, four] = weights;
        let backends = [
            WeightedBackend { weight: one, upstream: Ok(upstream(1)) },
            WeightedBackend { weight: two, upstream: Err(Reply::BackendUnavailable) },
            WeightedBackend { weight: three, upstream: Ok(upstream(3)) },
            WeightedBackend { weight: four, upstream: Ok(upstream(4)) },
        ];
        RouteSpec { action: Action::Split(Arc::new(Split { backends: backends.into() })), ..prefix("/", "split") }
    };
    // Targets are the actions.
    let table = |route| RouteTable::compile(&snapshot([host("a.com", vec![route])]), &mut |spec| spec.action.clone());
    let counts = |table: &RouteTable<Action>| {
        let found = table.find(Some("a.com"), "/", &|_| true, &mut String::new()).unwrap();
        let mut counts = [0; 4];
        for step in 0..1000_u64 {
            let draw = Draw { random: &|| step * (u64::MAX / 1000 + 1), asks: &|_| None, lives: &|_| true };
            match &found.route.unwrap().choose(&draw).target {
                Action::Forward(upstream) => {
                    let PortRef::Number(number) = upstream.port else { panic!("{upstream:?}") };
                    counts[usize::from(number) - 1] += 1;
                }
                Action::Reply(reply) => {
                    assert_eq!(*reply, Reply::BackendUnavailable);
                    counts[1] += 1;
                }
                Action::Split(_) | Action::Canary(_) => return None,
            }
        }
        Some(counts)
    };
    assert_eq!(counts(&table(split([5, 3, 0, 2]))), Some([500, 300, 0, 200]));
    assert_eq!(counts(&table(split([0, 0, u32::MAX, 0]))), Some([0, 0, 1000, 0]));
    assert_eq!(counts(&table(split([0; 4]))), None, "nobody gets it");
}

#[test]
fn nginx_f3_f8_a_canary_gets_what_asks_for_it_and_its_share_of_the_others_while_it_lives() {
    let rule = |weight| CanaryRule { weight, total: 1000, ..CanaryRule::default() };
    let (main, canary) = (Err(Reply::NotFound), Err(Reply::BackendUnavailable));
    for (weight, asked, lives, expected) in [
        (0, None, true, 0),
        (250, None, true, 250),
        (1000, None, true, 1000),
        (1000, None, false, 0),
        (0, Some(true), true, 1000),
        (0, Some(true), false, 0),
        (1000, Some(false), true, 0),
    ] {
        let action =
            Action::Canary(Arc::new(Canary { main: main.clone(), canary: canary.clone(), rule: rule(weight) }));
        let route = RouteSpec { action, ..prefix("/", "canary") };
        let table = RouteTable::compile(&snapshot([host("a.com", vec![route])]), &mut |spec| spec.action.clone());
        let found = table.find(Some("a.com"), "/", &|_| true, &mut String::new()).unwrap().route.unwrap();
        let is_canary = |step: u64| {
            let random = || step * (u64::MAX / 1000 + 1);
            let draw = Draw { random: &random, asks: &|_| asked, lives: &|_| lives };
            found.choose(&draw).target == Action::Reply(Reply::BackendUnavailable)
        };
        let count = (0..1000).filter(|step| is_canary(*step)).count();
        assert_eq!(count, expected, "{weight} {asked:?} {lives}");
        assert_eq!(found.shares().count(), 2);
    }
}
