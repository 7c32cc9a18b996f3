//! The annotations of haproxytech's kubernetes-ingress 3.2: rows by topic, with the values that it takes and a verdict on what is
//! different here.
//!
//! Those that say how pods are spoken to may stand on a Service too, and win there over an Ingress, as in its own documentation.
//! What it does without an annotation, its defaults, is no part of this.

mod acl;
mod auth;
mod capacity;
mod checks;
mod cookies;
mod cors;
mod fields;
mod https;
mod load_balance;
mod obsolete;
mod path_rewrite;
mod pod_tls;
mod pods;
mod rates;
mod redirects;
mod refused;
mod route_acl;
mod sources;

pub use acl::{AclError, condition};
pub(super) use refused::may_restrict;

use super::table::{Annotation, Dialect, OtherPrefix, Scope, Unlisted, Verdict};
use super::value::Value;

/// What an Ingress alone may carry.
const INGRESS: &[Scope] = &[Scope::Ingress];
/// What a Service alone may carry.
const SERVICE: &[Scope] = &[Scope::Service];
/// What both may carry.
const BOTH: &[Scope] = &[Scope::Ingress, Scope::Service];

/// Whether an annotation with this key, which has no prefix, says how pods are spoken to.
pub(super) fn concerns_pods(short: &str) -> bool {
    pod_tls::ROWS.iter().any(|row| row.key == short)
}

/// A row: key, values, what holds without it, what may carry it, verdict, what it does.
const fn row(
    key: &'static str,
    value: Value,
    default: &'static str,
    scopes: &'static [Scope],
    verdict: Verdict,
    doc: &'static str,
) -> Annotation {
    Annotation { key, value, default, scopes, verdict, doc }
}

/// `haproxy.org/…`.
pub(super) const DIALECT: Dialect = Dialect {
    title: "haproxytech's",
    prefix: "haproxy.org/",
    others: &[
        OtherPrefix { prefix: "haproxy.com/", is_shared: false, unlisted: Unlisted::Unknown },
        OtherPrefix { prefix: "ingress.kubernetes.io/", is_shared: true, unlisted: Unlisted::Foreign },
    ],
    unlisted: Unlisted::Unknown,
    groups: &[
        &https::ROWS,
        &redirects::ROWS,
        &route_acl::ROWS,
        &path_rewrite::ROWS,
        &fields::ROWS,
        &cors::ROWS,
        &sources::ROWS,
        &rates::ROWS,
        &auth::ROWS,
        &load_balance::ROWS,
        &cookies::ROWS,
        &pods::ROWS,
        &pod_tls::ROWS,
        &checks::ROWS,
        &capacity::ROWS,
        &refused::ROWS,
        &obsolete::ROWS,
    ],
};
