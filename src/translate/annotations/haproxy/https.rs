//! The redirect to https, and connections that are passed on as they are.

use super::super::options::RedirectStatus;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{BOTH, INGRESS, row};
use crate::model::PortInUrl;

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    row(
        "ssl-passthrough",
        Value::LooseBoolean(|draft, is_set| {
            if is_set {
                draft.refuses(
                    "has no effect: TLS ends here, so pods that speak TLS themselves get no connection of clients",
                    "Use haproxy.org/server-ssl \"true\" with a certificate for the host, or a Service of type LoadBalancer",
                );
            }
        }),
        "`false`",
        BOTH,
        Verdict::Judged("`true`, as TLS ends here; `false` is exact"),
        "Whether connections go to pods as they are, by the name in their TLS handshake.",
    ),
    row(
        "ssl-redirect",
        Value::LooseBoolean(|draft, is_set| {
            let redirect = &mut draft.options.redirect;
            (redirect.with_tls, redirect.always) = (Some(is_set), Some(is_set));
        }),
        "`--ssl-redirect` (`true`), which counts where a TLS entry covers the host",
        INGRESS,
        Verdict::Exact,
        "Answers plain HTTP with a redirect to https: with `true` also where no TLS entry covers the host, with `false` never. A request\n\
         whose `X-Forwarded-Proto` says https and comes from a trusted proxy is served, and so is `/.well-known/acme-challenge/`.",
    ),
    row(
        "ssl-redirect-code",
        Value::Text {
            values: "`301`, `302`, `303`, `307` or `308`",
            read: |draft, text, _| {
                draft.options.redirect.status = Some(RedirectStatus::parse(text.trim())?);
                Some(())
            },
        },
        "`308` (haproxytech's controller: `302`)",
        INGRESS,
        Verdict::Exact,
        "The status of the redirect to https.",
    ),
    row(
        "ssl-redirect-port",
        Value::Text {
            values: "a port",
            read: |draft, text, _| {
                let port: u16 = text.trim().parse().ok().filter(|port| *port != 0)?;
                if port == 443 {
                    draft.options.redirect.port = Some(PortInUrl::Never);
                } else {
                    draft.refuses(
                        "has no effect: the port of https is the same for all hosts, that of --public-https-port",
                        "Ask the operator for --public-https-port (chart: publicPorts.https)",
                    );
                }
                Some(())
            },
        },
        "that of `--public-https-port` (443)",
        INGRESS,
        Verdict::Judged("another port than 443, which the operator sets with `--public-https-port`"),
        "The port of https in URLs of the redirect, as clients see it.",
    ),
];
