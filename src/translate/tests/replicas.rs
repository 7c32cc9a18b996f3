//! The replicas of the installation: their number, the limits that are divided among them, and the keys that they share.

use crate::model::{ObjectKind, ObjectName, ObjectRef, PodMark, SharedKeys, UnitKey};
use crate::source::objects::{Change, ConfigMap, Secret, SecretFault, Service, SliceEndpoint};
use crate::translate::Settings;

use super::builders::*;

const MAXCONN: &str = "haproxy.org/pod-maxconn";

fn settings() -> Settings {
    Settings {
        now: NOW,
        self_service: Some(ObjectName::new("edge", "tidegate")),
        shared_keys: Some(ObjectName::new("edge", "keys")),
        ..Settings::default()
    }
}

/// The replicas with these last numbers of addresses, all but the first of which are ready.
fn replicas(last: &[u8]) -> Change {
    let endpoints: Vec<_> = last
        .iter()
        .enumerate()
        .map(|(at, last)| SliceEndpoint {
            is_ready: at > 0,
            pod: PodMark::of(&format!("tidegate-{last}"), "uid"),
            ..ready(&format!("10.0.1.{last}"))
        })
        .collect();
    let mut slice = slice("own", "tidegate", &endpoints);
    slice.name = ObjectName::new("edge", "own");
    slice.pods = last.iter().map(|last| format!("tidegate-{last}").into()).collect();
    of_slice(slice)
}

fn limit(world: &World, host: &str) -> Option<u32> {
    world.host(host).routes[0].policy.endpoint_requests.map(u32::from)
}

#[test]
fn limits_of_all_replicas_are_divided_and_only_their_hosts_are_translated_again() {
    let on_ingress = ingress("x").rule("a.example", &[prefix("/", "a")]).annotate(MAXCONN, "30").change();
    let on_service =
        of_service(Service { annotations: [(MAXCONN.into(), "10".into())].into_iter().collect(), ..service("b") });
    let of_each = ingress("z").rule("c.example", &[prefix("/", "c")]);
    let mut world = world_with(
        settings(),
        [
            on_ingress,
            on_service,
            ingress("y").rule("b.example", &[prefix("/", "b")]).change(),
            of_each.annotate("tidegate.dev/max-requests-per-endpoint", "8").change(),
        ],
    );
    let limits = |world: &World| ["a.example", "b.example", "c.example"].map(|host| limit(world, host).unwrap());
    assert_eq!(limits(&world), [30, 10, 8], "nobody is ready yet: that is this process");
    for (last, expected) in [(&[1, 2, 3][..], [15, 5, 8]), (&[1, 2, 3, 4], [10, 3, 8]), (&[1, 2], [30, 10, 8])] {
        let units = world.apply([replicas(last)]);
        assert_eq!(limits(&world), expected);
        let is_of =
            |host: &str| units.iter().any(|key| matches!(key, UnitKey::Host(key) if key.pattern == pattern(host)));
        assert!(is_of("a.example") && is_of("b.example") && !is_of("c.example"), "{units:?}");
        let names: Vec<_> = world.input.replicas().iter().map(|replica| replica.pod.to_string()).collect();
        assert_eq!(names.len(), last.len() - 1);
        assert!(names.contains(&"tidegate-2".to_owned()));
        // The same number again: other pods, and nothing is translated.
        let units = world.apply([replicas(&[&last[..last.len() - 1], &[9]].concat())]);
        assert!(!units.iter().any(|key| matches!(key, UnitKey::Host(_))), "{units:?}");
        world.apply([replicas(last)]);
    }
    let own = ObjectRef::new(ObjectKind::EndpointSlice, ObjectName::new("edge", "own"));
    world.apply([Change::removal(own)]);
    assert_eq!(limits(&world), [30, 10, 8]);
}

#[test]
fn a_limit_of_the_config_map_is_divided_too() {
    let map = |limit: &str| {
        Change::arrival(ConfigMap {
            name: ObjectName::new("edge", "haproxy"),
            data: [("pod-maxconn".into(), limit.into())].into(),
            is_too_large: false,
        })
    };
    let settings = Settings { haproxy_config_map: Some(ObjectName::new("edge", "haproxy")), ..settings() };
    let mut world = world_with(settings, [map("30"), ingress("x").rule("a.example", &[prefix("/", "a")]).change()]);
    assert_eq!(limit(&world, "a.example"), Some(30));
    world.apply([replicas(&[1, 2, 3])]);
    assert_eq!(limit(&world, "a.example"), Some(15));
    world.apply([map("8")]);
    assert_eq!(limit(&world, "a.example"), Some(4));
}

fn keys(of: &str, entries: &[(&str, usize)]) -> Change {
    let entries: Vec<_> = entries.iter().map(|(name, length)| (*name, vec![7; *length])).collect();
    Change::arrival(Secret {
        name: ObjectName::new("edge", of),
        certificate: Err(SecretFault::Type("Opaque".into())),
        last_good: None,
        authorities: None,
        lone_chain: None,
        clients: None,
        users: None,
        shared: Some(SharedKeys::parse(entries.iter().map(|(name, bytes)| (*name, &bytes[..])))),
    })
}

#[test]
fn a_secret_without_keys_is_told_and_those_of_others_are_dropped() {
    let mut world = world_with(settings(), []);
    let shared = |world: &World| crate::translate::shared_keys(&world.input).map(|keys| keys.len());
    assert_eq!(world.problems(), ["SecretNotFound Secret edge/keys --shared-keys"]);
    assert_eq!(shared(&world), Some(0));
    world.apply([keys("keys", &[("a", 32), ("b", 64)])]);
    assert_eq!((world.problems().len(), shared(&world)), (0, Some(2)));
    world.apply([keys("keys", &[("a", 31)])]);
    assert_eq!(world.problems(), ["InvalidSecret Secret edge/keys --shared-keys"]);
    assert_eq!(shared(&world), None, "those of before stay in use");
    world.apply([Change::removal(ObjectRef::new(ObjectKind::Secret, ObjectName::new("edge", "keys")))]);
    assert_eq!(shared(&world), Some(0));
    assert!(world.input.follows(&ObjectRef::new(ObjectKind::Secret, ObjectName::new("edge", "keys"))));
    let reduced = |mut change: Change| {
        world.input.reduce(&mut change);
        format!("{:?}", change.current().unwrap())
    };
    assert!(reduced(keys("keys", &[("a", 32)])).contains("SharedKeys(1)"));
    assert!(reduced(keys("other", &[("a", 32)])).contains("shared: None"));
    assert!(reduced(replicas(&[1, 2])).contains("tidegate-2"));
    let mut other = slice("s", "a", &[ready("10.0.0.1")]);
    other.pods = ["web-1".into()].into();
    assert!(!reduced(of_slice(other)).contains("web-1"));
}
