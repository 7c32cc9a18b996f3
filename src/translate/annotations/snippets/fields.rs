//! Fields of heads in snippets.

use crate::model::{Captures, EditedAnswers, EditedName, FieldChange, FieldEdit, Template};

use super::answers::Refusal;

/// `add_header`.
pub(super) fn added(name: &str, value: &str, always: bool) -> Result<FieldEdit, Refusal> {
    let answers = if always { EditedAnswers::All } else { EditedAnswers::Successful };
    Ok(FieldEdit { name: named(name)?, change: FieldChange::Add(template(value)?), answers })
}

/// A field with one value.
pub(super) fn set(name: &str, value: &str) -> Result<FieldEdit, Refusal> {
    let change = if value.is_empty() { FieldChange::Remove } else { FieldChange::Set(template(value)?) };
    Ok(FieldEdit { name: named(name)?, change, answers: EditedAnswers::All })
}

/// `proxy_hide_header`.
pub(super) fn hidden(name: &str) -> Result<FieldEdit, Refusal> {
    Ok(FieldEdit { name: named(name)?, change: FieldChange::Remove, answers: EditedAnswers::All })
}

/// `more_set_headers`: each word is a field. One without a value is left out.
pub(super) fn lines(lines: &[&str]) -> Result<Vec<FieldEdit>, Refusal> {
    // Words that begin with a hyphen choose among answers.
    if lines.is_empty() || lines.iter().any(|line| line.starts_with('-')) {
        return Err(Refusal::Unsupported);
    }
    let line = |line: &&str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        set(name.trim_end_matches([' ', '\t']), value.trim_matches([' ', '\t']))
    };
    lines.iter().map(line).collect()
}

/// `more_clear_headers`.
pub(super) fn removed(names: &[&str]) -> Result<Vec<FieldEdit>, Refusal> {
    if names.is_empty() || names.iter().any(|name| name.contains('*') || name.starts_with('-')) {
        return Err(Refusal::Unsupported);
    }
    names.iter().map(|name| hidden(name.trim_end_matches([':', ' ']))).collect()
}

/// Those that pods get. What every request has cannot be left out.
pub(super) fn for_pods(edits: Vec<FieldEdit>) -> Result<Vec<FieldEdit>, Refusal> {
    const ALWAYS: [&str; 5] =
        ["x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip", "x-request-id"];
    let is_kept = |edit: &FieldEdit| edit.change == FieldChange::Remove && ALWAYS.contains(&edit.name.as_str());
    if edits.iter().any(is_kept) { Err(Refusal::Name) } else { Ok(edits) }
}

/// `expires`, as the field that caches look at first (RFC 9111 §5.3); the other one is left out.
pub(super) fn expires(when: &str) -> Result<Vec<FieldEdit>, Refusal> {
    let told = |name: &str, value: &str| -> Result<FieldEdit, Refusal> {
        Ok(FieldEdit { answers: EditedAnswers::Successful, ..set(name, value)? })
    };
    let both = |control: &str, expires: &str| Ok(vec![told("cache-control", control)?, told("expires", expires)?]);
    match when {
        "off" => Ok(Vec::new()),
        "epoch" => both("no-cache", "Thu, 01 Jan 1970 00:00:01 GMT"),
        "max" => both("max-age=315360000", "Thu, 31 Dec 2037 23:55:55 GMT"),
        _ if when.starts_with('-') => {
            age(&when[1..])?;
            both("no-cache", "Thu, 01 Jan 1970 00:00:01 GMT")
        }
        _ => both(&format!("max-age={}", age(when.strip_prefix('+').unwrap_or(when))?), ""),
    }
}

/// Seconds: `30d`, `1h`, `3600`.
fn age(text: &str) -> Result<u64, Refusal> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800), ('M', 2_592_000), ('y', 31_536_000)];
    let unit = units.into_iter().find(|(letter, _)| text.ends_with(*letter));
    let (digits, unit) = unit.map_or((text, 1), |(letter, unit)| (text.trim_end_matches(letter), unit));
    number(digits).and_then(|number| number.checked_mul(unit)).ok_or(Refusal::Unsupported)
}

/// Digits, without a sign.
pub(super) fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn named(name: &str) -> Result<EditedName, Refusal> {
    EditedName::parse(name).ok_or(Refusal::Name)
}

/// A value in which there is nothing but visible characters and variables that are known.
fn template(value: &str) -> Result<Template, Refusal> {
    // A policy of several lines is one line to clients.
    let joined: String =
        value.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if !joined.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return Err(Refusal::Value);
    }
    Template::parse(&joined, Captures::Refused).map_err(|_| Refusal::Variable)
}
