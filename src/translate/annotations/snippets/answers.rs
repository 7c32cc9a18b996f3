//! Answers, redirects and conditions in snippets.

use std::sync::Arc;

use crate::model::{Captures, Part, Pattern, RuleAnswer, RuleTest, Template, Variable};

use super::super::redirect_target::{LONGEST, is_path, is_uri, is_url};
use super::syntax::Word;

/// Why a directive is not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is nothing here that does it.
    Unsupported,
    /// A field of this name is not edited.
    Name,
    /// A value has a character that is not visible.
    Value,
    /// A variable is not known.
    Variable,
    /// It is no pattern that can be matched in linear time.
    Pattern,
    /// It leads to no URL and no path.
    Target,
    /// It denies clients behind some that are allowed.
    Order,
}

/// A condition of `if`.
#[derive(Debug)]
pub(super) struct Condition {
    /// The condition.
    pub(super) test: RuleTest,
    /// The same for all spellings of the path, where it is one for the path.
    pub(super) of_path: Option<RuleTest>,
}

impl Refusal {
    /// In words, as what follows the name of the directive.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Unsupported => "is not translated",
            Self::Name => "names a field that is not edited",
            Self::Value => "has a value with characters that are not visible",
            Self::Variable => "has a variable that is not known here",
            Self::Pattern => "has a pattern that cannot be matched in linear time",
            Self::Target => "leads to no URL of http or https and to no path",
            Self::Order => "denies clients behind some that are allowed",
        }
    }
}

/// `return`.
pub(super) fn answer(words: &[&str]) -> Result<RuleAnswer, Refusal> {
    match words {
        [url] if !url.bytes().all(|byte| byte.is_ascii_digit()) => redirect(302, url),
        [status, url] if matches!(*status, "301" | "302" | "303" | "307" | "308") => {
            redirect(status.parse().map_err(|_| Refusal::Unsupported)?, url)
        }
        // The connection is closed without an answer.
        ["444", ..] => Ok(RuleAnswer::Status(403)),
        // What it says is our own text.
        [status, ..] if words.len() <= 2 => match status.parse() {
            Ok(status @ 400..=599) => Ok(RuleAnswer::Status(status)),
            Ok(status @ (200 | 204)) if words.len() == 1 => Ok(RuleAnswer::Status(status)),
            Ok(_) | Err(_) => Err(Refusal::Unsupported),
        },
        _ => Err(Refusal::Unsupported),
    }
}

fn redirect(status: u16, url: &str) -> Result<RuleAnswer, Refusal> {
    Ok(RuleAnswer::Redirect { status, to: target(url, Captures::Allowed)? })
}

fn target(url: &str, captures: Captures) -> Result<Template, Refusal> {
    let template = Template::parse(url, captures).map_err(|_| Refusal::Variable)?;
    let leads = is_url(&template) || is_path(&template) || is_of_scheme(&template);
    if url.len() <= LONGEST && is_uri(&template) && leads { Ok(template) } else { Err(Refusal::Target) }
}

/// `$scheme://…`.
fn is_of_scheme(template: &Template) -> bool {
    match template.parts() {
        [Part::Variable(Variable::Scheme), Part::Text(text), more @ ..] => {
            let rest = text.strip_prefix("://");
            rest.is_some_and(|rest| {
                let has_host = !rest.is_empty() || !more.is_empty();
                has_host && !rest.starts_with(['/', '?', '#', ':', '@'])
            })
        }
        _ => false,
    }
}

/// `rewrite` with `redirect` or `permanent`. The query goes on, unless a question mark at the end says that it does not.
pub(super) fn redirected(from: &str, to: &str, how: &str) -> Result<(RuleTest, RuleAnswer), Refusal> {
    let status = if how == "permanent" { 301 } else { 302 };
    let to = match to.strip_suffix('?') {
        Some(to) => to.to_owned(),
        None if to.contains('?') || to.contains("$request_uri") => return Err(Refusal::Target),
        None => format!("{to}$is_args$args"),
    };
    let (test, to) = match from {
        "^" | ".*" | "^.*$" | "^.*" if !to.contains("$1") => (RuleTest::Always, to),
        "(.*)" | "^(.*)" | "^(.*)$" => (RuleTest::Always, to.replace("$1", "$uri")),
        _ => (RuleTest::Path(pattern(from)?), to),
    };
    let answer = RuleAnswer::Redirect { status, to: target(&to, Captures::Allowed)? };
    Ok((test, answer))
}

/// `location`.
pub(super) fn pattern_of_location(words: &[&str]) -> Result<Pattern, Refusal> {
    let is_plain = |path: &str| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    match *words {
        ["=", path] if is_plain(path) => pattern(&format!("^{}$", regex::escape(path))),
        [path] | ["^~", path] if is_plain(path) => pattern(&format!("^{}", regex::escape(path))),
        ["~", text] => pattern(text),
        ["~*", text] => pattern(&format!("(?i){text}")),
        _ => Err(Refusal::Unsupported),
    }
}

fn pattern(text: &str) -> Result<Pattern, Refusal> {
    Pattern::of_values(&Arc::from(text)).map_err(|_| Refusal::Pattern)
}

/// The condition of `if`, in parentheses.
pub(super) fn condition(words: &[Word]) -> Result<Condition, Refusal> {
    let words = without_parentheses(words).ok_or(Refusal::Unsupported)?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (name, operator, text) = match *words {
        [name] => (name, "", ""),
        [name, operator, text] => (name, operator, text),
        _ => return Err(Refusal::Unsupported),
    };
    if !name.starts_with('$') {
        return Err(Refusal::Unsupported);
    }
    let value = Template::parse(name, Captures::Refused).map_err(|_| Refusal::Variable)?;
    let [Part::Variable(variable)] = value.parts() else { return Err(Refusal::Unsupported) };
    let is_of_path = matches!(variable, Variable::Uri | Variable::RequestUri);
    if matches!(operator, "=" | "!=") && text.contains('$') {
        return Err(Refusal::Variable);
    }
    let exactly = || pattern(&format!("^{}$", regex::escape(text)));
    let (pattern, matches) = match operator {
        "" => (pattern("^0?$")?, false),
        "=" => (exactly()?, true),
        "!=" => (exactly()?, false),
        "~" => (pattern(text)?, true),
        "!~" => (pattern(text)?, false),
        "~*" => (pattern(&format!("(?i){text}"))?, true),
        "!~*" => (pattern(&format!("(?i){text}"))?, false),
        _ => return Err(Refusal::Unsupported),
    };
    let of_path = (is_of_path && matches).then(|| RuleTest::Path(pattern.clone()));
    Ok(Condition { test: RuleTest::Value { value, pattern, matches }, of_path })
}

/// The words between the parentheses; `None`: there are none.
fn without_parentheses(words: &[Word]) -> Option<Vec<String>> {
    let mut texts: Vec<_> = words.iter().map(|word| word.text.clone()).collect();
    let (first, last) = (words.first()?, words.last()?);
    if first.is_quoted || last.is_quoted {
        return None;
    }
    let inner = texts.last()?.strip_suffix(')')?.to_owned();
    *texts.last_mut()? = inner;
    let inner = texts.first()?.strip_prefix('(')?.to_owned();
    *texts.first_mut()? = inner;
    if texts.last().is_some_and(String::is_empty) && texts.len() > 1 && words.len() != 1 {
        texts.pop();
    }
    if texts.first().is_some_and(String::is_empty) {
        texts.remove(0);
    }
    (!texts.is_empty()).then_some(texts)
}
