//! Where objects come from. Whatever the source, it delivers the plain view of `objects`, one change at a time.

pub mod objects;
