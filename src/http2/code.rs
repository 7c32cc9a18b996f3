//! Error codes (RFC 9113 §7).
