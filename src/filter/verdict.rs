//! What follows from a decision.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::head_edit::FieldName;
use super::question::Question;
use crate::model::{Filter, Users};

/// What happens with a request next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'f> {
    /// The next filter decides, and after the last one the request goes to the route's target.
    Continue,
    /// We answer, and nothing else sees the request.
    Respond(Box<Response<'f>>),
    /// It is not known yet: this has to be asked. A second decision follows with the answer, and then the filters behind.
    Ask(Box<Ask<'f>>),
    /// Another service is asked. A second decision follows with what it says, and then the filters behind.
    Call(Box<Question<'f>>),
}

/// Whether this is a user's password has to be asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask<'f> {
    /// The filter that asks.
    pub by: &'f Filter,
    /// What clients are told that the password is for.
    pub realm: &'f str,
    /// The users.
    pub users: &'f Arc<Users>,
    /// The name.
    pub name: String,
    /// The password.
    pub password: Vec<u8>,
    /// The address of the client.
    pub client: IpAddr,
    /// What another service is asked where the password is wrong; `None`: that is the end.
    pub otherwise: Option<Box<Question<'f>>>,
}

impl fmt::Debug for Ask<'_> {
    /// Without name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("realm", &self.realm).field("client", &self.client).finish_non_exhaustive()
    }
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
    /// All of the body, as plain text, where it says something else.
    pub body: Option<Vec<u8>>,
}

impl Response<'_> {
    /// The value of a field.
    pub fn field(&self, name: FieldName<'_>) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice())
    }
}
