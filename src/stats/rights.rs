//! Which users may tell endpoints what to do, by the page and by the run-time API.

use std::sync::Arc;

use http::HeaderMap;

use super::csrf::is_local_name;
use super::login::Login;

/// Users who may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Admins {
    /// All who may see the page. Default.
    #[default]
    All,
    /// Those with these names.
    Named(Arc<[String]>),
}

impl Admins {
    /// Those of `--stats-admins`; all, if it is not given.
    pub fn of(names: &[String]) -> Self {
        if names.is_empty() { Self::All } else { Self::Named(names.into()) }
    }

    /// Whether this user is one of them. The user without login has an empty name.
    pub(crate) fn has(&self, user: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => !user.is_empty() && names.iter().any(|name| name == user),
        }
    }

    /// Whether a request of this user may act. Without login it must also name us by an address or as `localhost`.
    pub(super) fn may_act(&self, login: &Login, user: &str, headers: &HeaderMap) -> bool {
        let is_known = match login {
            Login::Loopback => is_local_name(headers),
            Login::Users { .. } => true,
        };
        is_known && self.has(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_names_all_may_act() {
        assert!(Admins::of(&[]).has("") && Admins::of(&[]).has("ann"));
        let named = Admins::of(&["ann".to_owned(), String::new()]);
        assert!(named.has("ann") && !named.has("bob") && !named.has(""));
    }
}
