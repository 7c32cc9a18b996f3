//! The names of a route as ingress-nginx writes them, from the Ingress that asks for it.

use std::sync::Arc;

use crate::model::{Action, Origin, Place, RouteSpec, UpstreamSpec};
use crate::observe::RouteNames;
use crate::source::objects::{Backend, Ingress, PortValue};
use crate::translate::Input;

/// The names of a route. What its object does not tell is empty.
pub(super) fn of(input: &Input, spec: &RouteSpec) -> RouteNames {
    let upstream = upstream(&spec.action);
    let backend = upstream.map_or_else(String::new, |UpstreamSpec { key, port, .. }| {
        format!("{}-{}-{port}", key.service.namespace, key.service.name)
    });
    let names = RouteNames { host: "_".into(), backend: backend.into(), ..RouteNames::default() };
    let Origin::Object { kind: _, name, place } = &spec.origin else {
        return RouteNames { path: "/".into(), ..names };
    };
    let names = RouteNames { namespace: name.namespace.clone(), ingress: name.name.clone(), ..names };
    let asked = input.objects().ingress(name).and_then(|ingress| asked(ingress, *place));
    match asked {
        Some(Asked { host, path, backend: Backend::Service { name: service, port } }) => {
            RouteNames { host, path, service: Arc::clone(service), port: text(port.as_ref()), ..names }
        }
        Some(Asked { host, path, backend: Backend::Resource(_) | Backend::Invalid }) => {
            RouteNames { host, path, ..names }
        }
        // The Ingress has changed meanwhile: what the route was made of is told by the route.
        None => RouteNames {
            path: spec.matches.path.path().into(),
            service: upstream.map_or_else(Arc::default, |upstream| Arc::clone(&upstream.key.service.name)),
            port: upstream.map_or_else(Arc::default, |upstream| upstream.port.to_string().into()),
            ..names
        },
    }
}

/// What an Ingress asks for at a place.
struct Asked<'a> {
    host: Arc<str>,
    path: Arc<str>,
    backend: &'a Backend,
}

fn asked(ingress: &Ingress, place: Place) -> Option<Asked<'_>> {
    let or = |text: &Arc<str>, otherwise: &str| if text.is_empty() { otherwise.into() } else { Arc::clone(text) };
    match place {
        Place::Rule { rule, entry } => {
            let rule = ingress.rules.get(usize::from(rule))?;
            let path = rule.paths.as_ref()?.get(usize::from(entry))?;
            Some(Asked { host: or(&rule.host, "_"), path: or(&path.path, "/"), backend: &path.backend })
        }
        Place::DefaultBackend => {
            Some(Asked { host: "_".into(), path: "/".into(), backend: ingress.default_backend.as_ref()? })
        }
        Place::Listener(_) | Place::Unknown => None,
    }
}

/// Where a route sends its requests, if it sends them to one place.
fn upstream(action: &Action) -> Option<&UpstreamSpec> {
    match action {
        Action::Forward(upstream) => Some(upstream),
        Action::Split(_) | Action::Canary(_) | Action::Reply(_) => None,
    }
}

fn text(port: Option<&PortValue>) -> Arc<str> {
    match port {
        Some(PortValue::Number(number)) => number.to_string().into(),
        Some(PortValue::Name(name)) => Arc::clone(name),
        None => Arc::default(),
    }
}
