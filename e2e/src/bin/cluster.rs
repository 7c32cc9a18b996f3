//! The cluster by hand.
fn main() {}
