//! From objects to a snapshot: pure functions, one unit (host) at a time.
