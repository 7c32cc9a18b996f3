//! HTTP/1.1 as bytes: strict, without input or output of its own, used towards clients and towards pods.
