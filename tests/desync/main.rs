//! What a client or a pod could do to make the proxy lose count, or time: each of these was a defect once.

#[path = "../support/mod.rs"]
mod support;

mod pod;
