//! Start, readiness and draining as ownership.
