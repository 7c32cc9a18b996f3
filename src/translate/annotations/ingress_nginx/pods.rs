//! How pods are spoken to.

use super::super::draft::Draft;
use super::super::pod_options::PodProtocol;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
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
        "with `HTTPS` pods may choose HTTP/2; `AUTO_HTTP` is `HTTP`, also for clients of https; `FCGI` is refused; without the \
         annotation `appProtocol` counts",
    ),
    doc: "What is spoken to the pods of all routes, whatever `appProtocol` says: `HTTP` is HTTP/1.1 in clear, `HTTPS` is as\n\
          `appProtocol: https`, `GRPC` is HTTP/2 in clear, `GRPCS` is HTTP/2 through TLS. Certificates of pods are not verified. A\n\
          value that is none of these is `HTTP`.",
}];

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
        draft.differs(
            "becomes HTTP: pods are spoken to in clear, also for clients of https",
            "Write HTTP or HTTPS, as the pods speak it",
        );
        PodProtocol::Http
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
