//! Whether an expression holds for a request (HAProxy `acl`).

use std::net::IpAddr;

use super::cookies;
use crate::http1::RequestHead;
use crate::model::{Clause, Comparison, Condition, Subject, Term, key_of};

/// What decisions about routes may ask besides the head.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The address of the client, whom trusted proxies speak for; `None`: nobody knows.
    pub client: &'a dyn Fn() -> Option<IpAddr>,
    /// A number of 64 bits that is the same for all that is asked about one request.
    pub random: &'a dyn Fn() -> u64,
}

/// Whether it holds.
pub(super) fn holds(condition: &Condition, request: &RequestHead, head: &[u8], around: Circumstances<'_>) -> bool {
    let clause_holds = |Clause { is_negated, any }: &Clause| {
        any.iter().any(|term| term_holds(term, request, head, around)) != *is_negated
    };
    condition.any.iter().any(|clauses| clauses.iter().all(clause_holds))
}

fn term_holds(term: &Term, request: &RequestHead, head: &[u8], around: Circumstances<'_>) -> bool {
    match term {
        Term::Found(of) => any_value(of, request, head, &mut |_| true),
        Term::Text { of, how, ignores_case, values } => any_value(of, request, head, &mut |value| {
            values.iter().any(|text| compares(*how, value, text.as_bytes(), *ignores_case))
        }),
        Term::Pattern { of, patterns } => {
            any_value(of, request, head, &mut |value| patterns.iter().any(|pattern| pattern.regex().is_match(value)))
        }
        Term::Client(networks) => (around.client)().is_some_and(|client| networks.contains(client)),
        Term::Random { of, from, to, salt } => {
            let drawn = key_of(&((around.random)() ^ salt).to_le_bytes()) % u64::from((*of).max(1));
            (u64::from(*from)..u64::from(*to)).contains(&drawn)
        }
    }
}

fn compares(how: Comparison, value: &[u8], text: &[u8], ignores_case: bool) -> bool {
    let equal = |part: &[u8]| if ignores_case { part.eq_ignore_ascii_case(text) } else { part == text };
    match how {
        Comparison::Equal => equal(value),
        Comparison::Begins => value.get(..text.len()).is_some_and(equal),
        Comparison::Ends => value.len().checked_sub(text.len()).is_some_and(|at| equal(&value[at..])),
        Comparison::Contains if text.is_empty() => true,
        Comparison::Contains if ignores_case => value.windows(text.len()).any(equal),
        Comparison::Contains => memchr::memmem::find(value, text).is_some(),
    }
}

/// Whether one of the values of what is compared is right. What is not there has none.
fn any_value(of: &Subject, request: &RequestHead, head: &[u8], is_right: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    match of {
        Subject::Method => is_right(request.method_text.of(head)),
        Subject::Path => is_right(request.path(head)),
        Subject::Field(name) if **name == *"host" => {
            let host = request.authority.of(head);
            !host.is_empty() && is_right(host)
        }
        Subject::Field(name) => {
            let lines = request.fields.iter().filter(|field| field.name.of(head).eq_ignore_ascii_case(name.as_bytes()));
            lines
                .flat_map(|field| field.value.of(head).split(|&byte| byte == b','))
                .any(|value| is_right(value.trim_ascii()))
        }
        Subject::Cookie(name) => cookies::all(request, head, name).any(is_right),
        Subject::Parameter(name) => {
            let query = request.query.map_or(&b""[..], |query| query.of(head));
            let parameters = query.split(|&byte| byte == b'&').map(|parameter| {
                let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
                (&parameter[..end], parameter.get(end + 1..).unwrap_or_default())
            });
            parameters.filter(|(known, _)| *known == name.as_bytes()).any(|(_, value)| is_right(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::{Networks, Pattern};

    fn text(of: Subject, how: Comparison, ignores_case: bool, values: &[&str]) -> Term {
        Term::Text { of, how, ignores_case, values: values.iter().map(|value| (*value).into()).collect() }
    }

    fn holds_for(condition: &Condition, target: &str, lines: &[&str]) -> bool {
        let first = format!("GET {target} HTTP/1.1");
        let lines: Vec<_> = [&*first, "Host: a.example:81"].into_iter().chain(lines.iter().copied()).collect();
        let client = || Some(IpAddr::from([10, 0, 0, 7]));
        with_view(&lines, |view| {
            holds(condition, view.request, view.head, Circumstances { client: &client, random: &|| 7 })
        })
    }

    fn one(term: Term) -> Condition {
        Condition { any: [[Clause { is_negated: false, any: [term].into() }].into()].into() }
    }

    #[test]
    fn texts_are_compared_with_every_value() {
        let field = || Subject::Field("x-version".into());
        for (term, target, lines, expected) in [
            (text(Subject::Path, Comparison::Begins, false, &["/static", "/images"]), "/images/x?y", &[][..], true),
            (text(Subject::Path, Comparison::Begins, false, &["/static"]), "/Static", &[], false),
            (text(Subject::Path, Comparison::Begins, true, &["/static"]), "/STATICS", &[], true),
            (text(Subject::Path, Comparison::Ends, false, &[".jpg", ".css"]), "/x.css?a.b", &[], true),
            (text(Subject::Path, Comparison::Ends, false, &[".css"]), "/x?a.css", &[], false),
            (text(Subject::Path, Comparison::Ends, false, &["/longer/than/it"]), "/x", &[], false),
            (text(Subject::Path, Comparison::Contains, true, &["ADM"]), "/x/admin", &[], true),
            (text(Subject::Path, Comparison::Equal, false, &["/x"]), "/x?y", &[], true),
            (text(Subject::Method, Comparison::Equal, false, &["GET"]), "/", &[], true),
            (text(field(), Comparison::Equal, false, &["2"]), "/", &["X-Version: 1, 2"], true),
            (text(field(), Comparison::Equal, false, &["2"]), "/", &["x-version: 1", "X-VERSION: 2"], true),
            (text(field(), Comparison::Equal, false, &["1, 2"]), "/", &["X-Version: 1, 2"], false),
            (text(Subject::Field("host".into()), Comparison::Equal, false, &["a.example:81"]), "/", &[], true),
            (
                text(Subject::Cookie("side".into()), Comparison::Equal, false, &["b"]),
                "/",
                &["Cookie: x=b; side=b"],
                true,
            ),
            (text(Subject::Cookie("side".into()), Comparison::Equal, false, &["b"]), "/", &["Cookie: xside=b"], false),
            (text(Subject::Parameter("q".into()), Comparison::Equal, false, &["1"]), "/?p=1&q=1", &[], true),
            (Term::Found(Subject::Cookie("staging".into())), "/", &["Cookie: staging="], true),
            (Term::Found(Subject::Cookie("staging".into())), "/", &[], false),
            (Term::Found(field()), "/", &["X-Version: "], true),
        ] {
            assert_eq!(holds_for(&one(term.clone()), target, lines), expected, "{term} {target} {lines:?}");
        }
    }

    #[test]
    fn patterns_addresses_and_chance_are_terms_too() {
        let pattern = Pattern::of_values(&"^/v[0-9]+/".into()).unwrap();
        let matches = one(Term::Pattern { of: Subject::Path, patterns: [pattern].into() });
        assert!(holds_for(&matches, "/v12/x", &[]) && !holds_for(&matches, "/x/v12/", &[]));
        let networks = |text: &str| one(Term::Client(Networks::new(vec![text.parse().unwrap()])));
        assert!(holds_for(&networks("10.0.0.0/8"), "/", &[]) && !holds_for(&networks("11.0.0.0/8"), "/", &[]));
        let random = |from, to| one(Term::Random { of: 100, from, to, salt: 1 });
        assert!(holds_for(&random(0, 100), "/", &[]) && !holds_for(&random(0, 0), "/", &[]));
        assert_ne!(holds_for(&random(0, 50), "/", &[]), holds_for(&random(50, 100), "/", &[]));
    }

    #[test]
    fn chance_gives_each_its_share() {
        let term = Term::Random { of: 100, from: 0, to: 25, salt: 3 };
        let lines = ["GET / HTTP/1.1", "Host: a"];
        let taken = |random: u64| {
            let around = Circumstances { client: &|| None, random: &|| random };
            with_view(&lines, |view| term_holds(&term, view.request, view.head, around))
        };
        let share = (0..2000_u64).filter(|number| taken(number.wrapping_mul(0x9E37_79B9_7F4A_7C15))).count();
        assert!((430..570).contains(&share), "{share}");
    }

    #[test]
    fn one_alternative_is_enough_and_all_its_clauses_must_hold() {
        let path = |begin: &str| text(Subject::Path, Comparison::Begins, false, &[begin]);
        let clause = |is_negated, terms: &[Term]| Clause { is_negated, any: terms.into() };
        let condition = Condition {
            any: [
                [clause(false, &[path("/a"), path("/b")]), clause(true, &[path("/a/x"), path("/b/x")])].into(),
                [clause(false, &[path("/c")])].into(),
            ]
            .into(),
        };
        for (target, expected) in [("/a", true), ("/b/y", true), ("/b/x", false), ("/c", true), ("/d", false)] {
            assert_eq!(holds_for(&condition, target, &[]), expected, "{target}");
        }
        let both = condition.and(&one(path("/b")));
        assert!(holds_for(&both, "/b/y", &[]) && !holds_for(&both, "/a", &[]) && !holds_for(&both, "/c", &[]));
    }
}
