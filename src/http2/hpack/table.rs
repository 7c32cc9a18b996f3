//! The dynamic table (RFC 7541 §2.3.2, §4).
