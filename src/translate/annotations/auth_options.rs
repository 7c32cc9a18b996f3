//! What annotations can set of passwords.

use std::sync::Arc;

use super::pod_options::NamedSecret;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthOptions {
    /// How clients say who they are.
    pub(super) kind: Option<AuthKind>,
    /// The Secret with the users.
    pub(super) secret: Option<NamedSecret>,
    /// How it holds them.
    pub(super) layout: Option<UserLayout>,
    /// What clients are told that the password is for.
    pub(super) realm: Option<Arc<str>>,
    /// What it is where none is said; `None`: that is left to the settings.
    pub(super) usual_realm: Option<Arc<str>>,
    /// Whether an address that is allowed is enough.
    pub(super) satisfy: Option<Satisfy>,
}

/// How clients say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthKind {
    /// With name and password (RFC 7617).
    Basic,
    /// In a way that is not spoken.
    Unsupported,
}

/// How a Secret holds users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserLayout {
    /// As lines of htpasswd in the key `auth`.
    File,
    /// Each as a key.
    Map,
    /// It is not known how.
    Unknown,
}

/// What a client needs where there are lists of addresses too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Satisfy {
    /// An address that is allowed, and a password.
    All,
    /// One of them.
    Any,
}

impl AuthOptions {
    /// How clients say who they are; `None`: they need not.
    pub(crate) fn kind(&self) -> Option<AuthKind> {
        self.kind
    }

    /// The Secret with the users.
    pub(crate) fn secret(&self) -> Option<&NamedSecret> {
        self.secret.as_ref()
    }

    /// How it holds them.
    pub(crate) fn layout(&self) -> UserLayout {
        self.layout.unwrap_or(UserLayout::File)
    }

    /// What clients are told that the password is for.
    pub(crate) fn realm(&self) -> Option<&Arc<str>> {
        self.realm.as_ref().or(self.usual_realm.as_ref())
    }

    /// What a client needs where there are lists of addresses too.
    pub(crate) fn satisfy(&self) -> Satisfy {
        self.satisfy.unwrap_or(Satisfy::All)
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { kind, secret, layout, realm, usual_realm, satisfy } = other;
        let differs = [
            take_over(&mut self.kind, kind),
            take_over(&mut self.secret, secret),
            take_over(&mut self.layout, layout),
            take_over(&mut self.realm, realm),
            take_over(&mut self.usual_realm, usual_realm),
            take_over(&mut self.satisfy, satisfy),
        ];
        differs.contains(&true)
    }
}
