//! Annotations of other controllers that ask for what happens here anyway. Nothing is said about them: who moves an Ingress here
//! should read about what is different and nothing else.

use crate::source::objects::Ingress;

use super::options::Options;
use super::restricting::restricts;

/// What becomes of the requests of an Ingress without annotations of other controllers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anyway {
    /// Plain HTTP is sent to https where there is TLS.
    redirects: bool,
    /// The Ingress has a TLS entry.
    has_tls: bool,
    /// It has no path but `/`.
    is_root_only: bool,
    /// Bodies may be of any size.
    takes_any_body: bool,
}

/// What becomes of the requests of all Ingresses, by the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    /// Plain HTTP is sent to https where there is TLS.
    pub(crate) redirects: bool,
    /// Bodies may be of any size.
    pub(crate) takes_any_body: bool,
}

/// Values that ask for nothing else than what every Ingress gets: parts of keys behind the prefix, with the value.
const ALIKE: [(&str, &str); 18] = [
    ("backend-protocol", "http"),
    ("canary", "false"),
    ("enable-access-log", "true"),
    ("enable-cors", "false"),
    ("enable-modsecurity", "false"),
    ("enable-opentelemetry", "false"),
    ("enable-opentracing", "false"),
    ("enable-owasp-core-rules", "false"),
    ("force-ssl-redirect", "false"),
    ("forwarded-for", "true"),
    ("preserve-host", "true"),
    ("proxy-buffering", "off"),
    ("proxy-http-version", "1.1"),
    ("proxy-request-buffering", "off"),
    ("satisfy", "all"),
    ("ssl-passthrough", "false"),
    ("strip-path", "false"),
    ("use-regex", "false"),
];

impl Anyway {
    /// Of an Ingress whose own annotations set these options.
    pub(crate) fn of(ingress: &Ingress, options: &Options, usual: Usual) -> Self {
        let redirect = &options.redirect;
        let mut paths = ingress.rules.iter().flat_map(|rule| rule.paths.iter().flatten());
        Self {
            redirects: redirect.is_always() || redirect.with_tls.unwrap_or(usual.redirects),
            has_tls: redirect.is_always() || !ingress.tls.is_empty(),
            is_root_only: paths.all(|path| matches!(&*path.path, "" | "/")),
            takes_any_body: usual.takes_any_body,
        }
    }

    /// Whether an annotation of another controller, its key without the prefix, asks for what happens anyway.
    pub(super) fn includes(&self, short: &str, value: &str) -> bool {
        let is = |text: &str| value.eq_ignore_ascii_case(text);
        let redirects = self.redirects && self.has_tls;
        match short {
            // The load balancer of AWS gives the port.
            "ssl-redirect" if is("true") || is("443") => self.redirects,
            "ssl-redirect" if is("false") => !redirects,
            "force-ssl-redirect" if is("true") => redirects,
            "rewrite-target" => value == "/" && self.is_root_only,
            "proxy-body-size" => value == "0" && self.takes_any_body,
            "router.tls" => is("true") && self.has_tls,
            "router.entrypoints" => {
                // Who is sent to https is served over https alone.
                let points = || value.split(',').map(str::trim);
                points().all(|point| matches!(point, "web" | "http" | "websecure" | "https"))
                    && (redirects || points().any(|point| matches!(point, "web" | "http")))
            }
            // WebSockets need no leave.
            "websocket-services" => true,
            "enable-websocket" | "enable-websockets" => is("true"),
            "router.middlewares" => redirects && value.split(',').all(is_redirect_to_https),
            _ => ALIKE.iter().any(|(key, alike)| *key == short && is(alike)),
        }
    }
}

/// Whether a middleware of Traefik is one that sends plain HTTP to https, by its name. It is all that is known of it.
pub(super) fn is_redirect_to_https(middleware: &str) -> bool {
    let name = middleware.trim().split('@').next().unwrap_or_default().to_ascii_lowercase();
    let is_to_https = ["https", "ssl", "tls", "secure", "scheme"].iter().any(|word| name.contains(word));
    name.contains("redirect") && is_to_https && !name.contains("www") && !restricts(&name)
}
