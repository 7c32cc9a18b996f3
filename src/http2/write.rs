//! Writes frames.
