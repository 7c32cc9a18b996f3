//! Whether a request asks for a canary, or for its main backend (nginx `canary-by-header`, `canary-by-cookie`).

use super::cookies::cookie;
use crate::http1::{Field, RequestHead};
use crate::model::{CanaryHeader, CanaryRule, CanaryValue};

/// What a request says; `None`: nothing, so that chance decides.
pub fn canary(rule: &CanaryRule, request: &RequestHead, head: &[u8]) -> Option<bool> {
    let by_header = rule.header.as_ref().and_then(|header| of_header(header, request, head));
    by_header.or_else(|| word(cookie(request, head, rule.cookie.as_ref()?)?))
}

fn of_header(header: &CanaryHeader, request: &RequestHead, head: &[u8]) -> Option<bool> {
    let is_it = |field: &&Field| field.name.of(head).eq_ignore_ascii_case(header.name.as_bytes());
    let value = request.fields.iter().find(is_it)?.value.of(head);
    match &header.value {
        CanaryValue::Word => word(value),
        CanaryValue::Exact(wanted) => (value == wanted.as_bytes()).then_some(true),
        CanaryValue::Matching(pattern) => pattern.regex().is_match(value).then_some(true),
        CanaryValue::Never => Some(false),
    }
}

fn word(value: &[u8]) -> Option<bool> {
    match value {
        b"always" => Some(true),
        b"never" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::Pattern;

    fn header(value: CanaryValue) -> CanaryRule {
        CanaryRule { header: Some(CanaryHeader { name: "x-canary".into(), value }), ..CanaryRule::default() }
    }

    fn says(rule: &CanaryRule, lines: &[&str]) -> Option<bool> {
        let lines = [&["GET / HTTP/1.1", "Host: a"][..], lines].concat();
        with_view(&lines, |view| canary(rule, view.request, view.head))
    }

    #[test]
    fn nginx_f3_f4_f7_the_header_comes_before_the_cookie_and_other_words_say_nothing() {
        let rule = CanaryRule { cookie: Some("side".into()), ..header(CanaryValue::Word) };
        for (lines, expected) in [
            (&["X-Canary: always"][..], Some(true)),
            (&["x-canary: never"], Some(false)),
            (&["X-Canary: Always"], None),
            (&["X-Canary: 1", "Cookie: a=b; side=always"], Some(true)),
            (&["X-Canary: never", "Cookie: side=always"], Some(false)),
            (&["Cookie: side=never"], Some(false)),
            (&["Cookie: side=maybe"], None),
            (&["Cookie: besides=always"], None),
            (&[], None),
        ] {
            assert_eq!(says(&rule, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn nginx_f5_f6_a_value_or_a_pattern_takes_the_place_of_the_words() {
        let exact = header(CanaryValue::Exact("v2".into()));
        let matching = header(CanaryValue::Matching(Pattern::of_values(&"^v[2-9]$".into()).unwrap()));
        for (line, by_value, by_pattern, by_none) in [
            ("X-Canary: v2", Some(true), Some(true), Some(false)),
            ("X-Canary: v3", None, Some(true), Some(false)),
            ("X-Canary: always", None, None, Some(false)),
            ("X-Canary: never", None, None, Some(false)),
            ("X-Other: v2", None, None, None),
        ] {
            assert_eq!(says(&exact, &[line]), by_value, "{line}");
            assert_eq!(says(&matching, &[line]), by_pattern, "{line}");
            assert_eq!(says(&header(CanaryValue::Never), &[line]), by_none, "{line}");
        }
    }
}
