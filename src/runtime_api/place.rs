//! What a path names, and the methods that there are.

use std::str;

use http::Method;

use super::answer::Dialect;
use super::problem::Problem;

/// Longest path. Bytes.
const LONGEST: usize = 2048;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `/openapi.json`.
    OpenApi,
    /// `/v1/info`.
    Info,
    /// `/v1/listeners`.
    Listeners,
    /// `/v1/upstreams`.
    Upstreams,
    /// `/v1/upstreams/{upstream}`.
    Upstream(String),
    /// `/v1/upstreams/{upstream}/endpoints/{endpoint}`.
    Endpoint(String, String),
    /// `/v1/stats`.
    Stats,
    /// `/v1/events`.
    Events,
    /// `/v3/info`.
    DataPlaneInfo,
    /// `/v3/services/haproxy/runtime/backends/{backend}/servers`.
    Servers(String),
    /// `/v3/services/haproxy/runtime/backends/{backend}/servers/{server}`.
    Server(String, String),
    /// `/v3/services/haproxy/stats/native`.
    NativeStats,
    /// `/v3/services/haproxy/configuration/…` and others that change what objects say: the parts behind `haproxy`.
    Configuration(Vec<String>),
}

impl Place {
    /// What this path names.
    pub(super) fn find(path: &str) -> Result<Self, Problem> {
        if path.len() > LONGEST {
            return Err(Problem::bad(format!("a path has at most {LONGEST} bytes")));
        }
        let parts: Option<Vec<String>> = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect();
        let parts = parts.ok_or_else(|| Problem::bad("the path has an escape that is no UTF-8"))?;
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        let absent = || Problem::absent("there is nothing at this path: GET /openapi.json says what there is");
        if names.iter().any(|name| name.is_empty()) {
            return Err(absent());
        }
        Ok(match names.as_slice() {
            ["openapi.json"] => Self::OpenApi,
            ["v1", "info"] => Self::Info,
            ["v1", "listeners"] => Self::Listeners,
            ["v1", "upstreams"] => Self::Upstreams,
            ["v1", "upstreams", upstream] => Self::Upstream((*upstream).into()),
            ["v1", "upstreams", upstream, "endpoints", endpoint] => {
                Self::Endpoint((*upstream).into(), (*endpoint).into())
            }
            ["v1", "stats"] => Self::Stats,
            ["v1", "events"] => Self::Events,
            ["v3", "info"] => Self::DataPlaneInfo,
            ["v3", "services", "haproxy", "runtime", "backends", backend, "servers"] => {
                Self::Servers((*backend).into())
            }
            ["v3", "services", "haproxy", "runtime", "backends", backend, "servers", server] => {
                Self::Server((*backend).into(), (*server).into())
            }
            ["v3", "services", "haproxy", "stats", "native"] => Self::NativeStats,
            ["v3", "services", "haproxy", "configuration" | "transactions" | "storage", ..] => {
                Self::Configuration(names[3..].iter().map(|name| (*name).to_owned()).collect())
            }
            _ => return Err(absent()),
        })
    }

    /// Which API has this path, whatever it names.
    pub(super) fn dialect(path: &str) -> Dialect {
        if path == "/v3" || path.starts_with("/v3/") { Dialect::DataPlane } else { Dialect::Own }
    }

    /// The methods, as `Allow` has them; `None`: all are answered.
    pub(super) fn methods(&self) -> Option<&'static str> {
        match self {
            Self::OpenApi
            | Self::Info
            | Self::Listeners
            | Self::Upstreams
            | Self::Upstream(_)
            | Self::Stats
            | Self::DataPlaneInfo
            | Self::Servers(_)
            | Self::NativeStats => Some("GET, HEAD"),
            Self::Events => Some("GET"),
            Self::Endpoint(..) => Some("GET, HEAD, PATCH"),
            Self::Server(..) => Some("GET, HEAD, PUT"),
            Self::Configuration(_) => None,
        }
    }

    /// Whether it is asked for by a method that it has.
    pub(super) fn check(&self, method: &Method) -> Result<(), Problem> {
        match self.methods() {
            Some(methods) if !methods.split(", ").any(|has| has == method.as_str()) => Err(Problem::method(methods)),
            Some(_) | None => Ok(()),
        }
    }
}

/// A part of a path without escapes (RFC 3986, section 2.1); `None`: an escape is wrong, or the bytes are no UTF-8.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = behind.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_places() {
        let find = |path: &str| Place::find(path).map_err(|problem| problem.status.as_u16());
        assert_eq!(find("/v1/upstreams/a_svc_b_80"), Ok(Place::Upstream("a_svc_b_80".into())));
        let endpoint = Place::Endpoint("a/b".into(), "fd00::1:80".into());
        assert_eq!(find("/v1/upstreams/a%2Fb/endpoints/fd00%3A%3A1:80"), Ok(endpoint));
        let server = Place::Server("b".into(), "10.0.0.1:80".into());
        assert_eq!(find("/v3/services/haproxy/runtime/backends/b/servers/10.0.0.1:80"), Ok(server));
        let configuration = Place::Configuration(vec!["configuration".into(), "backends".into(), "b".into()]);
        assert_eq!(find("/v3/services/haproxy/configuration/backends/b"), Ok(configuration));
        for nothing in ["/", "", "*", "/v1", "/v1/upstreams/", "/v1//upstreams", "/v2/info", "/v1/info/x", "/v3/x"] {
            assert_eq!(find(nothing), Err(404), "{nothing}");
        }
        for wrong in
            ["/v1/upstreams/%", "/v1/upstreams/%4", "/v1/upstreams/%zz", "/v1/upstreams/%ff", &"/x".repeat(2000)]
        {
            assert_eq!(find(wrong), Err(400), "{wrong}");
        }
    }
}
