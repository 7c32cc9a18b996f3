//! The host that pods are asked for, where an author makes it of what the request or its route says (nginx
//! `proxy_set_header Host`).

use super::change::RequestChange;
use super::template::{as_it_is, render};
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{Filter, PodHost, Template};

pub(super) fn request<'f>(
    by: &'f Filter,
    host: &Template,
    view: &RequestView<'_>,
    change: &mut RequestChange,
) -> Verdict<'f> {
    change.host.clear();
    render(host, view, None, &mut change.host, as_it_is);
    // What a client says may be no host, and a pod may take it for something else than we do.
    if str::from_utf8(&change.host).is_ok_and(PodHost::is_one) {
        return Verdict::Continue;
    }
    let text = "the request says something that is part of a host, and is none";
    Verdict::Respond(Box::new(Response { by, status: 400, fields: Vec::new(), text, body: None }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::{
        Action, Captures, EndpointPort, Filters, ObjectName, Origin, PathMatch, Place, PortRef, Protocol, RouteMatch,
        RouteSpec, UpstreamKey, UpstreamSpec,
    };

    /// A route of the Ingress `front` to the Service `web`, port 80, of the namespace `shop`.
    fn route() -> RouteSpec {
        let key = UpstreamKey {
            service: ObjectName::new("shop", "web"),
            endpoint_port: EndpointPort::Fixed(8080),
            protocol: Protocol::Http1,
        };
        let spec = UpstreamSpec { key, port: PortRef::Number(80), for_https: None };
        RouteSpec {
            matches: RouteMatch::path(PathMatch::Prefix("/".into())),
            action: Action::Forward(Arc::new(spec)),
            filters: Filters::default(),
            policy: Arc::default(),
            origin: Origin::ingress(ObjectName::new("shop", "front"), Place::Unknown),
        }
    }

    /// The host of a request of that route, or the status of the answer.
    fn host(source: &str, lines: &[&str]) -> Result<String, u16> {
        let filter = Filter::PodHost(Template::parse(source, Captures::Refused).unwrap());
        let route = route();
        with_view(lines, |view| {
            let view = RequestView { route: Some(&route), ..view };
            let mut change = RequestChange::default();
            match crate::filter::request(&[filter], &view, &mut change) {
                Verdict::Continue => Ok(String::from_utf8(change.host).unwrap()),
                Verdict::Respond(response) => Err(response.status),
                Verdict::Ask(_) | Verdict::Call(_) => panic!("nothing is asked"),
            }
        })
    }

    #[test]
    fn nginx_u2_the_host_is_made_of_what_route_and_request_say() {
        let lines = ["GET / HTTP/1.1", "Host: A.Example:81", "X-Tenant: one"];
        for (source, expected) in [
            ("$service_name.$namespace.svc.cluster.local", "web.shop.svc.cluster.local"),
            ("$service_name.$namespace.svc:$service_port", "web.shop.svc:80"),
            ("${ingress_name}.internal", "front.internal"),
            ("$host", "a.example"),
            ("$http_host", "A.Example:81"),
            ("$http_x_tenant.internal", "one.internal"),
        ] {
            assert_eq!(host(source, &lines).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_a_client_says_must_come_to_a_host() {
        for value in ["", "a b", "a/b", "-", "a:b", "[::1", "a%2eb", &"x".repeat(64)] {
            let field = format!("X-Tenant: {value}");
            assert_eq!(host("$http_x_tenant.internal", &["GET / HTTP/1.1", "Host: a", &field]), Err(400), "{value}");
        }
    }
}
