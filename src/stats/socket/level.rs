//! What a stats socket lets its clients do.

/// A level. Each may do what those before it may. HAProxy `stats socket … level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Reads what tells nothing of clients.
    User,
    /// Reads everything and resets highest values.
    Operator,
    /// Changes endpoints and resets counters.
    Admin,
}

impl Level {
    /// HAProxy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads HAProxy's word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::User, Self::Operator, Self::Admin].into_iter().find(|level| level.as_str() == word)
    }
}
