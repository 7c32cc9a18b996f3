//! The intermediate representation: what translation produces and the data plane executes.
//!
//! Plain immutable data: comparable, printable, free of Kubernetes types, sockets and async code. A snapshot is a
//! set of *units*, one for each host; a change to the cluster replaces the units it touches and nothing else.

mod affinity;
mod answer_urls;
mod basic_credentials;
mod certificate;
mod checks;
mod client_auth;
mod client_certificate;
mod client_port;
mod client_trust;
mod closest;
mod condition;
mod cors;
mod distinguished_name;
mod endpoint_override;
mod error_pages;
mod external_auth;
mod external_name;
mod field_edits;
mod filter;
mod filter_needs;
mod filters;
mod host;
mod kind;
mod listener;
mod listener_key;
mod mirror;
mod names;
mod networks;
mod origin;
mod password_hash;
mod pattern;
mod persistent_map;
mod pod_head;
mod pod_tls;
mod policy;
mod precedence;
mod problem;
mod replica;
mod request_limits;
mod retry_rule;
mod route;
mod route_match;
mod rules;
mod shared_keys;
mod snapshot;
mod stream;
mod template;
mod upstream;
mod users;

pub use affinity::{
    Affinity, AffinityMode, EmptyText, Preference, SameSite, Scripts, SessionCookie, key_of, pod_identity, score, token,
};
pub use answer_urls::{AnswerUrls, Replacement, Sought};
pub use basic_credentials::basic_credentials;
pub use certificate::{Certificate, CertificateError, PrivateKey};
pub use checks::{CheckKind, Checks, HttpCheck};
pub use client_auth::{AskedOf, CertificateForwarding, CertificateNeed, ClientAuth, ClientRule};
pub use client_certificate::{CertificateNames, common_name, escaped_pem, is_signed_in_handshake, key_of_certificate};
pub use client_port::ClientPort;
pub use client_trust::{ClientFault, ClientTrust, CrlError};
pub use closest::{closest, is_slip};
pub use condition::{Clause, Comparison, Condition, Subject, Term};
pub use cors::{Cors, Credentials, OriginPattern, Origins};
pub use endpoint_override::{Applies, EndpointOverride, OverrideOf, PodMark};
pub use error_pages::ErrorPages;
pub use external_auth::{AnswerLife, AuthCookiesOn, AuthMemoryRule, AuthService, EnoughPassword, ExternalAuth, SignIn};
pub use external_name::{ExternalName, LookupFailure, Resolution};
pub use field_edits::{EditedAnswers, EditedName, FieldChange, FieldEdit};
pub use filter::TrailingSlash;
pub use filter::{
    BasicAuth, Filter, FilterKind, HSTS_AGE, Hsts, HttpsRedirect, HttpsUrl, Location, PortInUrl, Redirect,
    RedirectKind, Rewrite, RewriteStep, Sources,
};
pub use filter_needs::Needs;
pub use filters::Filters;
pub use host::{HostKey, HostSpec, Tenancy, TenantTls, TlsSpec, Unmatched};
pub use kind::{ObjectKind, Resource};
pub use listener::{Application, ListenerSet, ListenerSpec};
pub use listener_key::{ListenerKey, Transport};
pub use mirror::{Mirror, MirrorBody};
pub use names::{HostPattern, Hostname, HostnameError, Labels, ObjectName, ObjectRef};
pub use networks::{Excused, Networks};
pub use origin::{Origin, Place};
pub use password_hash::{HashFault, HashParts, PasswordHash, Sha};
pub use pattern::{Pattern, PatternError, anchored};
pub use persistent_map::PersistentMap;
pub use pod_head::{PodConnection, PodHead, PodHost, PodVersion};
pub use pod_tls::{CaBundle, CaError, ClientCertificate, NameCheck, PodTls, Sni, TlsHttp, TlsVersions, Verification};
pub use policy::{AnswerRate, Balance, Ejection, LogLines, Queue, RoutePolicy, RouteTimeouts};
pub use precedence::Precedence;
pub use problem::{Problem, ProblemCode, Severity};
pub use replica::{Replica, Replicas};
pub use request_limits::{KnownLimits, Rate, RequestLimits};
pub use retry_rule::{RetryCase, RetryRule};
pub use route::{Action, Canary, CanaryHeader, CanaryRule, CanaryValue, Reply, RouteSpec, Split, WeightedBackend};
pub use route_match::{AskedWhen, HeaderMatch, PathMatch, Predicates, QueryMatch, RouteMatch, ValueMatch};
pub use rules::{Rule, RuleAnswer, RuleTest, Rules, RulesBy};
pub use shared_keys::{KeyUse, SharedKeys, SharedKeysFault};
pub use snapshot::{Snapshot, UnitKey};
pub use stream::{HeaderOfClients, HeaderVersion, StreamAffinity, StreamRoute, StreamSpec};
pub use template::{Captures, Part, Template, TemplateError, Variable};
pub use upstream::{
    BackendName, EndpointPort, EndpointSpec, EndpointState, PortRef, Protocol, UpstreamKey, UpstreamSpec, Weight,
};
pub use users::{EntryFault, EntryPlace, PasswordAnswer, SecretUsers, UserFault, UserList, Users};
