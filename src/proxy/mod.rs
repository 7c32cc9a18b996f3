//! The data plane.

pub mod buffers;
pub mod tls;
