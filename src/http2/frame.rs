//! Frame headers (RFC 9113 §4.1, §6).
