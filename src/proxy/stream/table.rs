//! The sessions of a shard, by client: bounded. Those that were never answered give way to others, then those that have been silent for
//! longest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;

use tokio::time::Instant;

/// At most so many of those that have been silent for longest are looked at for one that nobody waits for.
const LOOKED_AT: usize = 64;

/// What is kept of a session.
pub(super) trait Kept {
    /// Whether it was ever answered.
    fn is_answered(&self) -> bool;
    /// Whether its client waits for an answer.
    fn is_awaited(&self) -> bool;
    /// When a datagram was last passed on.
    fn last(&self) -> Instant;
}

/// The sessions. `C` is who is known by one, `S` what is kept of it.
pub(super) struct SessionTable<C, S> {
    known: HashMap<C, (u64, S)>,
    /// Those that were not answered when they were made, the oldest first.
    unanswered: VecDeque<(C, u64)>,
    /// All, by when they were last seen to be silent: later datagrams are found out when it comes to that.
    silent: BinaryHeap<Reverse<(Instant, u64, C)>>,
    most: usize,
    last: u64,
}

impl<C: Copy + Ord + Hash, S: Kept> SessionTable<C, S> {
    /// No sessions yet, and never more than `most`.
    pub(super) fn new(most: usize) -> Self {
        let (known, unanswered, silent) = (HashMap::new(), VecDeque::new(), BinaryHeap::new());
        Self { known, unanswered, silent, most: most.max(1), last: 0 }
    }

    /// The session of a client.
    pub(super) fn get(&self, client: &C) -> Option<&S> {
        self.known.get(client).map(|(_, session)| session)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&C, &S)> {
        self.known.iter().map(|(client, (_, session))| (client, session))
    }

    /// Makes room for one more. Returns the session that has to go for it, if any; `Err`: all are awaited.
    pub(super) fn make_room(&mut self) -> Result<Option<S>, ()> {
        self.tidy();
        if self.known.len() < self.most {
            return Ok(None);
        }
        while let Some((client, number)) = self.unanswered.pop_front() {
            let may_go = |(of, session): &(u64, S)| *of == number && !session.is_answered();
            if self.known.get(&client).is_some_and(may_go) {
                return Ok(self.remove(&client));
            }
        }
        let client = self.most_silent().ok_or(())?;
        Ok(self.remove(&client))
    }

    /// Who has been silent for longest and waits for nothing.
    fn most_silent(&mut self) -> Option<C> {
        let (mut found, mut awaited) = (None, Vec::new());
        while awaited.len() < LOOKED_AT
            && let Some(Reverse((seen, number, client))) = self.silent.pop()
        {
            match self.known.get(&client) {
                Some((of, session)) if *of == number => {
                    let last = session.last();
                    if last > seen {
                        // It goes to where it belongs now.
                        self.silent.push(Reverse((last, number, client)));
                    } else if session.is_awaited() {
                        awaited.push(Reverse((seen, number, client)));
                    } else {
                        found = Some(client);
                        break;
                    }
                }
                // It has ended.
                Some(_) | None => {}
            }
        }
        self.silent.extend(awaited);
        found
    }

    /// Forgets what is noted of sessions that have ended, once it is as much as of those that there are.
    fn tidy(&mut self) {
        let most = (2 * self.known.len()).max(256);
        let Self { known, unanswered, silent, .. } = self;
        if unanswered.len() >= most {
            unanswered.retain(|(client, number)| {
                known.get(client).is_some_and(|(of, session)| of == number && !session.is_answered())
            });
        }
        if silent.len() >= most {
            silent.retain(|Reverse((_, number, client))| known.get(client).is_some_and(|(of, _)| of == number));
        }
    }

    /// Puts a session in. `make` is given its number.
    pub(super) fn insert(&mut self, client: C, make: impl FnOnce(u64) -> S) {
        self.last += 1;
        let number = self.last;
        let session = make(number);
        self.unanswered.push_back((client, number));
        self.silent.push(Reverse((session.last(), number, client)));
        self.known.insert(client, (number, session));
    }

    /// Takes the session of a client out.
    pub(super) fn remove(&mut self, client: &C) -> Option<S> {
        self.known.remove(client).map(|(_, session)| session)
    }

    /// The same if it has this number.
    pub(super) fn forget(&mut self, client: &C, number: u64) -> Option<S> {
        if self.known.get(client).is_some_and(|(of, _)| *of == number) { self.remove(client) } else { None }
    }

    /// Takes those out of whom this is true.
    pub(super) fn take_all(&mut self, is_meant: impl Fn(&C) -> bool) -> Vec<S> {
        let taken = self.known.extract_if(|client, _| is_meant(client)).map(|(_, (_, session))| session).collect();
        self.tidy();
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    struct Session {
        answered: Cell<bool>,
        awaited: Cell<bool>,
        last: Cell<Instant>,
    }

    impl Kept for Session {
        fn is_answered(&self) -> bool {
            self.answered.get()
        }

        fn is_awaited(&self) -> bool {
            self.awaited.get()
        }

        fn last(&self) -> Instant {
            self.last.get()
        }
    }

    type Table = SessionTable<u32, Session>;

    fn take(table: &mut Table, client: u32) -> Result<bool, ()> {
        let evicted = table.make_room()?.is_some();
        let (answered, awaited, last) = (Cell::new(false), Cell::new(false), Cell::new(Instant::now()));
        table.insert(client, |_| Session { answered, awaited, last });
        Ok(evicted)
    }

    fn answer(table: &Table, client: u32, last: Instant) {
        let session = table.get(&client).unwrap();
        session.answered.set(true);
        session.last.set(last);
    }

    #[test]
    fn clients_that_are_invented_give_way_and_those_that_were_answered_stay() {
        let mut table = Table::new(100);
        for client in 0..10 {
            assert_eq!(take(&mut table, client), Ok(false));
            answer(&table, client, Instant::now());
        }
        // A flood: none of them is answered.
        for client in 1000..100_000 {
            assert_eq!(take(&mut table, client), Ok(client >= 1090), "{client}");
            assert!(table.known.len() <= 100 && table.unanswered.len() <= 512 && table.silent.len() <= 512);
        }
        assert!((0..10).all(|client| table.get(&client).is_some()));
        // A true client is served within the flood.
        assert_eq!(take(&mut table, 7_000_000), Ok(true));
        answer(&table, 7_000_000, Instant::now());
        for client in 100_000..101_000 {
            take(&mut table, client).unwrap();
        }
        assert!(table.get(&7_000_000).is_some());
    }

    #[test]
    fn where_all_were_answered_who_was_silent_for_longest_gives_way() {
        let mut table = Table::new(100);
        let began = Instant::now();
        let after = |seconds: u32| began + Duration::from_secs(60 + u64::from(seconds));
        for client in 0..100 {
            take(&mut table, client).unwrap();
            answer(&table, client, after(client));
        }
        answer(&table, 0, after(1000));
        table.get(&1).unwrap().awaited.set(true);
        for client in 100..198 {
            assert_eq!(take(&mut table, client), Ok(true));
            answer(&table, client, after(client));
            assert!(table.get(&(client - 98)).is_none(), "the oldest of those that nobody waits for");
            assert!(table.silent.len() <= 512);
        }
        assert!(table.get(&0).is_some() && table.get(&1).is_some());
        table.get(&1).unwrap().awaited.set(false);
        assert_eq!(take(&mut table, 198), Ok(true));
        assert!(table.get(&0).is_some() && table.get(&1).is_none());
    }

    #[test]
    fn where_all_are_awaited_a_newcomer_is_refused() {
        let mut table = Table::new(3);
        for client in 0..3 {
            take(&mut table, client).unwrap();
            answer(&table, client, Instant::now());
            table.get(&client).unwrap().awaited.set(true);
        }
        assert_eq!(take(&mut table, 3), Err(()));
        assert!(table.remove(&1).is_some());
        assert_eq!(take(&mut table, 3), Ok(false));
        assert!(table.forget(&3, 1).is_none() && table.get(&3).is_some(), "another one of this client");
        assert!(table.forget(&3, 4).is_some() && table.get(&3).is_none());
        assert_eq!(table.take_all(|client| *client == 2).len(), 1);
        assert_eq!((table.take_all(|_| true).len(), table.all().count()), (1, 0));
    }
}
