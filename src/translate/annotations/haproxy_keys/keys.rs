//! The keys of the ConfigMap of haproxytech's kubernetes-ingress that no annotation has.

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// A key that sets nothing here.
#[derive(Debug)]
pub(super) struct Idle {
    /// Its name.
    pub(super) key: &'static str,
    /// The values that are not told, because what they ask for holds anyway.
    pub(super) usual: &'static [&'static str],
    /// What comes of it.
    pub(super) then: Then,
}

/// What comes of a key that sets nothing here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// It need not: why.
    Needless(&'static str),
    /// What it asks for is missing: why, and what to do instead.
    Refused {
        /// Why.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// The same, and it restricts access: nobody is served.
    Closes {
        /// Why.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// The same, but for text that has none of the words of directives that restrict access.
    ClosesIfRestricting {
        /// Why.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
}

const fn row(
    key: &'static str,
    set: fn(&mut Draft, std::time::Duration),
    default: &'static str,
    doc: &'static str,
) -> Annotation {
    Annotation { key, value: Value::HaproxyTime(set), default, scopes: &[Scope::Ingress], verdict: Verdict::Exact, doc }
}

/// Keys that set something for all Ingresses, as rows of annotations do for one.
pub(super) static ACTING: [Annotation; 2] = [
    row(
        "timeout-connect",
        |draft, time| draft.options.of_policy().connect = Some(time),
        "`5s`",
        "Longest wait for a connection to a pod.",
    ),
    row(
        "timeout-tunnel",
        |draft, time| draft.options.of_policy().tunnel = Some(time),
        "`1h`",
        "A tunnel (WebSocket) on which nothing moves for so long is closed.",
    ),
];

/// The options that set the same as a key, and win where they are given.
pub(super) const OPTIONS: [(&str, &str); 5] = [
    ("load-balance", "--balance"),
    ("ssl-redirect", "--ssl-redirect"),
    ("timeout-connect", "--connect-timeout"),
    ("timeout-server", "--response-timeout"),
    ("timeout-tunnel", "--tunnel-idle-timeout"),
];

const fn needless(key: &'static str, why: &'static str) -> Idle {
    Idle { key, usual: &[], then: Then::Needless(why) }
}

const fn refused(key: &'static str, usual: &'static [&'static str], why: &'static str, instead: &'static str) -> Idle {
    Idle { key, usual, then: Then::Refused { why, instead } }
}

const OF_PROCESS: &str = "it is a setting of the whole process";
const NO_OBJECTS: &str = "objects of ingress.v3.haproxy.org are not read";
const NO_DIRECTIVES: &str = "directives of HAProxy are not read";

/// Keys that set nothing here, in alphabetical order.
pub(super) static IDLE: &[Idle] = &[
    needless("clean-certs", "certificates are in no files"),
    Idle {
        key: "client-ca",
        usual: &[],
        then: Then::Closes {
            why: "certificates of clients are asked for by each Ingress, and not for all hosts",
            instead: "use nginx.ingress.kubernetes.io/auth-tls-secret on each Ingress, and remove the key",
        },
    },
    needless("client-crt-optional", "it says something of client-ca alone"),
    refused(
        "client-strict-sni",
        &["false"],
        "clients that ask for a host without a certificate get the default certificate, and 404 or 421 behind it",
        "leave it out",
    ),
    refused("cr-defaults", &[], NO_OBJECTS, "use options and annotations"),
    refused("cr-frontend-http", &[], NO_OBJECTS, "use options and annotations"),
    refused("cr-frontend-https", &[], NO_OBJECTS, "use options and annotations"),
    refused("cr-frontend-stats", &[], NO_OBJECTS, "use options and annotations"),
    refused("cr-global", &[], NO_OBJECTS, "use options and annotations"),
    needless("dontlognull", "connections without a request are in no log of requests"),
    Idle {
        key: "frontend-config-snippet",
        usual: &[],
        then: Then::ClosesIfRestricting { why: NO_DIRECTIVES, instead: "use options and annotations" },
    },
    refused(
        "generate-certificates-signer",
        &[],
        "no certificates are made for hosts that have none",
        "use cert-manager, or a certificate for a wildcard",
    ),
    refused("global-config-snippet", &[], NO_DIRECTIVES, "use options"),
    refused("hard-stop-after", &[], OF_PROCESS, "use --drain-timeout (chart: drain.timeout)"),
    needless("http-connection-mode", "connections are kept on both sides, as far as each peer wishes"),
    needless("http-keep-alive", "connections are kept on both sides, as far as each peer wishes"),
    needless("http-server-close", "connections are kept on both sides, as far as each peer wishes"),
    refused("log-format", &[], OF_PROCESS, "use --access-log-format"),
    refused(
        "log-format-tcp",
        &[],
        OF_PROCESS,
        "leave it out: connections that are no HTTP are not served by Ingresses",
    ),
    needless("logasap", "a request is logged when it is over"),
    refused("maxconn", &[], OF_PROCESS, "use --max-connections"),
    refused("nbthread", &[], OF_PROCESS, "use --workers"),
    refused(
        "prometheus-endpoint-auth-secret",
        &[],
        "metrics are at an address of their own, which asks nobody",
        "let a NetworkPolicy guard the address of --admin",
    ),
    refused("proxy-protocol", &[], OF_PROCESS, "use --proxy-protocol and --trusted-proxies"),
    refused("quic-alt-svc-max-age", &[], "HTTP/3 is not spoken", "leave it out"),
    refused("ssl-certificate", &[], OF_PROCESS, "use --default-certificate (chart: defaultCertificate)"),
    refused("stats-config-snippet", &[], NO_DIRECTIVES, "see docs/metrics.md for what is counted"),
    refused("syslog-server", &[], "logs go to standard output", "let the cluster collect them"),
    refused("timeout-client", &[], OF_PROCESS, "use --body-gap-timeout and --send-timeout"),
    needless("timeout-client-fin", "a connection that one side has ended is closed"),
    refused("timeout-http-keep-alive", &[], OF_PROCESS, "use --idle-timeout"),
    refused("timeout-http-request", &[], OF_PROCESS, "use --head-timeout"),
    needless("timeout-server-fin", "a connection that one side has ended is closed"),
    refused("tls-alpn", &["h2,http/1.1"], "clients choose HTTP/2 or HTTP/1.1", "leave it out"),
];

/// Annotations that a ConfigMap cannot have.
pub(super) const NOT_FOR_ALL: [&str; 2] = ["route-acl", "standalone-backend"];
