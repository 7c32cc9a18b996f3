//! The annotations of ingress-nginx: rows by topic, with the values that it takes and a verdict on what is different here.
//!
//! A row says what an annotation does where it stands. What ingress-nginx does without it, its defaults, is no part of this:
//! an Ingress without annotations is served as ours are.

mod balance;
mod buffers;
mod cors;
mod https;
mod limits;
mod logs;
mod obsolete;
mod pace;
mod rates;
mod redirects;
mod rewrites;
mod sources;
mod url;

use super::table::{Dialect, Unlisted};

/// `nginx.ingress.kubernetes.io/…`.
pub(super) const DIALECT: Dialect = Dialect {
    title: "ingress-nginx's",
    prefix: "nginx.ingress.kubernetes.io/",
    unlisted: Unlisted::Foreign,
    groups: &[
        &https::ROWS,
        &redirects::ROWS,
        &sources::ROWS,
        &cors::ROWS,
        &rates::ROWS,
        &rewrites::ROWS,
        &limits::ROWS,
        &logs::ROWS,
        &pace::ROWS,
        &balance::ROWS,
        &buffers::ROWS,
        &obsolete::ROWS,
    ],
};
