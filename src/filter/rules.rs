//! Rules of an author by which some requests are answered at once (annotations `deny-paths` and `redirects`, and what snippets
//! of nginx's configuration are turned into).

use regex::bytes::Captures;

use super::head_edit::FieldName;
use super::redirect::of_one_slash;
use super::spellings;
use super::template::{as_it_is, render, render_url};
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{Filter, Rule, RuleAnswer, RuleTest, Rules, Template};

pub(super) fn request<'f>(filter: &'f Filter, rules: &'f Rules, view: &RequestView<'_>) -> Verdict<'f> {
    let rules = match rules {
        Rules::Closed(_) => return refuse(filter, 503, "it is not known who this may be served to"),
        Rules::Listed(rules) => rules,
    };
    let first = rules.iter().find_map(|rule| of_rule(filter, rule, view));
    first.map_or(Verdict::Continue, |response| Verdict::Respond(Box::new(response)))
}

/// The answer of one rule; `None`: its test does not hold.
fn of_rule<'f>(filter: &'f Filter, rule: &'f Rule, view: &RequestView<'_>) -> Option<Response<'f>> {
    match &rule.answer {
        RuleAnswer::Status(status) => holds(rule, view).then(|| answer(filter, *status)),
        RuleAnswer::Redirect { status, to } => {
            let location = location(rule, to, view)?;
            let fields = vec![(FieldName::LOCATION, location)];
            Some(Response { by: filter, status: *status, fields, text: "this is served elsewhere", body: None })
        }
    }
}

/// Whether a rule that leads nowhere holds.
fn holds(rule: &Rule, view: &RequestView<'_>) -> bool {
    match &rule.test {
        RuleTest::Always => true,
        RuleTest::Path(pattern) => {
            let is_match = |path: &[u8]| pattern.regex().is_match(path);
            spellings::any(view.path(), view.decoded_path, is_match)
        }
        RuleTest::Value { value, pattern, matches } => pattern.regex().is_match(&rendered(value, view)) == *matches,
    }
}

/// Where a rule leads; `None`: its test does not hold.
fn location(rule: &Rule, to: &Template, view: &RequestView<'_>) -> Option<Vec<u8>> {
    let url = |captures: Option<&Captures<'_>>, of_path| {
        let mut url = Vec::new();
        render_url(to, view, captures, of_path, &mut url);
        of_one_slash(url)
    };
    match &rule.test {
        RuleTest::Always => Some(url(None, false)),
        RuleTest::Path(pattern) => {
            let captures = pattern.regex().captures(view.decoded_path)?;
            Some(url(Some(&captures), true))
        }
        RuleTest::Value { value, pattern, matches } => {
            let value = rendered(value, view);
            let captures = pattern.regex().captures(&value);
            (captures.is_some() == *matches).then(|| url(captures.as_ref(), false))
        }
    }
}

fn rendered(template: &Template, view: &RequestView<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    render(template, view, None, &mut value, as_it_is);
    value
}

fn refuse<'f>(by: &'f Filter, status: u16, text: &'static str) -> Verdict<'f> {
    Verdict::Respond(Box::new(Response { by, status, fields: Vec::new(), text, body: None }))
}

fn answer(by: &Filter, status: u16) -> Response<'_> {
    let text = match status {
        204 => "",
        200..=299 => "this is answered here",
        403 => "this is served to nobody",
        _ => "this is not served",
    };
    Response { by, status, fields: Vec::new(), text, body: None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::RequestChange;
    use crate::filter::view::tests::with_view;
    use crate::model::{Captures as Allowed, Pattern, RulesBy};

    fn rule(test: RuleTest, answer: RuleAnswer) -> Filter {
        let rule = Rule { by: RulesBy::Snippet, test, answer };
        Filter::Rules(Arc::new(Rules::Listed([rule].into())))
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::of_values(&text.into()).unwrap()
    }

    /// The status and the location of the answer to a request whose path is its own canonical form.
    fn answered(filter: &Filter, target: &str) -> Option<(u16, Option<String>)> {
        with_view(&[&format!("GET {target} HTTP/1.1"), "Host: www.A.example", "User-Agent: bot"], |view| {
            let path = target.split('?').next().unwrap();
            let view = RequestView { decoded_path: path.as_bytes(), ..view };
            match crate::filter::request(std::slice::from_ref(filter), &view, &mut RequestChange::default()) {
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => None,
                Verdict::Respond(response) => {
                    let location = response.field(FieldName::LOCATION);
                    Some((response.status, location.map(|url| String::from_utf8(url.to_vec()).unwrap())))
                }
            }
        })
    }

    #[test]
    fn a_rule_answers_what_its_test_holds_for() {
        let to = |to: &str| RuleAnswer::Redirect { status: 301, to: Template::parse(to, Allowed::Allowed).unwrap() };
        let value = |value: &str, text: &str, matches| RuleTest::Value {
            value: Template::parse(value, Allowed::Refused).unwrap(),
            pattern: pattern(text),
            matches,
        };
        let denied = rule(RuleTest::Path(pattern("^/x(/|$)")), RuleAnswer::Status(403));
        assert_eq!(answered(&denied, "/x/y?z"), Some((403, None)));
        assert_eq!(answered(&denied, "/a/../x"), Some((403, None)));
        assert_eq!(answered(&denied, "/xy"), None);
        let moved = rule(RuleTest::Path(pattern("^/old/(.*)")), to("/new/$1$is_args$args"));
        assert_eq!(answered(&moved, "/old/a?b"), Some((301, Some("/new/a?b".into()))));
        assert_eq!(answered(&moved, "/new/a"), None);
        let sent = rule(RuleTest::Path(pattern("^/old(.*)")), to("/$1"));
        assert_eq!(answered(&sent, "/old//evil.example"), Some((301, Some("/evil.example".into()))));
        let host = rule(value("$host", r"^www\.(.*)$", true), to("https://$1$request_uri"));
        assert_eq!(answered(&host, "/a%20?b"), Some((301, Some("https://a.example/a%20?b".into()))));
        let agent = rule(value("$http_user_agent", "bot", false), RuleAnswer::Status(403));
        assert_eq!(answered(&agent, "/"), None);
        let agent = rule(value("$http_user_agent", "bot", true), RuleAnswer::Status(403));
        assert_eq!(answered(&agent, "/"), Some((403, None)));
    }

    #[test]
    fn where_it_is_not_known_who_is_served_nobody_is() {
        let closed = Filter::Rules(Arc::new(Rules::Closed(RulesBy::Snippet)));
        assert_eq!(answered(&closed, "/.well-known/acme-challenge/x"), Some((503, None)));
    }
}
