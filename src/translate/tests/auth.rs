//! Passwords: which Secrets are followed for them, and that a change of one reaches the routes that ask.

use std::sync::Arc;

use super::builders::{config_map, ingress, name, pattern, prefix, secret_named, world, world_with};
use crate::model::{BasicAuth, Filter, HostKey, ObjectKind, ObjectRef, SecretUsers, UnitKey, UserList};
use crate::source::objects::{Change, Secret, SecretFault};
use crate::translate::{Input, Settings, VisibleSecrets};

const TYPE: &str = "nginx.ingress.kubernetes.io/auth-type";
const SECRET: &str = "nginx.ingress.kubernetes.io/auth-secret";
const SATISFY: &str = "nginx.ingress.kubernetes.io/satisfy";

fn asking(text: &str, class: &str, secret: &str) -> Change {
    let routes = ingress(text).class(Some(class)).rule("a.example", &[prefix("/", "a")]);
    routes.tls(&["a.example"], Some("tls")).annotate(TYPE, "basic").annotate(SECRET, secret).change()
}

/// A Secret with these lines.
fn users(text: &str, lines: &str) -> Change {
    let users = SecretUsers { file: Some(UserList::of_file(lines.as_bytes())), map: UserList::of_map([].into_iter()) };
    Change::arrival(Secret {
        name: name(text),
        certificate: Err(SecretFault::Type("Opaque".into())),
        last_good: None,
        authorities: None,
        lone_chain: None,
        clients: None,
        users: Some(Arc::new(users)),
        shared: None,
    })
}

/// How many users the first route of `a.example` has; `None`: nobody is served.
fn count(input: &Input) -> Option<usize> {
    let (snapshot, _) = crate::translate::snapshot(input);
    let host = &snapshot.hosts[&HostKey::from(pattern("a.example"))];
    let auth = host.routes[0].filters.iter().find_map(|filter| match filter {
        Filter::BasicAuth(auth) => Some(auth),
        _ => None,
    });
    match &**auth.expect("a password is asked for") {
        BasicAuth::Unknown => None,
        BasicAuth::Users { users, .. } => Some(users.len()),
    }
}

#[test]
fn nginx_h5_a_change_of_the_secret_reaches_the_routes_that_ask() {
    let mut world = world([asking("web", "tidegate", "users")]);
    assert_eq!(count(&world.input), None);
    let host = UnitKey::Host(pattern("a.example").into());
    for (lines, expected) in [("a:{PLAIN}x", 1), ("a:{PLAIN}x\nb:{PLAIN}y", 2), ("a:x", 0)] {
        assert!(world.input.apply(users("users", lines)).units.contains(&host));
        assert_eq!(count(&world.input), Some(expected));
    }
    let unrelated = world.input.apply(users("others", "a:{PLAIN}x"));
    assert!(!unrelated.units.contains(&host));
}

#[test]
fn secrets_of_annotations_are_followed_while_an_ingress_of_ours_names_them() {
    let followed = |input: &Input| input.followed().iter().map(|object| object.name.to_string()).collect::<Vec<_>>();
    let changes = || {
        [asking("web", "tidegate", "users"), asking("other", "nginx", "theirs"), asking("bad", "tidegate", "x/users")]
    };
    let of = |secrets| world_with(Settings { secrets, ..Settings::default() }, changes());
    // Certificates come with the list.
    let mut listed = of(VisibleSecrets::Allowed);
    assert_eq!(followed(&listed.input), ["shop/users"]);
    let invalidated = listed.input.apply(asking("web", "nginx", "users"));
    assert!(invalidated.named.contains(&secret_named("users")) && followed(&listed.input).is_empty());
    let by_name = of(VisibleSecrets::Listed(Arc::default()));
    assert_eq!(followed(&by_name.input), ["shop/tls", "shop/users"]);
}

#[test]
fn a_secret_that_is_not_among_those_that_may_be_read_is_told_as_such() {
    let settings = Settings { secrets: VisibleSecrets::Listed(Arc::new([name("tls")].into())), ..Settings::default() };
    let world = world_with(settings, [asking("web", "tidegate", "users"), users("users", "a:{PLAIN}x")]);
    assert_eq!(count(&world.input), None);
    assert!(
        world.problems().contains(&"SecretNotListed Ingress shop/web metadata.annotations".to_owned()),
        "{:?}",
        world.problems()
    );
}

#[test]
fn nginx_i7_satisfy_alone_asks_for_nothing() {
    let routes = ingress("web").rule("a.example", &[prefix("/", "a")]).annotate(SATISFY, "any");
    let world = world([routes.change()]);
    assert!(world.problems.is_empty(), "{:?}", world.problems);
    let filters = &world.host("a.example").routes[0].filters;
    assert!(!filters.iter().any(|filter| matches!(filter, Filter::BasicAuth(_) | Filter::Sources(_))));
}

#[test]
fn nginx_h7_a_secret_of_another_namespace_is_followed_and_used_only_where_the_operator_allows_it() {
    let listed = |text| VisibleSecrets::Listed(Arc::new([name(text)].into()));
    for (secrets, across, expected) in [
        (VisibleSecrets::All, false, None),
        (VisibleSecrets::Allowed, false, None),
        (listed("zoo/users"), false, None),
        (VisibleSecrets::All, true, Some(1)),
        (VisibleSecrets::Allowed, true, Some(1)),
        (listed("zoo/users"), true, Some(1)),
        // The list of the operator bounds it all the same.
        (listed("zoo/others"), true, None),
    ] {
        let settings = Settings { secrets, secrets_across_namespaces: across, ..Settings::default() };
        let told = format!("{:?} {across}", settings.secrets);
        let changes = [
            asking("web", "tidegate", "zoo/users"),
            asking("foreign", "nginx", "zoo/theirs"),
            users("zoo/users", "a:{PLAIN}x"),
            users("zoo/theirs", "a:{PLAIN}x"),
        ];
        let mut world = world_with(settings, changes);
        assert_eq!(count(&world.input), expected, "{told}");
        let is_refused = world.problems().contains(&"SecretNotListed Ingress shop/web metadata.annotations".to_owned());
        assert_eq!(is_refused, expected.is_none(), "{told}");
        let follows = |input: &Input, text: &str| {
            input.follows(&ObjectRef::new(ObjectKind::Secret, name(text)))
                || input.followed().contains(&ObjectRef::new(ObjectKind::Secret, name(text)))
        };
        assert_eq!(follows(&world.input, "zoo/users"), across, "{told}");
        assert_eq!(world.input.wants(&name("zoo/users")), across, "{told}");
        assert!(!follows(&world.input, "zoo/theirs"), "{told}");
        world.input.apply(asking("web", "tidegate", "users"));
        assert!(!follows(&world.input, "zoo/users") && !world.input.wants(&name("zoo/users")), "{told}");
    }
}

#[test]
fn nginx_h7_of_entries_of_another_namespace_it_is_not_told_where_they_stand() {
    let settings = Settings { secrets_across_namespaces: true, ..Settings::default() };
    let world = world_with(settings, [asking("web", "tidegate", "zoo/users"), users("zoo/users", "a:x\nb:{PLAIN}x")]);
    let told: Vec<_> = world.problems.iter().map(|problem| problem.message.clone()).collect();
    assert!(told.iter().any(|message| message.contains("entries that let nobody in: 1")), "{told:?}");
    assert!(!told.iter().any(|message| message.contains("line")), "{told:?}");
}

#[test]
fn the_config_map_of_ingress_nginx_allows_it_where_no_option_says_otherwise() {
    let across = "allow-cross-namespace-resources";
    for (given, value, expected) in [
        (&[][..], "true", [true, true]),
        (&[], "false", [false, false]),
        (&["secrets-across-namespaces"], "true", [false, true]),
        (&["config-maps-across-namespaces"], "true", [true, false]),
    ] {
        let settings = Settings {
            nginx_config_map: Some(name("edge/nginx")),
            given: Arc::new(given.iter().map(|option| (*option).into()).collect()),
            ..Settings::default()
        };
        let world = world_with(settings, [config_map("edge/nginx", &[(across, value)])]);
        let settings = world.input.settings();
        let found = [settings.secrets_across_namespaces, settings.config_maps_across_namespaces];
        assert_eq!(found, expected, "{given:?} {value}");
    }
}
