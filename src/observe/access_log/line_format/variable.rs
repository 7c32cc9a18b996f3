//! The variables that tell what became of a request. Those of the request itself are the model's.

use super::Piece;
use crate::model::Variable;

/// What became of a request, or what is known of it beside its head, under the name that nginx or ingress-nginx gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// `$remote_user`: the name given with a password (Basic authentication), right or not.
    RemoteUser,
    /// `$remote_port`: the client's port.
    RemotePort,
    /// `$server_port`: the port that clients use.
    ServerPort,
    /// `$server_name`: the host of the rule.
    ServerName,
    /// `$time_local`: when the request was over, as `02/Jan/2026:03:04:05 +0000`.
    TimeLocal,
    /// `$time_iso8601`: the same as `2026-01-02T03:04:05+00:00`.
    TimeIso8601,
    /// `$msec`: the same in seconds since 1970, with milliseconds.
    Msec,
    /// `$request`: method, path with query, and protocol.
    Request,
    /// `$server_protocol`.
    ServerProtocol,
    /// `$status`.
    Status,
    /// `$body_bytes_sent`, `$bytes_sent`: bytes of the answer's body.
    BytesSent,
    /// `$request_length`: bytes of the request's head and body.
    RequestLength,
    /// `$request_time`: seconds with milliseconds.
    RequestTime,
    /// `$req_id`, `$request_id`.
    RequestId,
    /// `$proxy_add_x_forwarded_for`: the field `X-Forwarded-For`, with the client behind it.
    ForwardedFor,
    /// `$upstream_addr`: the endpoint of the last attempt.
    UpstreamAddress,
    /// `$upstream_status`: what it answered with.
    UpstreamStatus,
    /// `$upstream_response_length`: bytes of its answer's body.
    UpstreamLength,
    /// `$upstream_connect_time`.
    UpstreamConnectTime,
    /// `$upstream_header_time`.
    UpstreamHeaderTime,
    /// `$upstream_response_time`.
    UpstreamResponseTime,
    /// `$proxy_upstream_name`: namespace, Service and port with hyphens between.
    ProxyUpstreamName,
    /// `$proxy_alternative_upstream_name`: the same of the canary that got the request.
    ProxyAlternativeUpstreamName,
    /// `$namespace`.
    Namespace,
    /// `$ingress_name`.
    IngressName,
    /// `$service_name`.
    ServiceName,
    /// `$service_port`.
    ServicePort,
    /// `$location_path`: the path of the rule.
    LocationPath,
    /// `$ssl_protocol`.
    SslProtocol,
    /// `$ssl_cipher`.
    SslCipher,
    /// `$ssl_server_name`.
    SslServerName,
}

const OWN: [(&str, Own); 34] = [
    ("body_bytes_sent", Own::BytesSent),
    ("bytes_sent", Own::BytesSent),
    ("full_x_forwarded_for", Own::ForwardedFor),
    ("ingress_name", Own::IngressName),
    ("location_path", Own::LocationPath),
    ("msec", Own::Msec),
    ("namespace", Own::Namespace),
    ("proxy_add_x_forwarded_for", Own::ForwardedFor),
    ("proxy_alternative_upstream_name", Own::ProxyAlternativeUpstreamName),
    ("proxy_upstream_name", Own::ProxyUpstreamName),
    ("remote_port", Own::RemotePort),
    ("remote_user", Own::RemoteUser),
    ("req_id", Own::RequestId),
    ("request", Own::Request),
    ("request_id", Own::RequestId),
    ("request_length", Own::RequestLength),
    ("request_time", Own::RequestTime),
    ("server_name", Own::ServerName),
    ("server_port", Own::ServerPort),
    ("server_protocol", Own::ServerProtocol),
    ("service_name", Own::ServiceName),
    ("service_port", Own::ServicePort),
    ("ssl_cipher", Own::SslCipher),
    ("ssl_protocol", Own::SslProtocol),
    ("ssl_server_name", Own::SslServerName),
    ("status", Own::Status),
    ("time_iso8601", Own::TimeIso8601),
    ("time_local", Own::TimeLocal),
    ("upstream_addr", Own::UpstreamAddress),
    ("upstream_connect_time", Own::UpstreamConnectTime),
    ("upstream_header_time", Own::UpstreamHeaderTime),
    ("upstream_response_length", Own::UpstreamLength),
    ("upstream_response_time", Own::UpstreamResponseTime),
    ("upstream_status", Own::UpstreamStatus),
];

/// The names of all that have one.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|(name, _)| *name).chain(Variable::NAMES)
}

/// The variable of a name, in any case.
pub(super) fn named(name: &str) -> Option<Piece> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, own)) = OWN.iter().find(|(known, _)| *known == lower) {
        return Some(Piece::Own(*own));
    }
    // The client is the same however it was found out.
    let name = if lower == "proxy_protocol_addr" { "remote_addr" } else { &lower };
    // There is no pattern whose groups a number could name.
    Variable::named(name).filter(|variable| !matches!(variable, Variable::Capture(_))).map(Piece::Request)
}
