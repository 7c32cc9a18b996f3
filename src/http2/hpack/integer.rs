//! Numbers with a prefix (RFC 7541 §5.1).
