//! Heads between HTTP/2 and the form in which exchanges work (RFC 9113 §8).
