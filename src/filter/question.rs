//! What an authentication service is asked, and what counts of its answer.

use super::head_edit::{FieldName, HeadEdit};
use crate::model::{AuthCookiesOn, AuthService, Filter};

const SET_COOKIE: FieldName<'_> = FieldName::other(b"set-cookie");
pub(super) const WWW_AUTHENTICATE: FieldName<'_> = FieldName::other(b"www-authenticate");

/// A request for an authentication service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question<'f> {
    /// The filter that asks.
    pub by: &'f Filter,
    /// Whom.
    pub service: &'f AuthService,
    /// Path and query.
    pub target: Vec<u8>,
    /// Fields that tell of the request, in place of those that the client sends under these names.
    /// One without a value is left out.
    pub fields: Vec<(FieldName<'f>, Vec<u8>)>,
    /// The answer is remembered under this.
    pub key: Option<Vec<u8>>,
    /// Where clients sign in.
    pub(super) sign_in: Option<Vec<u8>>,
}

/// What counts of an answer: its status and the fields that somebody gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthReply {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub fields: Vec<NameAndValue>,
}

/// A field.
type NameAndValue = (Box<[u8]>, Box<[u8]>);

/// Cookies that an authentication service sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCookies {
    values: Vec<Box<[u8]>>,
    on: AuthCookiesOn,
}

impl Question<'_> {
    /// Whether a field of the answer counts.
    pub fn keeps(&self, name: &[u8]) -> bool {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        is(SET_COOKIE.as_bytes())
            || is(WWW_AUTHENTICATE.as_bytes())
            || self.service.copied.iter().any(|copied| is(copied.as_bytes()))
    }

    /// The cookies that an answer sets.
    pub fn cookies(&self, reply: &AuthReply) -> Option<AuthCookies> {
        let values: Vec<_> = reply.values(SET_COOKIE).map(Box::from).collect();
        (!values.is_empty()).then_some(AuthCookies { values, on: self.service.cookies })
    }
}

impl AuthReply {
    /// Its values of a field.
    pub(super) fn values(&self, name: FieldName<'_>) -> impl Iterator<Item = &[u8]> {
        let is_it = move |(of, _): &&NameAndValue| of.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(is_it).map(|(_, value)| &**value)
    }
}

impl AuthCookies {
    /// Adds them to an answer with this status, if it gets them.
    pub fn add(&self, status: u16, edit: &mut HeadEdit) {
        let Self { values, on } = self;
        let gets = match on {
            AuthCookiesOn::Success => matches!(status, 200 | 201 | 204 | 206 | 301..=304 | 307 | 308),
            AuthCookiesOn::Everything => true,
        };
        if gets {
            values.iter().for_each(|value| edit.add(SET_COOKIE, value));
        }
    }
}
