//! The annotations of ingress-nginx: rows by topic, with the values that it takes and a verdict on what is different here.
//!
//! A row says what an annotation does where it stands. What ingress-nginx does without it, its defaults, is no part of this:
//! an Ingress without annotations is served as ours are.

mod affinity;
mod answer_urls;
mod auth;
mod balance;
mod buffers;
mod canary;
mod client_certificates;
pub(super) mod config_map_name;
mod cors;
mod custom_headers;
mod errors;
mod external_auth;
mod hosts;
mod https;
mod limits;
mod logs;
mod mirrors;
mod modsecurity;
mod obsolete;
mod pace;
mod paths;
mod pod_tls;
mod pods;
mod rates;
mod redirects;
mod retries;
mod secret_name;
mod snippets;
pub(super) mod sources;
mod tls;
mod traces;
mod url;
mod variables;
mod words;

use super::table::{Dialect, Unlisted};

pub(super) use auth::{realm, secret as name_secret};
pub(super) use cors::tokens;
pub(super) use secret_name::of as secret_of;
pub(super) use sources::networks;

/// Whether an annotation with this key, which has no prefix, says how pods are spoken to.
pub(super) fn concerns_pods(short: &str) -> bool {
    pods::ROWS.iter().chain(&pod_tls::ROWS).any(|row| row.key == short)
}

/// `nginx.ingress.kubernetes.io/…`.
pub(super) const DIALECT: Dialect = Dialect {
    title: "ingress-nginx's",
    prefix: "nginx.ingress.kubernetes.io/",
    others: &[],
    unlisted: Unlisted::Foreign,
    groups: &[
        &https::ROWS,
        &hosts::ROWS,
        &paths::ROWS,
        &redirects::ROWS,
        &sources::ROWS,
        &external_auth::ROWS,
        &errors::ROWS,
        &mirrors::ROWS,
        &cors::ROWS,
        &custom_headers::ROWS,
        &rates::ROWS,
        &answer_urls::ROWS,
        &auth::ROWS,
        &client_certificates::ROWS,
        &limits::ROWS,
        &canary::ROWS,
        &retries::ROWS,
        &logs::ROWS,
        &pace::ROWS,
        &balance::ROWS,
        &affinity::ROWS,
        &pods::ROWS,
        &pod_tls::ROWS,
        &buffers::ROWS,
        &snippets::ROWS,
        &modsecurity::ROWS,
        &tls::ROWS,
        &traces::ROWS,
        &obsolete::ROWS,
    ],
};
