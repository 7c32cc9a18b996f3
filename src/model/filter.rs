//! What is done with the requests and answers of a route besides forwarding them: filters, as data. What they decide
//! is in `crate::filter`.

use std::sync::Arc;

use super::affinity::Affinity;
use super::answer_urls::AnswerUrls;
use super::client_auth::ClientAuth;
use super::client_port::ClientPort;
use super::cors::Cors;
use super::error_pages::ErrorPages;
use super::external_auth::ExternalAuth;
use super::field_edits::FieldEdit;
use super::mirror::Mirror;
use super::names::Hostname;
use super::networks::{Excused, Networks};
use super::pattern::Pattern;
use super::request_limits::RequestLimits;
use super::rules::Rules;
use super::template::Template;
use super::users::Users;

/// A filter of a route. Requests and answers pass the filters of their route in the order of these variants; no route
/// can change the order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// Asks clients for a certificate (annotation `auth-tls-secret`). It is the first, so that nothing else answers who has none.
    ClientAuth(Arc<ClientAuth>),
    /// Answers some requests at once, or nobody is served (annotations `deny-paths` and `redirects`, and snippets).
    Rules(Arc<Rules>),
    /// Answers requests for `/` with 302 to this path of the same host (annotation `app-root`).
    AppRoot(Arc<str>),
    /// Answers `OPTIONS` of pages that may read answers with 204, and tells browsers so with every answer (annotation
    /// `enable-cors`).
    Cors(Arc<Cors>),
    /// Answers all requests with a redirect (annotations `permanent-redirect` and `temporal-redirect`).
    Redirect(Arc<Redirect>),
    /// Gives requests another path (annotation `rewrite-target`).
    Rewrite(Arc<Rewrite>),
    /// Answers plain HTTP with 308 to https (annotations `ssl-redirect` and `force-ssl-redirect`).
    HttpsRedirect(HttpsRedirect, HttpsUrl),
    /// Rewrites what pods say about where they are (annotations `proxy-redirect-from`, `proxy-cookie-domain` and
    /// `proxy-cookie-path`).
    AnswerUrls(Arc<AnswerUrls>),
    /// Tells browsers to use https alone (`--profile ingress-nginx`).
    Hsts(Arc<Hsts>),
    /// Tells pods what ingress-nginx tells them besides, and drops fields that it drops (`--profile ingress-nginx`).
    NginxFields,
    /// Edits fields of what pods get (annotation `request-headers`).
    RequestFields(Arc<[FieldEdit]>),
    /// Gives pods a host that the request or its route says (annotation `upstream-vhost` with variables).
    PodHost(Template),
    /// Edits fields of what clients get (annotation `response-headers`).
    ResponseFields(Arc<[FieldEdit]>),
    /// Sends requests that belong together to the same endpoint (annotations `affinity` and `upstream-hash-by`).
    Affinity(Arc<Affinity>),
    /// Sends a copy of requests elsewhere (annotation `mirror-target`).
    Mirror(Arc<Mirror>),
    /// Lets each client ask for so much (annotations `limit-rps`, `limit-rpm` and `limit-connections`).
    Limits(Arc<RequestLimits>),
    /// Lets clients pass by their address (annotations `allowlist-source-range` and `denylist-source-range`).
    Sources(Arc<Sources>),
    /// Asks clients for name and password (annotation `auth-type`).
    BasicAuth(Arc<BasicAuth>),
    /// Asks somebody else whether a request is served (annotation `auth-url`).
    Auth(Arc<ExternalAuth>),
    /// Lets another backend answer errors (annotations `custom-http-errors` and `default-backend`).
    Errors(Arc<ErrorPages>),
}

/// What kind of a filter it is, in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterKind {
    /// [`Filter::ClientAuth`].
    ClientAuth,
    /// [`Filter::Rules`].
    Rules,
    /// [`Filter::AppRoot`].
    AppRoot,
    /// [`Filter::Cors`].
    Cors,
    /// [`Filter::Redirect`].
    Redirect,
    /// [`Filter::Rewrite`].
    Rewrite,
    /// [`Filter::HttpsRedirect`].
    HttpsRedirect,
    /// [`Filter::AnswerUrls`].
    AnswerUrls,
    /// [`Filter::Hsts`].
    Hsts,
    /// [`Filter::NginxFields`].
    NginxFields,
    /// [`Filter::RequestFields`].
    RequestFields,
    /// [`Filter::PodHost`].
    PodHost,
    /// [`Filter::ResponseFields`].
    ResponseFields,
    /// [`Filter::Affinity`].
    Affinity,
    /// [`Filter::Mirror`].
    Mirror,
    /// [`Filter::Limits`].
    Limits,
    /// [`Filter::Sources`].
    Sources,
    /// [`Filter::BasicAuth`].
    BasicAuth,
    /// [`Filter::Auth`].
    Auth,
    /// [`Filter::Errors`].
    Errors,
}

impl Filter {
    /// Its kind.
    pub fn kind(&self) -> FilterKind {
        match self {
            Self::ClientAuth(_) => FilterKind::ClientAuth,
            Self::Rules(_) => FilterKind::Rules,
            Self::AppRoot(_) => FilterKind::AppRoot,
            Self::Cors(_) => FilterKind::Cors,
            Self::Redirect(_) => FilterKind::Redirect,
            Self::Rewrite(_) => FilterKind::Rewrite,
            Self::HttpsRedirect(..) => FilterKind::HttpsRedirect,
            Self::AnswerUrls(_) => FilterKind::AnswerUrls,
            Self::Hsts(_) => FilterKind::Hsts,
            Self::NginxFields => FilterKind::NginxFields,
            Self::RequestFields(_) => FilterKind::RequestFields,
            Self::PodHost(_) => FilterKind::PodHost,
            Self::ResponseFields(_) => FilterKind::ResponseFields,
            Self::Affinity(_) => FilterKind::Affinity,
            Self::Mirror(_) => FilterKind::Mirror,
            Self::Limits(_) => FilterKind::Limits,
            Self::Sources(_) => FilterKind::Sources,
            Self::BasicAuth(_) => FilterKind::BasicAuth,
            Self::Auth(_) => FilterKind::Auth,
            Self::Errors(_) => FilterKind::Errors,
        }
    }

    /// Whether it lets nobody pass, because what it asks for is not known.
    pub fn closes(&self) -> bool {
        match self {
            Self::Rules(rules) => matches!(**rules, Rules::Closed(_)),
            Self::Limits(limits) => matches!(**limits, RequestLimits::Unreadable),
            Self::Sources(sources) => matches!(**sources, Sources::Unreadable),
            Self::BasicAuth(auth) => matches!(**auth, BasicAuth::Unknown),
            Self::Auth(auth) => matches!(**auth, ExternalAuth::Unusable),
            Self::ClientAuth(auth) => matches!(**auth, ClientAuth::Unknown),
            Self::AppRoot(_)
            | Self::Cors(_)
            | Self::Redirect(_)
            | Self::Rewrite(_)
            | Self::HttpsRedirect(..)
            | Self::AnswerUrls(_)
            | Self::Hsts(_)
            | Self::NginxFields
            | Self::RequestFields(_)
            | Self::PodHost(_)
            | Self::ResponseFields(_)
            | Self::Affinity(_)
            | Self::Mirror(_)
            | Self::Errors(_) => false,
        }
    }
}

impl FilterKind {
    /// All.
    pub const ALL: [Self; 20] = [
        Self::ClientAuth,
        Self::Rules,
        Self::AppRoot,
        Self::Cors,
        Self::Redirect,
        Self::Rewrite,
        Self::HttpsRedirect,
        Self::AnswerUrls,
        Self::Hsts,
        Self::NginxFields,
        Self::RequestFields,
        Self::PodHost,
        Self::ResponseFields,
        Self::Affinity,
        Self::Mirror,
        Self::Limits,
        Self::Sources,
        Self::BasicAuth,
        Self::Auth,
        Self::Errors,
    ];

    /// Short stable name, as in `Tidegate-Explanation`, metrics and the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientAuth => "client_certificate",
            Self::Rules => "rules",
            Self::AppRoot => "app_root",
            Self::Cors => "cors",
            Self::Redirect => "redirect_to",
            Self::Rewrite => "rewrite",
            Self::HttpsRedirect => "redirect",
            Self::AnswerUrls => "answer_urls",
            Self::Hsts => "hsts",
            Self::NginxFields => "nginx_fields",
            Self::RequestFields => "request_fields",
            Self::PodHost => "pod_host",
            Self::ResponseFields => "response_fields",
            Self::Affinity => "affinity",
            Self::Mirror => "mirror",
            Self::Limits => "limits",
            Self::Sources => "sources",
            Self::BasicAuth => "basic_auth",
            Self::Auth => "auth",
            Self::Errors => "errors",
        }
    }
}

/// When plain HTTP is sent to https.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpsRedirect {
    /// When a TLS entry covers the host.
    WithTls,
    /// Always, also where TLS ends at the load balancer.
    Always,
}

/// What the URL looks like that plain HTTP is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpsUrl {
    /// What becomes of a slash at its end.
    pub slash: TrailingSlash,
    /// Whether it has the port of https.
    pub port: PortInUrl,
    /// The status: 301, 302, 303, 307 or 308.
    pub status: u16,
}

impl Default for HttpsUrl {
    fn default() -> Self {
        Self { slash: TrailingSlash::default(), port: PortInUrl::default(), status: 308 }
    }
}

/// What becomes of a slash at the end of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrailingSlash {
    /// It stays.
    #[default]
    Kept,
    /// One is left out, also behind a query.
    Cut,
}

/// Whether a URL has a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortInUrl {
    /// Where it is not the usual one of its scheme.
    #[default]
    IfUnusual,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A redirect of all requests of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Redirect {
    /// Which annotation asks for it.
    pub kind: RedirectKind,
    /// The status, 300 to 399.
    pub status: u16,
    /// Where it leads.
    pub location: Location,
}

/// Which annotation asks for a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RedirectKind {
    /// `permanent-redirect`.
    Permanent,
    /// `temporal-redirect`.
    Temporal,
    /// `from-to-www-redirect`.
    Www,
    /// None: a rule has the path with a slash at its end (nginx `auto_redirect`).
    Slash,
}

/// Where a redirect leads. Nothing of the request goes into it but what is said here and what variables name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// This URL or path, as it is.
    Fixed(Template),
    /// This path of the scheme and host of the request.
    OnHost {
        /// The path, with a query where it has one.
        path: Template,
        /// Whether the port stays that the client gave.
        port: ClientPort,
    },
    /// The URL of the request under this host, with the port of the scheme and without a slash at its end.
    OtherHost(Hostname),
}

/// How long browsers keep to https where nothing else is said, in ingress-nginx: a year, in seconds.
pub const HSTS_AGE: u64 = 365 * 24 * 3600;

/// What browsers are told about https (RFC 6797).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hsts {
    /// How long they keep to it, seconds.
    pub max_age: u64,
    /// Whether hosts below the host are meant, too.
    pub includes_subdomains: bool,
    /// Whether browsers may have it built in.
    pub is_preloaded: bool,
}

/// Another path for requests (nginx `rewrite … break`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rewrite {
    /// The path. It has variables for what the groups of the route's pattern match. Where it is a URL of http or https, requests
    /// are answered with 302 to it.
    pub path: Template,
    /// The query that comes in front of the client's own.
    pub query: Option<Template>,
    /// Whether the client's own query goes on.
    pub keeps_query: bool,
    /// What pods get as `X-Forwarded-Prefix`.
    pub prefix: Option<Template>,
    /// Where there are any, they alone decide, and the query stays as it is (annotation `path-rewrite`).
    pub steps: Arc<[RewriteStep]>,
}

/// A change of a path that is made where the path matches (HAProxy `http-request replace-path`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RewriteStep {
    /// What a part of the path must match, as the client sent it or as the step before made it.
    pub pattern: Pattern,
    /// What takes the place of all of the path. It has variables for what the groups of the pattern match.
    pub path: Template,
}

/// Which clients a route is for, by their address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sources {
    /// It is not known, as a list cannot be read: for nobody (503).
    Unreadable,
    /// All but some (403).
    Lists {
        /// These are refused.
        denied: Networks,
        /// Of the others only these are served; `None`: all of them.
        allowed: Option<Networks>,
    },
}

/// Which clients a route is for, by name and password.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BasicAuth {
    /// It is not known: for nobody (503).
    Unknown,
    /// For those with a right password (401).
    Users {
        /// What clients are told that the password is for. Without control characters.
        realm: Arc<str>,
        /// The users.
        users: Arc<Users>,
        /// Clients with these addresses need no password; `None`: there are none (annotation `satisfy`).
        excused: Option<Excused>,
    },
}
