//! What a source tells the controller.

use tokio::time::Instant;

use crate::model::{ObjectKind, Problem};

use super::objects::Change;

/// One message of a source. Sources send over bounded channels: a slow controller slows the source, nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object has arrived, changed, or gone, and when the source saw it: propagation is measured from then.
    Change(Change, Instant),
    /// All findings of the source itself, replacing those it sent before.
    Problems(Vec<Problem>),
    /// Everything has been sent but Secrets that are read by name: it is known now which are wanted. Comes once, before
    /// `Synced`.
    Listed,
    /// Everything that was there at the start has been sent. Comes once.
    Synced,
    /// Whether objects of this kind are followed at present. Comes when it changes; a directory never sends it.
    Connected(ObjectKind, Connection),
}

/// Whether a source is in touch with where its objects come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Changes arrive.
    Up,
    /// Changes that came after this are missed until it is up again; what was sent stays in force.
    Down(Instant),
}

impl Event {
    /// A change that is seen now.
    pub fn change(change: Change) -> Self {
        Self::Change(change, Instant::now())
    }
}
