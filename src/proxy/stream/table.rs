//! The sessions of a port, by client: bounded, and those that were never answered give way to others.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The sessions. `C` is who is known by one, `S` what is kept of it.
pub(super) struct SessionTable<C, S> {
    known: HashMap<C, (u64, S)>,
    /// Those that were not answered when they were made, the oldest first.
    unanswered: VecDeque<(C, u64)>,
    most: usize,
    last: u64,
}

impl<C: Copy + Eq + Hash, S> SessionTable<C, S> {
    /// No sessions yet, and never more than `most`.
    pub(super) fn new(most: usize) -> Self {
        Self { known: HashMap::new(), unanswered: VecDeque::new(), most: most.max(1), last: 0 }
    }

    /// The session of a client.
    pub(super) fn get(&self, client: &C) -> Option<&S> {
        self.known.get(client).map(|(_, session)| session)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &S> {
        self.known.values().map(|(_, session)| session)
    }

    /// Makes room for one more. Returns the session that has to go for it, if any; `Err`: all were answered.
    pub(super) fn make_room(&mut self, is_answered: impl Fn(&S) -> bool) -> Result<Option<S>, ()> {
        if self.unanswered.len() >= (2 * self.known.len()).max(256) {
            let Self { known, unanswered, .. } = self;
            unanswered.retain(|(client, number)| {
                known.get(client).is_some_and(|(of, session)| of == number && !is_answered(session))
            });
        }
        if self.known.len() < self.most {
            return Ok(None);
        }
        while let Some((client, number)) = self.unanswered.pop_front() {
            let may_go = |(of, session): &(u64, S)| *of == number && !is_answered(session);
            if self.known.get(&client).is_some_and(may_go) {
                return Ok(self.remove(&client));
            }
        }
        Err(())
    }

    /// Puts a session in. `make` is given its number.
    pub(super) fn insert(&mut self, client: C, make: impl FnOnce(u64) -> S) {
        self.last += 1;
        let number = self.last;
        self.known.insert(client, (number, make(number)));
        self.unanswered.push_back((client, number));
    }

    /// Takes the session of a client out.
    pub(super) fn remove(&mut self, client: &C) -> Option<S> {
        self.known.remove(client).map(|(_, session)| session)
    }

    /// The same if it has this number.
    pub(super) fn forget(&mut self, client: &C, number: u64) -> Option<S> {
        if self.known.get(client).is_some_and(|(of, _)| *of == number) { self.remove(client) } else { None }
    }

    /// Takes all out.
    pub(super) fn drain(&mut self) -> Vec<S> {
        self.unanswered.clear();
        self.known.drain().map(|(_, (_, session))| session).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    type Table = SessionTable<u32, Cell<bool>>;

    fn take(table: &mut Table, client: u32) -> Result<bool, ()> {
        let evicted = table.make_room(Cell::get)?.is_some();
        table.insert(client, |_| Cell::new(false));
        Ok(evicted)
    }

    #[test]
    fn clients_that_are_invented_give_way_and_those_that_were_answered_stay() {
        let mut table = Table::new(100);
        for client in 0..10 {
            assert_eq!(take(&mut table, client), Ok(false));
            table.get(&client).unwrap().set(true);
        }
        // A flood: none of them is answered.
        for client in 1000..100_000 {
            assert_eq!(take(&mut table, client), Ok(client >= 1090), "{client}");
            assert!(table.known.len() <= 100 && table.unanswered.len() <= 512);
        }
        assert!((0..10).all(|client| table.get(&client).is_some()));
        // A true client is served within the flood.
        assert_eq!(take(&mut table, 7_000_000), Ok(true));
        table.get(&7_000_000).unwrap().set(true);
        for client in 100_000..101_000 {
            take(&mut table, client).unwrap();
        }
        assert!(table.get(&7_000_000).is_some());
    }

    #[test]
    fn where_all_were_answered_a_newcomer_is_refused() {
        let mut table = Table::new(3);
        for client in 0..3 {
            take(&mut table, client).unwrap();
            table.get(&client).unwrap().set(true);
        }
        assert_eq!(take(&mut table, 3), Err(()));
        assert!(table.remove(&1).is_some());
        assert_eq!(take(&mut table, 3), Ok(false));
        assert!(table.forget(&3, 1).is_none() && table.get(&3).is_some(), "another one of this client");
        assert!(table.forget(&3, 4).is_some() && table.get(&3).is_none());
        assert_eq!((table.drain().len(), table.all().count()), (2, 0));
    }
}
