//! ConfigMaps that annotations name: which of them are followed, and that a change of one reaches the routes.

use std::sync::Arc;

use super::builders::*;
use crate::model::{EditedName, Filter, ObjectKind, ObjectRef, Rules, UnitKey};
use crate::source::objects::Change;
use crate::translate::{Input, Settings, VisibleConfigMaps};

const HEADERS: &str = "nginx.ingress.kubernetes.io/custom-headers";

fn naming(text: &str, class: &str, map: &str) -> Change {
    ingress(text).class(Some(class)).rule("a.example", &[prefix("/", "a")]).annotate(HEADERS, map).change()
}

fn settings() -> Settings {
    let allowed = Arc::new([EditedName::parse("x-one").unwrap()].into());
    Settings { allowed_response_headers: allowed, ..Settings::default() }
}

fn followed(input: &Input) -> Vec<String> {
    input.followed().iter().map(ToString::to_string).collect()
}

/// What the first route of `a.example` does to answers; `None`: nobody is served.
fn fields(world: &World) -> Option<String> {
    let (snapshot, _) = crate::translate::snapshot(&world.input);
    let host = &snapshot.hosts[&pattern("a.example").into()];
    let filters = &host.routes[0].filters;
    let is_closed = |filter: &Filter| matches!(filter, Filter::Rules(rules) if matches!(**rules, Rules::Closed(_)));
    if filters.iter().any(is_closed) {
        return None;
    }
    let edits = filters.iter().find_map(|filter| match filter {
        Filter::ResponseFields(edits) => Some(edits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        _ => None,
    });
    Some(edits.unwrap_or_default())
}

#[test]
fn config_maps_are_followed_while_an_ingress_of_ours_names_them_and_may() {
    let changes = || {
        [naming("web", "tidegate", "headers"), naming("other", "nginx", "theirs"), naming("far", "tidegate", "zoo/x")]
    };
    let mut world = world_with(settings(), changes());
    assert_eq!(followed(&world.input), ["ConfigMap shop/headers"]);
    let invalidated = world.input.apply(naming("web", "tidegate", "others"));
    let both = ["headers", "others"].map(|map| ObjectRef::new(ObjectKind::ConfigMap, name(map)));
    assert_eq!(invalidated.named, both.into());
    assert_eq!(followed(&world.input), ["ConfigMap shop/others"]);
    world.input.apply(naming("web", "nginx", "others"));
    assert_eq!(followed(&world.input), [""; 0]);
    let across = world_with(Settings { config_maps_across_namespaces: true, ..settings() }, changes());
    assert_eq!(followed(&across.input), ["ConfigMap shop/headers", "ConfigMap zoo/x"]);
}

#[test]
fn a_change_of_a_config_map_reaches_the_routes_that_name_it_and_no_other() {
    let mut world = world_with(settings(), [naming("web", "tidegate", "headers")]);
    assert_eq!(fields(&world), None);
    let units = [UnitKey::Host(pattern("a.example").into())];
    for (data, expected) in [
        (&[("X-One", "1")][..], Some("x-one: 1")),
        (&[("X-One", " $2 ")], Some("x-one: $2")),
        (&[("X-One", "1"), ("X-Two", "2")], None),
        (&[("X-One", "a\r\nX-Evil: b")], None),
        (&[("X-One", "é")], None),
        (&[], Some("")),
    ] {
        let invalidated = world.input.apply(config_map("headers", data));
        assert!(units.iter().all(|unit| invalidated.units.contains(unit)), "{data:?}");
        assert_eq!(fields(&world).as_deref(), expected, "{data:?}");
    }
    assert!(world.input.apply(config_map("unrelated", &[("X-One", "1")])).is_empty());
    assert!(world.input.apply(config_map("zoo/headers", &[("X-One", "1")])).is_empty());
    let removal = Change::removal(ObjectRef::new(ObjectKind::ConfigMap, name("headers")));
    assert!(world.input.apply(removal).units.contains(&units[0]));
    assert_eq!(fields(&world), None);
}

#[test]
fn too_many_fields_and_long_ones_close() {
    let long = "x".repeat(4097);
    let mut world = world_with(settings(), [naming("web", "tidegate", "headers")]);
    world.input.apply(config_map("headers", &[("X-One", &long)]));
    assert_eq!(fields(&world), None);
    world.input.apply(config_map("headers", &[("X-One", &long[1..])]));
    assert!(fields(&world).is_some());
    let names: Vec<_> = (0..65).map(|n| format!("X-{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    world.input.apply(config_map("headers", &many));
    assert_eq!(fields(&world), None);
}

#[test]
fn a_config_map_that_may_not_be_read_is_told_as_such() {
    for (config_maps, expected) in [
        (VisibleConfigMaps::Listed(Arc::default()), "ConfigMapNotListed"),
        (VisibleConfigMaps::Namespaces(Arc::new(["zoo".into()].into())), "ConfigMapNotListed"),
        (VisibleConfigMaps::Namespaces(Arc::new(["shop".into()].into())), "ConfigMapNotFound"),
        (VisibleConfigMaps::All, "ConfigMapNotFound"),
    ] {
        let world = world_with(Settings { config_maps, ..settings() }, [naming("web", "tidegate", "headers")]);
        let told = format!("{expected} Ingress shop/web metadata.annotations");
        assert!(world.problems().contains(&told), "{:?}", world.problems());
    }
}
