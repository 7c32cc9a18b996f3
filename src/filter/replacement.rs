//! A text of a pod's answer and what takes its place (nginx `proxy_redirect` and the like). What requests say for it is kept until
//! the answer is there, as the request's head may be gone by then. What a pattern matches is known then.

use std::borrow::Cow;
use std::slice;

use regex::bytes::Captures;

use super::escape;
use super::template::with_value;
use super::view::RequestView;
use crate::model::{Part, Replacement, Sought, Template, Variable};

/// Most bytes that are put in the place of a text, and most that is kept of a request for it. A template may repeat what it puts
/// in, so that this bounds what few bytes of an author make of many of a pod.
pub(super) const MOST: usize = 16 * 1024;

/// Where a replacement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a URL.
    Url,
    /// In an attribute of a cookie.
    Attribute,
}

/// Appends what a request says for a replacement. None of it ends the field or the attribute that it comes into.
pub(super) fn keep(
    replacement: &Replacement,
    place: Place,
    (view, captures): (&RequestView<'_>, Option<&Captures<'_>>),
    values: &mut Vec<Box<[u8]>>,
) {
    for variable in replacement.of_request() {
        let escape = match (place, variable) {
            (Place::Attribute, _) => escape::attribute,
            (Place::Url, Variable::Uri | Variable::Capture(_)) => escape::path,
            (Place::Url, _) => escape::url,
        };
        let mut escaped = Vec::new();
        with_value(variable, view, captures, |value| escape(value, &mut escaped));
        values.push(escaped.into());
    }
}

/// A replacement with what the request says for it.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    replacement: &'a Replacement,
    values: &'a [Box<[u8]>],
}

impl<'a> Known<'a> {
    /// Takes what was kept for it, which is the first of `values`.
    pub(super) fn take(replacement: &'a Replacement, values: &mut &'a [Box<[u8]>]) -> Self {
        let (own, rest) = values.split_at(replacement.of_request().count().min(values.len()));
        *values = rest;
        Self { replacement, values: own }
    }

    /// Whether the author wrote what the new text begins with, and more than slashes: behind those a request could name a host.
    pub(super) fn begins_as_written(self) -> bool {
        self.replacement.to.start().bytes().any(|byte| byte != b'/')
    }

    /// The text with another beginning; `None` if it begins otherwise.
    pub(super) fn beginning(self, text: &[u8]) -> Option<Vec<u8>> {
        let mut values = self.values.iter();
        match &self.replacement.from {
            Sought::Text(from) => {
                let rest = text.strip_prefix(&*sought(from, &mut values)?)?;
                let mut new = self.instead(&mut values, None)?;
                new.extend_from_slice(rest);
                Some(new)
            }
            Sought::Pattern(pattern) => self.instead(&mut values, Some(&pattern.regex().captures(text)?)),
        }
    }

    /// The domain instead; `None` if it is another one. A dot in front stays.
    pub(super) fn domain(self, text: &[u8]) -> Option<Vec<u8>> {
        let mut values = self.values.iter();
        match &self.replacement.from {
            Sought::Text(from) => {
                let (dot, name) = text.split_at(usize::from(text.starts_with(b".")));
                if !name.eq_ignore_ascii_case(&sought(from, &mut values)?) {
                    return None;
                }
                Some([dot, &self.instead(&mut values, None)?].concat())
            }
            Sought::Pattern(pattern) => self.instead(&mut values, Some(&pattern.regex().captures(text)?)),
        }
    }

    fn instead(self, values: &mut slice::Iter<'_, Box<[u8]>>, captures: Option<&Captures<'_>>) -> Option<Vec<u8>> {
        written(&self.replacement.to, values, captures)
    }
}

/// What a text must be, or begin with; `None`: it is too long.
fn sought<'a>(from: &'a Template, values: &mut slice::Iter<'_, Box<[u8]>>) -> Option<Cow<'a, [u8]>> {
    match from.as_text() {
        Some(text) => Some(Cow::Borrowed(text.as_bytes())),
        None => written(from, values, None).map(Cow::Owned),
    }
}

/// What a template comes to; `None`: it is too long.
fn written(
    template: &Template,
    values: &mut slice::Iter<'_, Box<[u8]>>,
    captures: Option<&Captures<'_>>,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for part in template.parts() {
        let piece = match (part, captures) {
            (Part::Text(text), _) => text.as_bytes(),
            (Part::Variable(Variable::Capture(group)), Some(captures)) => {
                captures.get(usize::from(*group)).map_or(&b""[..], |group| group.as_bytes())
            }
            (Part::Variable(_), _) => values.next()?,
        };
        if out.len() + piece.len() > MOST {
            return None;
        }
        out.extend_from_slice(piece);
    }
    Some(out)
}
