//! How pods are spoken to.

use crate::model::{Captures, PodConnection, PodHost, PodVersion};

use super::super::draft::Draft;
use super::super::pod_options::PodProtocol;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};
use super::variables;

/// By key.
pub(super) const ROWS: [Annotation; 5] = [
    Annotation {
        key: "backend-protocol",
        value: Value::Text {
            values: "`HTTP`, `HTTPS`, `GRPC`, `GRPCS` or `AUTO_HTTP`, in upper or lower case",
            read: |draft, text, _| {
                protocol(draft, text.trim());
                Some(())
            },
        },
        default: "`appProtocol` of the Service's port; HTTP/1.1 without one",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different(
            "with `HTTPS` pods may choose HTTP/2; `FCGI` is refused; without the annotation `appProtocol` counts",
        ),
        doc: "What is spoken to the pods of all routes, whatever `appProtocol` says: `HTTP` is HTTP/1.1 in clear, `HTTPS` is as\n\
              `appProtocol: https`, `GRPC` is HTTP/2 in clear, `GRPCS` is HTTP/2 through TLS, and `AUTO_HTTP` is\n\
              `HTTPS` for clients that use https and `HTTP` for others, at one and the same port. Certificates of pods are not\n\
              verified unless `proxy-ssl-verify` says so. A value that is none of these is `HTTP`.",
    },
    Annotation {
        key: "connection-proxy-header",
        value: Value::OneOf(&[
            Word { text: "close", set: |draft| draft.options.of_policy().connection = Some(PodConnection::Close) },
            Word {
                text: "keep-alive",
                set: |draft| draft.options.of_policy().connection = Some(PodConnection::KeepAlive),
            },
        ]),
        default: "none",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded("requests that ask for another protocol (WebSocket) keep what that needs, and work"),
        doc: "What pods over HTTP/1 get as `Connection`. With `close` each request has a connection of its own.",
    },
    Annotation {
        key: "proxy-http-version",
        value: Value::OneOf(&[
            Word { text: "1.1", set: |draft| draft.options.of_policy().version = Some(PodVersion::Http11) },
            Word { text: "1.0", set: |draft| draft.options.of_policy().version = Some(PodVersion::Http10) },
        ]),
        default: "`1.1`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "with `1.0` a request whose length is not known, or that asks for another protocol (WebSocket), is sent in HTTP/1.1",
        ),
        doc: "The version of HTTP that pods are spoken to in. Those that HTTP/2 is spoken to get that. With `1.0` each request has a\n\
              connection of its own, unless `connection-proxy-header` is `keep-alive` and the pod agrees.",
    },
    Annotation {
        key: "service-upstream",
        value: Value::LooseBoolean(|draft, is_set| draft.options.to_service = Some(is_set)),
        default: "`false`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "Sends requests to the address of the Service (`clusterIP`) instead of to its pods: the cluster chooses a pod for each\n\
              connection, and connections are kept, so that requests are spread unevenly. A connection that fails is tried again there;\n\
              balance and `proxy-next-upstream` for answers need the addresses of pods. Services without an address of their own, which\n\
              are headless or an ExternalName, are as always.",
    },
    Annotation {
        key: "upstream-vhost",
        value: Value::Text {
            values: "a host name or an address, with a port or without, or a text with variables that comes to one",
            read: |draft, text, _| host(draft, text.trim()),
        },
        default: "the client's `Host`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "The `Host`, and in HTTP/2 the `:authority`, that pods get; it may have variables, as in `$service_name.$namespace.svc`.\n\
              `X-Forwarded-Host` says what the client asked for. Which route a request takes does not depend on it. A request from\n\
              which no host can be made, as it lacks the field of a variable or has no part of a host in it, is answered with 400.",
    },
];

fn protocol(draft: &mut Draft, text: &str) {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    let protocol = if is("HTTP") {
        PodProtocol::Http
    } else if is("HTTPS") {
        PodProtocol::Https
    } else if is("GRPC") {
        PodProtocol::Grpc
    } else if is("GRPCS") {
        PodProtocol::Grpcs
    } else if is("AUTO_HTTP") {
        PodProtocol::Auto
    } else if is("FCGI") {
        draft.refuses(
            "has no effect: FastCGI is not spoken",
            "Put a server in front of the application that speaks HTTP and FastCGI",
        );
        return;
    } else {
        draft.is_unreadable(
            "is no protocol of this annotation, so pods are spoken to in HTTP/1.1",
            "Use HTTP, HTTPS, GRPC or GRPCS",
        );
        PodProtocol::Http
    };
    draft.options.protocol = Some(protocol);
}

fn host(draft: &mut Draft, text: &str) -> Option<()> {
    if !text.contains('$') {
        draft.options.of_policy().host = Some(PodHost::parse(text)?);
        return Some(());
    }
    let Some(template) = variables::read(draft, text, Captures::Refused) else { return Some(()) };
    draft.options.of_rare().pod_host = Some(variables::may_be_host(&template).then_some(template)?);
    Some(())
}
