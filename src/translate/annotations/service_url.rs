//! URLs of services that are asked beside pods, as an author writes them: who is asked is fixed, what is asked may have variables.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crate::model::{Captures, Hostname, ObjectName, Template};

/// Longest one.
const LONGEST: usize = 2048;
/// Variables for the path of the request.
const URI: [&str; 2] = ["$request_uri", "${request_uri}"];
/// Variables for the host of the request.
const OF_REQUEST: [&str; 6] =
    ["$host", "${host}", "$http_host", "${http_host}", "$best_http_host", "${best_http_host}"];

/// A URL of http or https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceUrl {
    /// Whether it is one of https.
    pub(crate) is_https: bool,
    /// Who is asked.
    pub(crate) host: UrlHost,
    /// The port, given or that of the scheme.
    pub(crate) port: u16,
    /// Path and query. It begins with a slash.
    pub(crate) target: Template,
    /// Whether a Service of any namespace is meant by its name, and not of that of the object alone.
    pub(crate) of_any_namespace: bool,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UrlHost {
    /// A name or an address, in lower case and without brackets.
    Named(Arc<str>),
    /// That of the request, which must be the host of a rule.
    OfRequest,
}

impl ServiceUrl {
    /// Reads a URL. `None`: it is none, or not one that can be asked.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t', '\n']);
        if text.len() > LONGEST {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let is_https = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        // It begins with a slash.
        let uri = URI.iter().filter_map(|uri| rest[..end].find(uri)).min();
        let (authority, target) = rest.split_at(uri.unwrap_or(end));
        let (host, port) = split_port(authority)?;
        let host = match host {
            _ if OF_REQUEST.contains(&host) => UrlHost::OfRequest,
            _ => UrlHost::Named(named(host)?),
        };
        let port = port.unwrap_or(if is_https { 443 } else { 80 });
        let target = if target.starts_with('/') || uri.is_some() { target.to_owned() } else { format!("/{target}") };
        let target = Template::parse(&target, Captures::Refused).ok()?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!&'()*+,;=%".contains(&byte);
        let is_plain = target.texts().all(|text| text.bytes().all(is_allowed));
        is_plain.then_some(Self { is_https, host, port, target, of_any_namespace: false })
    }

    /// The Service that it names, for an object of this namespace: one of the same namespace, or what stands for a host of the
    /// network and has no namespace. `None`: that depends on the request.
    pub(crate) fn service(&self, namespace: &Arc<str>) -> Option<ObjectName> {
        match &self.host {
            UrlHost::Named(host) => Some(self.service_at(host, namespace)),
            UrlHost::OfRequest => None,
        }
    }

    /// The Service that this host is, which it names or has from the request.
    pub(crate) fn service_at(&self, host: &str, namespace: &Arc<str>) -> ObjectName {
        match labels(host)[..] {
            [service, namespace, "svc"] | [service, namespace, "svc", "cluster", "local"] if self.of_any_namespace => {
                ObjectName::new(namespace, service)
            }
            _ => service(host, namespace),
        }
    }
}

/// The Service that a host is.
pub(crate) fn service(host: &str, namespace: &Arc<str>) -> ObjectName {
    match labels(host)[..] {
        [service, of, "svc"] | [service, of, "svc", "cluster", "local"] if *of == **namespace => {
            ObjectName::new(namespace.clone(), service)
        }
        _ => ObjectName::new("", host),
    }
}

fn labels(host: &str) -> Vec<&str> {
    host.trim_end_matches('.').split('.').collect()
}

/// Whether it is a host, with a port or without.
pub(super) fn is_host(text: &str) -> bool {
    split_port(text).is_some_and(|(host, _)| named(host).is_some())
}

/// A port that no number follows is none, and neither is zero.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let Some(at) = at else { return Some((authority, None)) };
    let digits = &authority[at + 1..];
    let port: u16 = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    (port != 0).then_some((&authority[..at], Some(port)))
}

fn named(host: &str) -> Option<Arc<str>> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string().into());
    }
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Some(address.to_string().into()),
        Ok(IpAddr::V6(_)) => None,
        Err(_) => Hostname::parse(host).ok().map(|_| host.to_ascii_lowercase().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_who_is_asked_and_what() {
        for (text, host, port, target) in [
            ("http://auth.example", "auth.example", 80, "/"),
            ("HTTPS://Auth.example/x?y=z", "auth.example", 443, "/x?y=z"),
            ("http://auth.example:8080?y", "auth.example", 8080, "/?y"),
            ("http://10.0.0.1/x$request_uri", "10.0.0.1", 80, "/x${request_uri}"),
            ("http://a.example$request_uri", "a.example", 80, "${request_uri}"),
            ("http://[2001:DB8::1]:81/x", "2001:db8::1", 81, "/x"),
        ] {
            let url = ServiceUrl::parse(text).unwrap();
            assert_eq!((url.host, url.port), (UrlHost::Named(host.into()), port), "{text}");
            assert_eq!(url.target.to_string(), target, "{text}");
        }
        for text in ["https://$host/oauth2/auth", "https://${http_host}:8443/x"] {
            assert_eq!(ServiceUrl::parse(text).unwrap().host, UrlHost::OfRequest, "{text}");
        }
    }

    #[test]
    fn what_is_no_url_or_leads_where_a_client_wants_is_none() {
        for text in [
            "",
            "auth.example/x",
            "ftp://auth.example/",
            "http:///x",
            "http://?x",
            "http://user@auth.example/",
            "http://user:word@auth.example/",
            "http://auth.example:0/",
            "http://auth.example:65536/",
            "http://auth.example:/",
            "http://auth.example:+80/",
            "http://::1/",
            "http://[::1/",
            "http://[fe80::1%25eth0]/",
            "http://$http_x/",
            "http://$host.example/",
            "http://a$arg_x/",
            "$scheme://auth.example/",
            "http://auth.example/\r\nHost: x",
            "http://auth.example/x y",
            "http://auth.example/#x",
            "http://auth.example/$",
            "http://auth.example/$nginx_version",
            "http://auth.example/$1",
            "http://auth.example\\@b.example/",
            "http://bücher.example/",
            &format!("http://auth.example/{}", "x".repeat(LONGEST)),
        ] {
            assert_eq!(ServiceUrl::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_service_of_the_same_namespace_is_itself_and_anything_else_a_host() {
        let namespace: Arc<str> = "shop".into();
        for (host, expected) in [
            ("auth.shop.svc.cluster.local", ("shop", "auth")),
            ("auth.shop.svc", ("shop", "auth")),
            ("auth.other.svc.cluster.local", ("", "auth.other.svc.cluster.local")),
            ("auth.example", ("", "auth.example")),
            ("10.0.0.1", ("", "10.0.0.1")),
        ] {
            assert_eq!(service(host, &namespace), ObjectName::new(expected.0, expected.1), "{host}");
        }
    }
}
