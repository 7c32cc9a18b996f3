//! Users with hashes of their passwords, as Secrets hold them for basic authentication.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::password_hash::{HashFault, PasswordHash};

/// Most users of a list; those behind them are left out.
const MOST_USERS: usize = 10_000;
/// Longest name. Bytes.
const LONGEST_NAME: usize = 256;
/// Most faults of a list that are told one by one.
const MOST_FAULTS: usize = 10;

/// Users by name, each with the hash of its password. Lists are compared by their identity.
#[derive(Clone)]
pub struct Users {
    identity: [u8; 32],
    by_name: Box<[(Box<str>, PasswordHash)]>,
    weak: usize,
}

/// A list of users as it is written, with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserList {
    /// Those whose hash can be used.
    pub users: Arc<Users>,
    /// The first of those that cannot log in.
    pub faults: Box<[UserFault]>,
    /// How many of them there are.
    pub fault_count: usize,
}

/// What a Secret holds for basic authentication. Which of the two is meant, annotations say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUsers {
    /// Lines of htpasswd in the key `auth`; `None` without such a key.
    pub file: Option<UserList>,
    /// Each key as a user, with the hash as its value.
    pub map: UserList,
}

/// An entry of a list that lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFault {
    /// Where it stands.
    pub place: EntryPlace,
    /// What is wrong.
    pub fault: EntryFault,
}

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryPlace {
    /// In this line, the first is 1.
    Line(usize),
    /// In this key.
    Key(Box<str>),
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// It is no user with a hash.
    NoEntry,
    /// The list is too long.
    TooMany,
    /// The hash cannot be used.
    Hash(HashFault),
}

/// What was found out of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAnswer {
    /// It is the user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// It is not known: too many wait to be known, or it took too long.
    Busy,
    /// It was not looked at: the client was wrong too often.
    Limited,
}

impl PasswordAnswer {
    /// All.
    pub const ALL: [Self; 4] = [Self::Right, Self::Wrong, Self::Busy, Self::Limited];

    /// Short stable name, as in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Busy => "busy",
            Self::Limited => "limited",
        }
    }
}

impl Users {
    /// The first entry of each name counts.
    pub fn new(entries: impl IntoIterator<Item = (Box<str>, PasswordHash)>) -> Self {
        let mut by_name: Vec<_> = entries.into_iter().collect();
        // Stable: the first of equal ones stays the first.
        by_name.sort_by(|(one, _), (other, _)| one.cmp(other));
        by_name.dedup_by(|(later, _), (first, _)| later == first);
        let mut context = Context::new(&SHA256);
        for text in by_name.iter().flat_map(|(name, hash)| [name, hash.text()]) {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut identity = [0; 32];
        identity.copy_from_slice(context.finish().as_ref());
        let weak = by_name.iter().filter(|(_, hash)| hash.is_weak()).count();
        Self { identity, by_name: by_name.into(), weak }
    }

    /// What differs between lists that differ.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// The hash of a user's password.
    pub fn hash_of(&self, name: &str) -> Option<&PasswordHash> {
        let at = self.by_name.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        Some(&self.by_name[at].1)
    }

    /// A hash that takes as long as that of a user, for names that are none.
    pub fn decoy(&self) -> Option<&PasswordHash> {
        self.by_name.first().map(|(_, hash)| hash)
    }

    /// Names with hashes, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PasswordHash)> {
        self.by_name.iter().map(|(name, hash)| (&**name, hash))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many of them have a hash that is weak.
    pub fn weak(&self) -> usize {
        self.weak
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.len())
    }
}

impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Users {}

impl Hash for Users {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl PartialOrd for Users {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Users {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity.cmp(&other.identity)
    }
}

impl UserList {
    /// Reads lines of htpasswd: `name:hash`, perhaps with a comment behind another colon. Empty lines and those that begin with
    /// `#` say nothing.
    pub fn of_file(text: &[u8]) -> Self {
        let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).enumerate();
        let says = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"));
        Self::of_entries(says.map(|(at, line)| {
            let entry = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':'));
            let entry = entry.map(|(name, rest)| (name, rest.split(':').next().unwrap_or_default()));
            (entry, move || EntryPlace::Line(at + 1))
        }))
    }

    /// Reads names with hashes.
    pub fn of_map<'a>(entries: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        Self::of_entries(entries.map(|(name, hash)| {
            let hash = std::str::from_utf8(hash).ok().map(str::trim_end);
            let key = move || EntryPlace::Key(name.chars().take(LONGEST_NAME).collect::<String>().into());
            (hash.map(|hash| (name, hash)), key)
        }))
    }

    /// Of names with hashes, each with the place where it stands.
    fn of_entries<'a>(
        entries: impl Iterator<Item = (Option<(&'a str, &'a str)>, impl FnOnce() -> EntryPlace)>,
    ) -> Self {
        let (mut users, mut faults, mut fault_count) = (Vec::new(), Vec::new(), 0);
        for (entry, place) in entries {
            match read(entry, users.len()) {
                Ok(user) => users.push(user),
                Err(fault) => {
                    fault_count += 1;
                    if faults.len() < MOST_FAULTS {
                        faults.push(UserFault { place: place(), fault });
                    }
                }
            }
        }
        Self { users: Arc::new(Users::new(users)), faults: faults.into(), fault_count }
    }
}

fn read(entry: Option<(&str, &str)>, count: usize) -> Result<(Box<str>, PasswordHash), EntryFault> {
    let is_name = |name: &str| !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control);
    let (name, hash) = entry.filter(|(name, _)| is_name(name)).ok_or(EntryFault::NoEntry)?;
    if count >= MOST_USERS {
        return Err(EntryFault::TooMany);
    }
    Ok((name.into(), PasswordHash::parse(hash).map_err(EntryFault::Hash)?))
}

impl fmt::Display for UserFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            EntryPlace::Line(line) => write!(f, "line {line}: ")?,
            EntryPlace::Key(key) => write!(f, "key {}: ", key.escape_debug())?,
        }
        match self.fault {
            EntryFault::NoEntry => f.write_str("it is no user with a hash"),
            EntryFault::TooMany => write!(f, "only the first {MOST_USERS} users are read"),
            EntryFault::Hash(fault) => fault.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=";

    #[test]
    fn a_file_has_a_user_in_each_line_and_the_first_of_a_name_counts() {
        let lines = format!("# users\n\nbob:{SHA}\r\nalice:{SHA}:the comment\nbob:{{PLAIN}}x\n:{SHA}\nnonsense\n");
        let text = [lines.as_bytes(), b"carl:.fmECtRTQBVjc\n\xff:x\ndave:x"].concat();
        let list = UserList::of_file(&text);
        let names: Vec<_> = list.users.iter().map(|(name, _)| name).collect();
        assert_eq!((&names[..], list.users.weak()), (&["alice", "bob", "carl"][..], 1));
        assert_eq!(list.users.hash_of("bob").unwrap().text(), SHA);
        let faults: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "line 6: it is no user with a hash",
                "line 7: it is no user with a hash",
                "line 9: it is no user with a hash",
                "line 10: its form is not known"
            ]
        );
        assert_eq!(list.fault_count, 4);
    }

    #[test]
    fn a_map_has_a_user_in_each_key() {
        let entries = [("alice", SHA.as_bytes()), ("bob", b"open sesame"), ("carl", b"\xff")];
        let list = UserList::of_map(entries.into_iter());
        assert_eq!((list.users.len(), list.fault_count), (1, 2));
        assert_eq!(list.faults[0].to_string(), "key bob: its form is not known");
        assert!(!format!("{list:?}").contains("sesame"));
    }

    #[test]
    fn a_list_is_bounded_and_so_is_what_is_told_of_it() {
        let text: String = (0..MOST_USERS + 100).map(|at| format!("user-{at}:{SHA}\n")).collect();
        let list = UserList::of_file(text.as_bytes());
        assert_eq!((list.users.len(), list.faults.len(), list.fault_count), (MOST_USERS, MOST_FAULTS, 100));
        let long = format!("{}:{SHA}\n", "x".repeat(LONGEST_NAME + 1));
        assert_eq!(UserList::of_file(long.as_bytes()).users.len(), 0);
    }

    #[test]
    fn lists_that_differ_have_another_identity() {
        let of = |text: &str| UserList::of_file(text.as_bytes()).users;
        let one = of(&format!("a:{SHA}\nb:{SHA}"));
        assert_eq!(one, of(&format!("b:{SHA}\n#\na:{SHA}\n")));
        for other in [format!("a:{SHA}"), format!("a:{SHA}\nc:{SHA}"), format!("a:{{PLAIN}}x\nb:{SHA}"), String::new()]
        {
            assert_ne!(one, of(&other));
        }
        assert!(one.hash_of("c").is_none() && one.decoy().is_some() && of("").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let file = UserList::of_file(&bytes);
            let map = UserList::of_map(std::iter::once(("user", &bytes[..])));
            for list in [file, map] {
                proptest::prop_assert!(list.users.len() + list.fault_count <= bytes.len() + 1);
            }
        }

        #[test]
        fn no_hash_is_too_strange(text in "(\\$(2y|apr1|1|5|6)\\$|\\{(SHA|SSHA|PLAIN)\\})[ -~]{0,100}") {
            if let Ok(hash) = PasswordHash::parse(&text) {
                proptest::prop_assert!(hash.parts().is_some());
            }
        }
    }
}
