//! The annotations of ingress-nginx: rows by topic, with the values that it takes and a verdict on what is different here.
//!
//! A row says what an annotation does where it stands. What ingress-nginx does without it, its defaults, is no part of this:
//! an Ingress without annotations is served as ours are.

mod balance;
mod buffers;
mod https;
mod limits;
mod obsolete;
mod pod_tls;
mod pods;
mod redirects;
mod retries;
mod sources;
mod url;

use super::table::{Dialect, Unlisted};

/// Whether an annotation with this key, which has no prefix, says how pods are spoken to.
pub(super) fn concerns_pods(short: &str) -> bool {
    pods::ROWS.iter().chain(&pod_tls::ROWS).any(|row| row.key == short)
}

/// `nginx.ingress.kubernetes.io/…`.
pub(super) const DIALECT: Dialect = Dialect {
    title: "ingress-nginx's",
    prefix: "nginx.ingress.kubernetes.io/",
    unlisted: Unlisted::Foreign,
    groups: &[
        &https::ROWS,
        &redirects::ROWS,
        &sources::ROWS,
        &limits::ROWS,
        &retries::ROWS,
        &balance::ROWS,
        &pods::ROWS,
        &pod_tls::ROWS,
        &buffers::ROWS,
        &obsolete::ROWS,
    ],
};
