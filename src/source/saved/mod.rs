//! Saved objects: a file of the objects last applied, so that a restarted process serves before it reaches the API server.
//! Its option, metrics and first word call it a snapshot, because users and files of former versions do.
//!
//! The file holds private keys: it belongs on a tmpfs, is created with mode 0600, and nothing of its content is ever logged.
//! `Recorder` writes it on a thread of its own, `read` reads it at the start. What is done with the objects is not known here.
//!
//! The format is lines of text. The first is `tidegate-snapshot VERSION SECONDS` with the Unix time of writing, then one
//! JSON object for each Kubernetes object, `{"Ingress":{…}}`, and last `end COUNT CRC`: how many objects there are, and
//! the CRC-64 of all bytes before that line. Readers ignore fields and kinds that they do not know, so that an earlier
//! version can use a file of a later minor version. A format that they could misunderstand has another VERSION.

mod checksum;
mod read;
mod recorder;
mod write;

pub use read::{Rejection, Saved, parse, read};
pub use recorder::{Recorder, Writer};
pub use write::write;

/// First word of the file.
const MAGIC: &str = "tidegate-snapshot";
/// The version of the format: another one is not read.
const VERSION: u32 = 1;
/// First word of the last line.
const END: &str = "end";

#[cfg(test)]
mod tests;
