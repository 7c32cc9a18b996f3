//! Redirects to another host.

use super::super::options::RedirectStatus;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{INGRESS, row};
use crate::model::{Captures, PodHost, Template};

/// By key.
pub(super) const ROWS: [Annotation; 2] = [
    row(
        "request-redirect",
        Value::Text {
            values: "`host` or `host:port`",
            read: |draft, text, _| {
                // A host in a URL is what a host in `Host` is.
                let host = text.trim();
                if !PodHost::is_one(host) || host.contains('$') {
                    return None;
                }
                let url = Template::parse(&format!("$scheme://{host}$request_uri"), Captures::Refused).ok()?;
                draft.options.of_locations().temporal = Some(url);
                Some(())
            },
        },
        "none",
        INGRESS,
        Verdict::Exact,
        "Answers every request with 302 to the same URL at this host, with the scheme that the client used, before the redirect to https.",
    ),
    row(
        "request-redirect-code",
        Value::Text {
            values: "`301`, `302`, `303`, `307` or `308`",
            read: |draft, text, _| {
                draft.options.of_locations().temporal_status = Some(RedirectStatus::parse(text.trim())?.code());
                Some(())
            },
        },
        "`302`",
        INGRESS,
        Verdict::Exact,
        "The status of `request-redirect`.",
    ),
];
