//! Where objects come from. Every source sends the plain view of `objects`, one change at a time.

pub mod api;
mod changes;
mod kinds;
pub mod manifests;
pub mod objects;
pub mod saved;

pub use changes::{Connection, Event};
