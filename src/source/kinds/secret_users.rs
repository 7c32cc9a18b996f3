//! Users of a Secret in the file of saved objects: names with the texts of their hashes, and what is wrong with the others.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{EntryFault, EntryPlace, HashFault, PasswordHash, SecretUsers, UserFault, UserList, Users};

/// `SecretUsers` by name.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedUsers {
    file: Option<SavedList>,
    map: SavedList,
}

#[derive(Serialize, Deserialize)]
struct SavedList {
    users: Vec<(Box<str>, Box<str>)>,
    faults: Vec<SavedFault>,
    fault_count: usize,
}

#[derive(Serialize, Deserialize)]
struct SavedFault {
    place: Place,
    fault: Fault,
}

/// `EntryPlace` by name.
#[derive(Serialize, Deserialize)]
enum Place {
    Line(usize),
    Key(Box<str>),
}

/// `EntryFault` by name.
#[derive(Serialize, Deserialize)]
enum Fault {
    NoEntry,
    TooMany,
    // What was one when DES-crypt was not read.
    #[serde(alias = "Des")]
    Form,
    Malformed,
    Costly,
}

impl SavedUsers {
    pub(super) fn new(users: &SecretUsers) -> Self {
        let SecretUsers { file, map } = users;
        Self { file: file.as_ref().map(SavedList::new), map: SavedList::new(map) }
    }

    pub(super) fn into_users(self) -> SecretUsers {
        let Self { file, map } = self;
        SecretUsers { file: file.map(SavedList::into_list), map: map.into_list() }
    }
}

impl SavedList {
    fn new(list: &UserList) -> Self {
        let UserList { users, faults, fault_count } = list;
        Self {
            users: users.iter().map(|(name, hash)| (name.into(), hash.text().into())).collect(),
            faults: faults.iter().map(SavedFault::new).collect(),
            fault_count: *fault_count,
        }
    }

    /// A hash that this version does not know lets nobody in.
    fn into_list(self) -> UserList {
        let Self { users, faults, fault_count } = self;
        let users = users.into_iter().filter_map(|(name, hash)| Some((name, PasswordHash::parse(&hash).ok()?)));
        UserList {
            users: Arc::new(Users::new(users)),
            faults: faults.into_iter().map(SavedFault::into_fault).collect(),
            fault_count,
        }
    }
}

impl SavedFault {
    fn new(fault: &UserFault) -> Self {
        let UserFault { place, fault } = fault;
        Self {
            place: match place {
                EntryPlace::Line(line) => Place::Line(*line),
                EntryPlace::Key(key) => Place::Key(key.clone()),
            },
            fault: match fault {
                EntryFault::NoEntry => Fault::NoEntry,
                EntryFault::TooMany => Fault::TooMany,
                EntryFault::Hash(HashFault::Form) => Fault::Form,
                EntryFault::Hash(HashFault::Malformed) => Fault::Malformed,
                EntryFault::Hash(HashFault::Costly) => Fault::Costly,
            },
        }
    }

    fn into_fault(self) -> UserFault {
        let Self { place, fault } = self;
        UserFault {
            place: match place {
                Place::Line(line) => EntryPlace::Line(line),
                Place::Key(key) => EntryPlace::Key(key),
            },
            fault: match fault {
                Fault::NoEntry => EntryFault::NoEntry,
                Fault::TooMany => EntryFault::TooMany,
                Fault::Form => EntryFault::Hash(HashFault::Form),
                Fault::Malformed => EntryFault::Hash(HashFault::Malformed),
                Fault::Costly => EntryFault::Hash(HashFault::Costly),
            },
        }
    }
}
