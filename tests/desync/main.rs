//! What a client or a pod could do to make the proxy lose count, or time: each of these was a defect once.

#![allow(clippy::unwrap_used, reason = "a test binary")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod frames;
mod h2;
mod pod;
mod strays;
