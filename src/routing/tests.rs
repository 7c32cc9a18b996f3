//! Rules of routing, by number.
