//! How many bytes of heads the HTTP/2 connections of clients may hold together. The codec asks before it keeps a head:
//! a few bytes on the wire may unfold to a head of many kilobytes (RFC 9113 §10.5.1).

use std::cell::Cell;
use std::rc::Rc;

use crate::proxy::wire::ledger::LedgerShare;

/// Bytes that each connection may hold, even if the budget is used up.
const OWN: u32 = 4 * 1024;

/// The budget of a shard.
pub(crate) struct HeadsBudget {
    held: Cell<u64>,
    limit: u64,
    share: Rc<LedgerShare>,
}

impl HeadsBudget {
    /// At most `limit` bytes, which are charged to `share`.
    pub(crate) fn new(limit: u64, share: &Rc<LedgerShare>) -> Rc<Self> {
        Rc::new(Self { held: Cell::new(0), limit, share: Rc::clone(share) })
    }

    /// So many bytes more may be held.
    fn room(&self) -> u32 {
        u32::try_from(self.limit.saturating_sub(self.held.get())).unwrap_or(u32::MAX)
    }
}

/// What one connection holds of a budget. It is given back when this is dropped.
pub(crate) struct HeadsCharge {
    budget: Rc<HeadsBudget>,
    held: Cell<u32>,
}

impl HeadsCharge {
    /// A connection that holds nothing.
    pub(crate) fn new(budget: &Rc<HeadsBudget>) -> Self {
        Self { budget: Rc::clone(budget), held: Cell::new(0) }
    }

    /// So many bytes more the connection may hold. What others hold leaves it enough for a head or two: a client that asks for
    /// little is served whatever they do.
    pub(crate) fn room(&self) -> u32 {
        self.budget.room().max(OWN.saturating_sub(self.held.get()))
    }

    /// The connection holds this many bytes now.
    pub(crate) fn set(&self, held: u32) {
        let before = self.held.replace(held);
        if held == before {
            return;
        }
        self.budget.share.take(held as usize);
        self.budget.share.give_back(before as usize);
        let all = &self.budget.held;
        all.set((all.get() + u64::from(held)).saturating_sub(u64::from(before)));
    }
}

impl Drop for HeadsCharge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connections_hold_is_taken_from_the_budget_and_given_back() {
        let budget = HeadsBudget::new(1000, &Rc::default());
        let (one, two) = (HeadsCharge::new(&budget), HeadsCharge::new(&budget));
        one.set(300);
        two.set(600);
        assert_eq!(budget.room(), 100);
        one.set(500);
        assert_eq!(budget.room(), 0);
        assert_eq!((one.room(), HeadsCharge::new(&budget).room()), (OWN - 500, OWN), "each has a little of its own");
        two.set(0);
        assert_eq!(budget.room(), 500);
        drop(one);
        assert_eq!(budget.room(), 1000);
        assert_eq!(HeadsBudget::new(u64::MAX, &Rc::default()).room(), u32::MAX);
    }
}
