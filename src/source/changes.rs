//! What a source tells the controller.

use crate::model::Problem;

use super::objects::Change;

/// One message of a source. Sources send over bounded channels: a slow controller slows the source, nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object has arrived, changed, or gone.
    Change(Change),
    /// All findings of the source itself, replacing those it sent before.
    Problems(Vec<Problem>),
    /// Everything that was there at the start has been sent. Comes once.
    Synced,
}
