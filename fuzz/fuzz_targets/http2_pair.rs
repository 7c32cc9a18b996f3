//! Our HTTP/2 client against our HTTP/2 server under a schedule taken from the input: what is sent, how much of it
//! travels when, who consumes, resets and releases. Nothing is lost, invented or reordered, no rule is broken, and in the
//! end all windows are open again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::{http1, http2};

#[path = "../../src/http2/connection/tests/pair.rs"]
mod pair;

fuzz_target!(|schedule: &[u8]| pair::run(schedule));
