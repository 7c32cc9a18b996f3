//! What annotations can set of which clients are served.

use crate::model::{Networks, Sources};

use super::auth_options::AuthOptions;
use super::client_options::ClientOptions;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceOptions {
    /// Only these are served.
    pub(super) allowed: Option<SourceList>,
    /// These are not.
    pub(super) denied: Option<SourceList>,
    /// Who has a password.
    pub(super) auth: Option<Box<AuthOptions>>,
    /// Who has a certificate.
    pub(super) clients: Option<Box<ClientOptions>>,
}

/// A list of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SourceList {
    /// These.
    Networks(Networks),
    /// It cannot be read. Nobody knows whom it was to keep out.
    Unreadable,
}

impl SourceOptions {
    /// Both lists together; `None`: there is none.
    pub(crate) fn rule(&self) -> Option<Sources> {
        if self.allowed.is_none() && self.denied.is_none() {
            return None;
        }
        let networks = |list: &Option<SourceList>| match list {
            None => Ok(None),
            Some(SourceList::Networks(networks)) => Ok(Some(networks.clone())),
            Some(SourceList::Unreadable) => Err(Sources::Unreadable),
        };
        Some(match (networks(&self.denied), networks(&self.allowed)) {
            (Ok(denied), Ok(allowed)) => Sources::Lists { denied: denied.unwrap_or_default(), allowed },
            (Err(unreadable), _) | (_, Err(unreadable)) => unreadable,
        })
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { allowed, denied, auth, clients } = other;
        let differs = [
            take_over(&mut self.allowed, allowed),
            take_over(&mut self.denied, denied),
            auth.is_some_and(|auth| self.auth.get_or_insert_default().absorb(*auth)),
            clients.is_some_and(|clients| self.clients.get_or_insert_default().absorb(*clients)),
        ];
        differs.contains(&true)
    }
}
