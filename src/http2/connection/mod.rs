//! One connection: frames in, events out (RFC 9113 §3–§6).
