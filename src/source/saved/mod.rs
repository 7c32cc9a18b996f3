//! The snapshot file: the objects last applied, so that a restarted process serves before it has reached the API server.
//!
//! It holds private keys: it belongs on a tmpfs, is made with mode 0600, and nothing of its content is ever logged.
//! `Recorder` writes it on a thread of its own, `read` gives it back at start. It must not know what is done with the objects.
//!
//! The format is lines of text. The first is `tidegate-snapshot VERSION SECONDS` with the Unix time of writing, then one
//! JSON object for each Kubernetes object, `{"Ingress":{…}}`, and last `end COUNT CRC`: how many objects there are, and
//! the CRC-64 of all bytes before that line. Readers pass over fields and kinds that they do not know, so that a file of a
//! later minor version is of use to an earlier one; what they could misunderstand has another VERSION.

mod checksum;
mod read;
mod recorder;
mod write;

pub use read::{Rejection, Saved, parse, read};
pub use recorder::{Recorder, Writer};
pub use write::write;

/// First word of a snapshot file.
const MAGIC: &str = "tidegate-snapshot";
/// The version of the format: another one is not read.
const VERSION: u32 = 1;
/// First word of the last line.
const END: &str = "end";

#[cfg(test)]
mod tests;
