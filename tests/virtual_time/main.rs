//! Deadlines by a clock that the test moves: hours pass in milliseconds, and nothing depends on how busy the machine is.
//!
//! Client, proxy and pod share one thread and one runtime whose clock stands still. Bytes go over the loopback, so the
//! code under test is all of the product's; what a socket was given has arrived at the other when the write returns.

#![allow(clippy::unwrap_used, clippy::large_futures, reason = "they are tests")]

#[path = "../support/mod.rs"]
mod support;

mod deadlines;
mod limits;
mod migrated;
mod schedules;
mod stage;
mod strays;
