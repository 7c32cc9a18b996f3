//! What a source tells the controller, and in the same queue who resolves external names.

use tokio::time::Instant;

use crate::model::{ExternalName, ObjectKind, Problem, Resolution};

use super::objects::Change;

/// One message of a source. Sources send over bounded channels: a slow controller slows the source, nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object was created, changed or deleted, and when the source saw it: propagation is measured from then.
    Change(Change, Instant),
    /// What DNS says of an external name that is wanted: the first answer, or another one than before. No source of objects
    /// sends it.
    Resolved(ExternalName, Resolution),
    /// All findings of the source itself, replacing those it sent before.
    Problems(Vec<Problem>),
    /// Everything has been sent but Secrets that are read by name, so it is known now which of them are wanted. Comes once,
    /// before `Synced`; a directory does not send it.
    Listed,
    /// Everything that was there at the start has been sent. Comes once.
    Synced,
    /// Whether objects of this kind are followed at present. Comes when that changes; a directory does not send it.
    Connected(ObjectKind, Connection),
}

/// Whether a source follows its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Changes arrive.
    Up,
    /// Changes that came after this are missed until it is up again. What was sent stays in force.
    Down(Instant),
}

impl Event {
    /// A change that is seen now.
    pub fn change(change: Change) -> Self {
        Self::Change(change, Instant::now())
    }
}
