//! Passwords: which Secrets are followed for them, and that a change of one reaches the routes that ask.

use std::sync::Arc;

use super::builders::{ingress, name, pattern, prefix, secret_named, world, world_with};
use crate::model::{BasicAuth, Filter, HostKey, SecretUsers, UnitKey, UserList};
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
        clients: None,
        users: Some(Arc::new(users)),
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
