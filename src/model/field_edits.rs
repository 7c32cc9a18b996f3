//! Fields that an author adds to heads, sets in them and removes from them.

use std::fmt;

use super::template::Template;

/// One edit of a head.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldEdit {
    /// The field.
    pub name: EditedName,
    /// What becomes of it.
    pub change: FieldChange,
    /// Which answers it is for. All heads of requests are edited.
    pub answers: EditedAnswers,
}

/// What becomes of a field. A value that comes to nothing stands for no field, as in nginx.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldChange {
    /// It has this value alone.
    Set(Template),
    /// It comes once more.
    Add(Template),
    /// It is left out.
    Remove,
}

/// Which answers an edit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EditedAnswers {
    /// All, also those of ours that tell of an error (nginx `always`).
    All,
    /// Those with 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308 (nginx `add_header`).
    Successful,
}

/// A name that an author may edit, in lower case: a token, and none of those that say where a message ends, who it is for or what
/// belongs to one connection.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EditedName(Box<str>);

/// Names that nobody may edit.
const FIXED: [&str; 15] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
];

/// Longest name, bytes.
const LONGEST: usize = 128;

impl EditedName {
    /// Reads a name. An underscore counts as a hyphen where a name is compared: CGI cannot tell the two apart.
    pub fn parse(text: &str) -> Option<Self> {
        let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_token = (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_of_token);
        let name = text.to_ascii_lowercase();
        let is_fixed = FIXED.contains(&&*name.replace('_', "-"));
        (is_token && !is_fixed).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EditedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FieldEdit {
    /// The value that it gives.
    pub fn value(&self) -> Option<&Template> {
        match &self.change {
            FieldChange::Set(value) | FieldChange::Add(value) => Some(value),
            FieldChange::Remove => None,
        }
    }
}

/// As an author may write it.
impl fmt::Display for FieldEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_str();
        match &self.change {
            FieldChange::Set(value) => write!(f, "{name}: {value}"),
            FieldChange::Add(value) => write!(f, "+{name}: {value}"),
            FieldChange::Remove => write!(f, "-{name}"),
        }
    }
}

impl EditedAnswers {
    /// Whether an answer with this status is one of them.
    pub fn includes(self, status: u16) -> bool {
        match self {
            Self::All => true,
            Self::Successful => matches!(status, 200 | 201 | 204 | 206 | 301 | 302 | 303 | 304 | 307 | 308),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_and_none_that_frames_a_message() {
        for (text, expected) in [
            ("X-Frame-Options", Some("x-frame-options")),
            ("Server", Some("server")),
            ("x_y", Some("x_y")),
            ("", None),
            ("X Y", None),
            ("X:", None),
            ("é", None),
            ("Content-Length", None),
            ("content_length", None),
            ("Transfer-Encoding", None),
            ("HOST", None),
            ("X-Forwarded-For", None),
            ("X_Forwarded_For", None),
        ] {
            assert_eq!(EditedName::parse(text).as_ref().map(EditedName::as_str), expected, "{text}");
        }
        assert_eq!(EditedName::parse(&"x".repeat(LONGEST + 1)), None);
    }
}
