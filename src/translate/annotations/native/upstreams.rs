//! The endpoints of an upstream: their health, how many requests each has, and who waits.

use crate::model::ObjectName;

use super::super::draft::Draft;
use super::super::lines;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::upstream_options::{AskedCheck, RequestLimit, UpstreamOptions};
use super::super::value::Value;

/// Longest target or host, bytes.
const LONGEST: usize = 1024;

const SCOPES: &[Scope] = &[Scope::Ingress, Scope::Service];

fn of(draft: &mut Draft) -> &mut UpstreamOptions {
    &mut draft.options.of_rare().upstream
}

const fn row(key: &'static str, value: Value, default: &'static str, doc: &'static str) -> Annotation {
    Annotation { key, value, default, scopes: SCOPES, verdict: Verdict::Exact, doc }
}

/// By key.
pub(super) const ROWS: [Annotation; 14] = [
    row(
        "ejection-failures",
        Value::Count(|draft, failures| of(draft).ejection = Some(failures)),
        "`0`: only connections that fail are noted",
        "After so many failures one after the other, connections that fail, answers that do not come and statuses of 500 and more\n\
         alike, a pod gets no requests for a while, unless half of the pods of its Service are left out already. Each further time lasts\n\
         twice as long, up to ten times the first.",
    ),
    row(
        "ejection-time",
        Value::Time(|draft, time| of(draft).ejection_time = Some(time)),
        "`30s`",
        "For how long, the first time.",
    ),
    row(
        "hash-balance-factor",
        Value::Count(|draft, percent| of(draft).hash_bound = Some(percent)),
        "`0`: any load",
        "Of requests that go to a pod by a key (`upstream-hash-by`): how much of the mean load their pod may have, in percent, such as\n\
         `125`, before they go to the next one of their key; at least `100`. Consistent hashing with bounded load.",
    ),
    row(
        "health-check",
        Value::Text {
            values: "`off`, `tcp`, or a method, a path and perhaps good statuses: `GET /healthz`, `HEAD / 200-299`",
            read: kind,
        },
        "`off`: readiness alone decides",
        "Checks each pod that is ready, from this process: whether it takes a connection, or answers a request over HTTP/1.1 (through\n\
         TLS where its pods are spoken to so; a connection alone where they speak nothing but HTTP/2) with a status from 200 to 399, or\n\
         with one that is named. A pod whose checks are bad gets no requests while another one is up. While all are down requests go to\n\
         all of them, and the log says so. Routes of one Service that ask for different checks have all of them: a pod is up when all\n\
         say so.",
    ),
    row(
        "health-check-fall",
        Value::Count(|draft, fall| of(draft).checks.fall = Some(fall)),
        "`3`",
        "Bad checks one after the other after which a pod is down. The first check of a pod decides alone.",
    ),
    row(
        "health-check-headers",
        Value::Text { values: "up to 64 lines with `Name: value`", read: fields },
        "none",
        "More header fields of the request that checks. `Host`, `Connection` and the length are not among them.",
    ),
    row(
        "health-check-host",
        Value::Text { values: "a host, perhaps with a port", read: host },
        "`localhost`",
        "`Host` of the request that checks.",
    ),
    row(
        "health-check-interval",
        Value::Time(|draft, interval| of(draft).checks.interval = Some(interval)),
        "`2s`",
        "Time between two checks of a pod, up to a tenth more or less. At least `100ms`.",
    ),
    row(
        "health-check-rise",
        Value::Count(|draft, rise| of(draft).checks.rise = Some(rise)),
        "`2`",
        "Good checks one after the other after which a pod is up again.",
    ),
    row(
        "health-check-timeout",
        Value::Time(|draft, timeout| of(draft).checks.timeout = Some(timeout)),
        "the time between two checks",
        "How long a check may take, connecting included: `10s` at the most.",
    ),
    row(
        "max-requests-per-endpoint",
        Value::Count(|draft, requests| of(draft).endpoint_requests = Some(RequestLimit::OfEach(requests))),
        "`0`: no limit but `--upstream-max-requests`",
        "Requests in flight of each pod at the most, those of all threads and routes of this process counted; with several replicas\n\
         each has this limit. What is more waits in a queue of the Service, first in, first out. A pod that a cookie or a key leads to\n\
         and that is full is passed over.",
    ),
    row(
        "queue-length",
        Value::Count(|draft, length| of(draft).queue_length = Some(length)),
        "`1024`",
        "Requests that may wait for a pod that is not full. More get 503 at once; with `0` none waits.",
    ),
    row(
        "queue-timeout",
        Value::Time(|draft, timeout| of(draft).queue_timeout = Some(timeout)),
        "`5s`",
        "How long a request may wait for a pod that is not full. Then it gets 503.",
    ),
    row(
        "slow-start",
        Value::Time(|draft, time| of(draft).slow_start = Some(time)),
        "a pod gets its share at once",
        "For so long a pod that has come, or is back after it was down or left out, gets less than its share: a twentieth at first, and\n\
         more and more. Requests that a cookie or a key leads there are not held back.",
    ),
];

fn kind(draft: &mut Draft, text: &str, _: &ObjectName) -> Option<()> {
    let kind = match text.trim() {
        "off" => AskedCheck::Off,
        "tcp" => AskedCheck::Tcp,
        request => {
            let mut words = request.split_ascii_whitespace();
            let (method, target, good) = (words.next()?, words.next()?, words.next());
            let is_method = (1..=16).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
            let is_target = target.starts_with('/')
                && target.len() <= LONGEST
                && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
            // A method that has no answer, or another one, checks nothing.
            let is_possible = !["CONNECT", "TRACE"].contains(&method);
            if words.next().is_some() || !is_method || !is_target || !is_possible {
                return None;
            }
            AskedCheck::Http {
                method: method.into(),
                target: target.into(),
                host: None,
                is_http10: false,
                good: good.map_or(Some((200, 399)), statuses)?,
            }
        }
    };
    of(draft).checks.kind = Some(kind);
    Some(())
}

/// `200` or `200-299`.
fn statuses(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| {
        let is_status = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|status| is_status && (200..=599).contains(status))
    };
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some((first, last))
}

fn host(draft: &mut Draft, text: &str, _: &ObjectName) -> Option<()> {
    let is_host = !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    is_host.then(|| of(draft).checks.host = Some(text.into()))
}

fn fields(draft: &mut Draft, text: &str, _: &ObjectName) -> Option<()> {
    let mut all = String::new();
    for line in lines::each(text)? {
        let (name, value) = line.split_once(':')?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_ours =
            ["host", "connection", "content-length", "transfer-encoding", "expect", "upgrade", "te", "trailer"]
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours));
        if name.is_empty() || !name.bytes().all(is_token) || is_ours {
            return None;
        }
        all += &format!("{name}: {}\r\n", value.trim_matches([' ', '\t']));
    }
    of(draft).checks.fields = Some(all.into());
    Some(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{CheckKind, RoutePolicy};

    fn policy(pairs: &[(&str, &str)]) -> Option<RoutePolicy> {
        let mut draft = Draft::default();
        for (key, value) in pairs {
            let row = ROWS.iter().find(|row| row.key == *key).unwrap();
            row.value.read(&mut draft, value, &ObjectName::new("shop", "web"))?;
        }
        let mut policy = RoutePolicy::default();
        of(&mut draft).apply(&mut policy, std::num::NonZeroU32::MIN);
        Some(policy)
    }

    #[test]
    fn checks_are_a_connection_or_a_request() {
        let request = |pairs: &[(&str, &str)]| match &policy(pairs).unwrap().checks.unwrap().kind {
            CheckKind::Http(http) => (http.request.to_string(), http.is_head, http.good),
            CheckKind::Tcp => panic!("a request"),
        };
        let all = [
            ("health-check", "HEAD /up?x=1 200-204"),
            ("health-check-host", "app.example:8080"),
            ("health-check-headers", "X-A: b\n  Authorization:  Basic eA==  "),
        ];
        let expected = "HEAD /up?x=1 HTTP/1.1\r\nHost: app.example:8080\r\nUser-Agent: tidegate-check\r\nX-A: b\r\n\
                        Authorization: Basic eA==\r\nConnection: close\r\n\r\n";
        assert_eq!(request(&all), (expected.to_owned(), true, (200, 204)));
        assert_eq!(request(&[("health-check", "GET /")]).2, (200, 399));
        assert!(policy(&[("health-check", "off")]).unwrap().checks.is_none());
        let tcp = policy(&[("health-check", "tcp"), ("health-check-interval", "500ms"), ("health-check-fall", "0")]);
        let tcp = tcp.unwrap().checks.unwrap();
        assert_eq!(
            (&tcp.kind, tcp.interval, tcp.timeout),
            (&CheckKind::Tcp, Duration::from_millis(500), Duration::from_millis(500))
        );
        assert_eq!((tcp.rise, tcp.fall), (2, 1));
    }

    #[test]
    fn what_would_be_another_request_is_no_check() {
        for (key, value) in [
            ("health-check", ""),
            ("health-check", "GET"),
            ("health-check", "get /"),
            ("health-check", "GET healthz"),
            ("health-check", "GET / 99"),
            ("health-check", "GET / 300-200"),
            ("health-check", "GET / 200 x"),
            ("health-check", "CONNECT /"),
            ("health-check", "GET /a\u{e9}"),
            ("health-check-host", "a\r\nX: y"),
            ("health-check-host", ""),
            ("health-check-headers", "Host: a"),
            ("health-check-headers", "Content-Length: 5"),
            ("health-check-headers", "X y: z"),
            ("health-check-interval", "5"),
            ("health-check-interval", "-1s"),
        ] {
            assert!(policy(&[(key, value)]).is_none(), "{key} {value:?}");
        }
    }

    #[test]
    fn a_limit_has_a_queue_unless_that_is_forbidden() {
        let with = |pairs: &[(&str, &str)]| {
            let policy = policy(pairs).unwrap();
            (policy.endpoint_requests.map(u32::from), policy.queue.map(|queue| (queue.length, queue.timeout.as_secs())))
        };
        assert_eq!(with(&[("max-requests-per-endpoint", "10")]), (Some(10), Some((1024, 5))));
        assert_eq!(with(&[("max-requests-per-endpoint", "10"), ("queue-length", "0")]), (Some(10), None));
        assert_eq!(with(&[("max-requests-per-endpoint", "0"), ("queue-length", "5")]), (None, None));
        let both = [("max-requests-per-endpoint", "1"), ("queue-length", "5"), ("queue-timeout", "1m")];
        assert_eq!(with(&both), (Some(1), Some((5, 60))));
    }
}
