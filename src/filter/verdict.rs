//! What follows from a decision.

use super::head_edit::FieldName;
use super::question::Question;
use crate::model::Filter;

/// What happens with a request next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'f> {
    /// The next filter decides, and after the last one the request goes to the route's target.
    Continue,
    /// We answer, and nothing else sees the request.
    Respond(Response<'f>),
    /// Somebody else is asked first. [`answered`](super::answered) decides with the answer. No filter behind decides anything.
    Ask(Box<Question<'f>>),
}

/// An answer of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'f> {
    /// The filter that answers.
    pub by: &'f Filter,
    /// The status, 200 to 599.
    pub status: u16,
    /// Fields besides those that all answers of ours have.
    pub fields: Vec<(FieldName<'f>, Vec<u8>)>,
    /// What the body says, for people.
    pub text: &'static str,
}

impl Response<'_> {
    /// The value of a field.
    pub fn field(&self, name: FieldName<'_>) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice())
    }
}
