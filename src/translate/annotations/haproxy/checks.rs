//! How pods are checked.

use super::super::draft::Draft;
use super::super::table::{Annotation, Verdict};
use super::super::upstream_options::{AskedCheck, CheckOptions};
use super::super::value::Value;
use super::{BOTH, row};

fn of(draft: &mut Draft) -> &mut CheckOptions {
    &mut draft.options.of_rare().upstream.checks
}

/// By key.
pub(super) const ROWS: [Annotation; 4] = [
    row(
        "check",
        Value::LooseBoolean(|draft, is_set| of(draft).is_on = Some(is_set)),
        "none (haproxytech's controller: `true`)",
        BOTH,
        Verdict::Different("without the annotation pods are not checked: Kubernetes' own readiness decides"),
        "Whether pods are checked, by connecting to them or by `check-http`. While all pods of a Service are down requests go to all of\n\
         them.",
    ),
    row(
        "check-http",
        Value::Text {
            values: "a path; a method and a path; or a method, a path and `HTTP/1.0` or `HTTP/1.1`, perhaps with `\\r\\nHost:\\ NAME` behind it",
            read: |draft, text, _| {
                of(draft).kind = Some(request(text.trim())?);
                Some(())
            },
        },
        "none: a connection is enough",
        BOTH,
        Verdict::Exact,
        "The request of a check. Its answer must have a status from 200 to 399.",
    ),
    row(
        "check-interval",
        Value::HaproxyTime(|draft, time| of(draft).interval = Some(time)),
        "`2s`",
        BOTH,
        Verdict::Exact,
        "The time between two checks of a pod.",
    ),
    row(
        "timeout-check",
        Value::HaproxyTime(|draft, time| of(draft).timeout = Some(time)),
        "`check-interval`",
        BOTH,
        Verdict::Exact,
        "Longest time that the answer to a check takes, once there is a connection.",
    ),
];

/// Reads the request of a check. `None`: it is none.
fn request(text: &str) -> Option<AskedCheck> {
    // HAProxy has no other way to say a host in one argument.
    let (line, host) = match text.split_once("\\r\\n") {
        Some((line, rest)) => (line, Some(rest)),
        None => (text, None),
    };
    let host = match host {
        Some(rest) => {
            let (name, value) = rest.split_once(':')?;
            let value = value.trim_start_matches(['\\', ' ']);
            let is_host =
                !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
            (name.eq_ignore_ascii_case("host") && is_host).then_some(value)?;
            Some(value.into())
        }
        None => None,
    };
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let (method, path, version) = match *words {
        [path] => ("OPTIONS", path, "HTTP/1.0"),
        [method, path] => (method, path, "HTTP/1.0"),
        [method, path, version] => (method, path, version),
        _ => return None,
    };
    let is_method = (1..=32).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_path =
        path.starts_with('/') && path.len() <= 1024 && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let is_http10 = match version {
        "HTTP/1.0" => true,
        "HTTP/1.1" => false,
        _ => return None,
    };
    (is_method && is_path && !["CONNECT", "TRACE"].contains(&method)).then(|| AskedCheck::Http {
        method: method.into(),
        target: path.into(),
        host,
        is_http10,
        good: (200, 399),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_a_path_with_a_method_and_a_version_perhaps() {
        let read = |text: &str| {
            let AskedCheck::Http { method, target, host, is_http10, .. } = request(text)? else { return None };
            let version = if is_http10 { "1.0" } else { "1.1" };
            Some(format!("{method} {target} {version} {}", host.as_deref().unwrap_or("-")))
        };
        for (text, expected) in [
            ("/health", "OPTIONS /health 1.0 -"),
            ("HEAD /health", "HEAD /health 1.0 -"),
            ("GET /health?full HTTP/1.1", "GET /health?full 1.1 -"),
            ("GET / HTTP/1.1\\r\\nHost:\\ a.example", "GET / 1.1 a.example"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "health",
            "GET",
            "get /x",
            "GET /x HTTP/2",
            "GET /x HTTP/1.1 y",
            "GET / HTTP/1.1\\r\\nX: y",
            "GET /\u{1}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
