//! Whether a request has what a route asks for besides its path (Gateway API `HTTPRouteMatch`).

use super::condition::{self, Circumstances};
use crate::http1::RequestHead;
use crate::model::{HeaderMatch, Predicates, QueryMatch, ValueMatch};

/// Whether all predicates hold for a request, whose method, fields and query are offsets into `head`.
pub fn holds(predicates: &Predicates, request: &RequestHead, head: &[u8], around: Circumstances<'_>) -> bool {
    let fields = request.fields.iter().map(|field| (field.name.of(head), field.value.of(head)));
    let query = request.query.map_or(&b""[..], |query| query.of(head));
    hold_for(predicates, request.method_text.of(head), fields, query)
        && predicates.condition.as_ref().is_none_or(|condition| condition::holds(condition, request, head, around))
}

/// Fields are name and value of each line. The query has no question mark.
fn hold_for<'a>(
    predicates: &Predicates,
    method: &[u8],
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    query: &[u8],
) -> bool {
    let Predicates { method: wanted_method, headers, query: parameters, condition: _, asked: _ } = predicates;
    wanted_method.as_ref().is_none_or(|wanted| wanted.as_bytes() == method)
        && headers.iter().all(|wanted| has_field(wanted, fields.clone()))
        && parameters.iter().all(|wanted| has_parameter(wanted, query))
}

/// Field lines of one name are one value, joined by commas (RFC 9110 §5.3).
fn has_field<'a>(wanted: &HeaderMatch, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
    let HeaderMatch { name, value: ValueMatch::Exact(value) } = wanted;
    let mut lines = fields.filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value);
    let Some(mut rest) = lines.next().and_then(|first| value.as_bytes().strip_prefix(first)) else { return false };
    for line in lines {
        let Some(behind) = rest.strip_prefix(b",").and_then(|rest| rest.trim_ascii_start().strip_prefix(line)) else {
            return false;
        };
        rest = behind;
    }
    rest.is_empty()
}

/// The first parameter of a name counts. Names and values are compared decoded, as forms encode them.
fn has_parameter(wanted: &QueryMatch, query: &[u8]) -> bool {
    let QueryMatch { name, value: ValueMatch::Exact(value) } = wanted;
    let mut parameters = query.split(|&byte| byte == b'&').map(|parameter| {
        let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
        (&parameter[..end], parameter.get(end + 1..).unwrap_or_default())
    });
    let first = parameters.find(|(other, _)| is_decoded(other, name.as_bytes()));
    first.is_some_and(|(_, other)| is_decoded(other, value.as_bytes()))
}

/// Whether `encoded` is `plain`, with `%` escapes, and `+` for a space. An escape that is none stands for itself.
fn is_decoded(encoded: &[u8], plain: &[u8]) -> bool {
    let mut rest = encoded;
    let decoded = std::iter::from_fn(|| {
        let (&first, behind) = rest.split_first()?;
        rest = behind;
        Some(match first {
            b'+' => b' ',
            b'%' => match behind {
                [high, low, ..] => match (hex_value(*high), hex_value(*low)) {
                    (Some(high), Some(low)) => {
                        rest = &behind[2..];
                        high << 4 | low
                    }
                    (Some(_) | None, Some(_) | None) => b'%',
                },
                [_] | [] => b'%',
            },
            byte => byte,
        })
    });
    decoded.eq(plain.iter().copied())
}

fn hex_value(digit: u8) -> Option<u8> {
    // A digit is less than 16.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields are given as lines.
    fn holds_for(predicates: &Predicates, method: &str, fields: &str, query: &str) -> bool {
        let fields = fields.lines().map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        hold_for(predicates, method.as_bytes(), fields, query.as_bytes())
    }

    fn exact(value: &str) -> ValueMatch {
        ValueMatch::Exact(value.into())
    }

    #[test]
    fn methods_are_compared_with_their_case() {
        let predicates = Predicates { method: Some("PATCH".into()), ..Predicates::default() };
        for (method, expected) in [("PATCH", true), ("patch", false), ("GET", false), ("PATCHES", false)] {
            assert_eq!(holds_for(&predicates, method, "", ""), expected, "{method}");
        }
    }

    #[test]
    fn fields_are_one_value_whatever_the_case_of_their_name() {
        let header = HeaderMatch { name: "x-version".into(), value: exact("1, 2") };
        let predicates = Predicates { headers: [header].into(), ..Predicates::default() };
        for (fields, expected) in [
            ("X-Version: 1, 2\n", true),
            ("X-Version: 1\nother: x\nx-version: 2\n", true),
            ("X-Version: 1\n", false),
            ("X-Version: 1, 2\nx-version: 2\n", false),
            ("X-Version: 1,2\n", false),
            ("x-versions: 1, 2\n", false),
            ("", false),
        ] {
            assert_eq!(holds_for(&predicates, "GET", fields, ""), expected, "{fields}");
        }
    }

    #[test]
    fn the_first_parameter_of_a_name_counts_decoded() {
        let parameter = QueryMatch { name: "a b".into(), value: exact("c&d%") };
        let predicates = Predicates { query: [parameter].into(), ..Predicates::default() };
        for (query, expected) in [
            ("a%20b=c%26d%25", true),
            ("x=y&a+b=c%26d%", true),
            ("a+b=c%26d%25&a+b=x", true),
            ("a+b=x&a+b=c%26d%25", false),
            ("a+b", false),
            ("A+b=c%26d%25", false),
            ("", false),
        ] {
            assert_eq!(holds_for(&predicates, "GET", "", query), expected, "{query}");
        }
    }

    #[test]
    fn all_predicates_must_hold() {
        let predicates = Predicates {
            method: Some("GET".into()),
            headers: [("x", "1"), ("y", "2")].map(|(n, v)| HeaderMatch { name: n.into(), value: exact(v) }).into(),
            query: [QueryMatch { name: "q".into(), value: exact("") }].into(),
            ..Predicates::default()
        };
        for (method, fields, query, expected) in [
            ("GET", "y: 2\nx: 1", "q", true),
            ("PUT", "y: 2\nx: 1", "q", false),
            ("GET", "y: 2", "q", false),
            ("GET", "y: 2\nx: 1", "", false),
        ] {
            assert_eq!(holds_for(&predicates, method, fields, query), expected, "{method} {fields} {query}");
        }
        assert!(holds_for(&Predicates::default(), "GET", "", ""));
    }
}
