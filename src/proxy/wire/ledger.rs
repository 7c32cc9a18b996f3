//! The memory that the process uses, against its limit: what connections hold is counted as they take it, what the system
//! says of the process corrects the count several times a second.
//!
//! The system's figure has everything: tables, kernel memory of sockets, what the allocator keeps. But it is old by the
//! time it is read, and a burst is faster. So the ledger remembers how far that figure was above what was charged, and adds
//! what is charged now. From that follows how much must be done without ([`Relief`]).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering::Relaxed};

use tokio::sync::Notify;

use crate::observe::Relief;

/// Percent of the limit from which this is done.
fn begins_at(relief: Relief) -> i64 {
    match relief {
        Relief::None => 0,
        Relief::FreeBuffers => 70,
        Relief::CloseIdle => 80,
        Relief::RefuseStreams => 87,
        Relief::RefuseConnections => 94,
    }
}

fn numbered(number: u8) -> Relief {
    Relief::ALL.get(usize::from(number)).copied().unwrap_or_default()
}

/// Percent of the limit that memory must fall below the beginning of a relief before it ends.
const SLACK: i64 = 4;

/// Bytes that a shard charges or gives back before it tells the ledger: few requests at a time never do.
const GRAIN: i64 = 64 * 1024;

/// Part of the limit that bodies may take which are kept for the sake of slow peers: one of so many. A buffer that grows takes twice
/// what is in it for a moment, and the allocator keeps what it has outgrown.
const KEPT: i64 = 8;

/// Bytes that these may take where there is no limit.
const MOST_KEPT: i64 = 1 << 30;

/// The ledger of the process. Clones are the same ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Bytes; zero is no limit.
    limit: i64,
    /// Bytes that were charged and not given back.
    charged: AtomicI64,
    /// Bytes of those that are bodies which are kept for the sake of slow peers.
    kept: AtomicI64,
    /// Bytes that the system told of beyond what was charged then.
    beyond: AtomicI64,
    relief: AtomicU8,
    /// The highest relief since it was last asked for.
    highest: AtomicU8,
    pressed: Notify,
}

impl Ledger {
    /// A ledger with a limit in bytes; `None` is no limit.
    pub fn new(limit: Option<u64>) -> Self {
        let limit = limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        Self(Arc::new(Inner { limit, ..Inner::default() }))
    }

    /// The limit in bytes.
    pub fn limit(&self) -> Option<u64> {
        u64::try_from(self.0.limit).ok().filter(|limit| *limit > 0)
    }

    /// Bytes in use by this moment, as far as they are known.
    pub fn used(&self) -> u64 {
        u64::try_from(self.0.charged.load(Relaxed) + self.0.beyond.load(Relaxed)).unwrap_or(0)
    }

    /// Bytes that connections hold, as they were charged.
    pub fn charged(&self) -> u64 {
        u64::try_from(self.0.charged.load(Relaxed)).unwrap_or(0)
    }

    /// The system says that the process uses so many bytes. Tells what is done to save memory from now on, and wakes those
    /// who do it.
    pub fn measured(&self, bytes: u64) -> Relief {
        let charged = self.0.charged.load(Relaxed);
        self.0.beyond.store(i64::try_from(bytes).unwrap_or(i64::MAX).saturating_sub(charged), Relaxed);
        self.judge();
        let relief = self.relief();
        if relief > Relief::None {
            self.0.pressed.notify_waiters();
        }
        relief
    }

    /// What is done to save memory now.
    #[inline]
    pub fn relief(&self) -> Relief {
        numbered(self.0.relief.load(Relaxed))
    }

    /// The highest relief since this was last asked for.
    pub fn take_highest(&self) -> Relief {
        numbered(self.0.highest.swap(0, Relaxed))
    }

    /// Waits until memory was found short.
    pub(crate) async fn pressed(&self) {
        self.0.pressed.notified().await;
    }

    fn may_keep(&self) -> bool {
        let most = if self.0.limit == 0 { MOST_KEPT } else { self.0.limit / KEPT };
        self.relief() == Relief::None && self.0.kept.load(Relaxed) < most
    }

    fn charge(&self, bytes: i64) {
        self.0.charged.fetch_add(bytes, Relaxed);
        self.judge();
    }

    fn judge(&self) {
        if self.0.limit == 0 {
            return;
        }
        let used = self.0.charged.load(Relaxed).saturating_add(self.0.beyond.load(Relaxed));
        let percent = used.saturating_mul(100) / self.0.limit;
        let before = self.relief();
        let holds = |relief: &Relief| {
            let slack = if *relief <= before { SLACK } else { 0 };
            *relief == Relief::None || percent >= begins_at(*relief) - slack
        };
        let now = Relief::ALL.into_iter().rfind(holds).unwrap_or_default();
        if now != before {
            self.0.relief.store(now as u8, Relaxed);
            self.0.highest.fetch_max(now as u8, Relaxed);
        }
    }
}

/// A shard's part of the ledger. What it holds is given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct LedgerShare {
    ledger: Ledger,
    held: Cell<i64>,
    /// What the ledger was not told yet.
    untold: Cell<i64>,
}

impl LedgerShare {
    /// A part that holds nothing.
    pub(crate) fn new(ledger: &Ledger) -> Rc<Self> {
        Rc::new(Self { ledger: ledger.clone(), held: Cell::new(0), untold: Cell::new(0) })
    }

    /// The shard takes so many bytes.
    pub(crate) fn take(&self, bytes: usize) {
        self.change(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The shard gives so many bytes back.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.change(-i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// What is done to save memory now.
    #[inline]
    pub(crate) fn relief(&self) -> Relief {
        self.ledger.relief()
    }

    /// Whether more of a body may be kept for the sake of a slow peer.
    #[inline]
    pub(crate) fn may_keep(&self) -> bool {
        self.ledger.may_keep()
    }

    fn change(&self, bytes: i64) {
        self.held.set(self.held.get().saturating_add(bytes));
        let untold = self.untold.get().saturating_add(bytes);
        if untold.abs() < GRAIN {
            self.untold.set(untold);
        } else {
            self.untold.set(0);
            self.ledger.charge(untold);
        }
    }
}

impl Drop for LedgerShare {
    fn drop(&mut self) {
        self.ledger.charge(self.untold.get() - self.held.get());
    }
}

/// Bytes that are charged until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    share: Rc<LedgerShare>,
    bytes: u32,
}

impl Charge {
    /// Charges so many bytes.
    pub(crate) fn new(share: &Rc<LedgerShare>, bytes: usize) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        share.take(bytes as usize);
        Self { share: Rc::clone(share), bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.share.give_back(self.bytes as usize);
    }
}

/// Bytes of a body that is kept for the sake of a slow peer. They are charged, and counted at once among their like, until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Kept(Charge);

impl Kept {
    /// So many bytes.
    pub(crate) fn new(share: &Rc<LedgerShare>, bytes: usize) -> Self {
        let charge = Charge::new(share, bytes);
        share.ledger.0.kept.fetch_add(i64::from(charge.bytes), Relaxed);
        Self(charge)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.share.ledger.0.kept.fetch_sub(i64::from(self.0.bytes), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn relief_follows_what_is_charged_and_what_the_system_says() {
        let ledger = Ledger::new(Some(100 * MIB as u64));
        let share = LedgerShare::new(&ledger);
        assert_eq!(ledger.measured(50 * MIB as u64), Relief::None);
        share.take(19 * MIB);
        assert_eq!((ledger.relief(), ledger.used()), (Relief::None, 69 * MIB as u64));
        share.take(MIB);
        assert_eq!(ledger.relief(), Relief::FreeBuffers);
        share.take(10 * MIB);
        assert_eq!(ledger.relief(), Relief::CloseIdle);
        share.take(7 * MIB);
        assert_eq!(ledger.relief(), Relief::RefuseStreams);
        share.take(7 * MIB);
        assert_eq!(ledger.relief(), Relief::RefuseConnections);
        // The same bytes, now seen by the system: they do not count twice.
        assert_eq!(ledger.measured(94 * MIB as u64), Relief::RefuseConnections);
        assert_eq!(ledger.used(), 94 * MIB as u64);
        share.give_back(3 * MIB);
        assert_eq!(ledger.relief(), Relief::RefuseConnections, "not at the first byte less");
        share.give_back(2 * MIB);
        assert_eq!(ledger.relief(), Relief::RefuseStreams);
        drop(share);
        assert_eq!((ledger.charged(), ledger.relief()), (0, Relief::None));
    }

    #[test]
    fn bodies_are_kept_in_an_eighth_of_the_limit() {
        let ledger = Ledger::new(Some(80 * MIB as u64));
        let [one, two] = [LedgerShare::new(&ledger), LedgerShare::new(&ledger)];
        let kept = Kept::new(&one, 9 * MIB);
        assert!(two.may_keep());
        let more = Kept::new(&two, MIB);
        assert!(!one.may_keep() && ledger.relief() == Relief::None);
        drop(kept);
        assert!(one.may_keep());
        drop(more);
        one.take(60 * MIB);
        assert!(!one.may_keep(), "memory is short");
        assert_eq!(ledger.charged(), 60 * MIB as u64);
    }

    #[test]
    fn small_changes_are_not_told_and_are_not_lost() {
        let ledger = Ledger::new(None);
        let (one, two) = (LedgerShare::new(&ledger), LedgerShare::new(&ledger));
        let charge = Charge::new(&one, 40 * 1024);
        assert_eq!(ledger.charged(), 0);
        let more = Charge::new(&one, 40 * 1024);
        two.take(MIB);
        assert_eq!(ledger.charged(), (MIB + 80 * 1024) as u64);
        drop(charge);
        drop(more);
        drop((one, two));
        assert_eq!((ledger.charged(), ledger.relief()), (0, Relief::None), "no limit, no relief");
    }
}
