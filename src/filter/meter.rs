//! Who counts the requests of clients. Decisions ask through it: nothing here knows the time, or what others have asked for.

use std::fmt;
use std::net::IpAddr;

use crate::model::KnownLimits;

/// Counts the requests of clients.
pub trait Meter: fmt::Debug {
    /// Counts a request of this client, unless it is beyond one of the limits.
    fn count(&self, limits: &KnownLimits, client: IpAddr) -> Result<(), Beyond>;
}

/// The limit that a request is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// How fast requests may come.
    Rate,
    /// How many may be in progress.
    InProgress,
}

/// Counts nothing: for explanations, which must not use up what clients may ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncounted;

impl Meter for Uncounted {
    fn count(&self, _: &KnownLimits, _: IpAddr) -> Result<(), Beyond> {
        Ok(())
    }
}
