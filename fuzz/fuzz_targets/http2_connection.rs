//! Any bytes, cut anywhere, into an HTTP/2 connection of either role, whose owner answers at random: no panic; streams,
//! heads and bodies stay within their bounds; nothing comes for a stream that is over; cuts change nothing.
//!
//! The first third of the input are decisions, the rest is what the peer sends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::{http1, http2};

#[path = "../../src/http2/connection/tests/pair.rs"]
#[allow(dead_code, reason = "only its choices are used here")]
mod pair;
#[path = "../../src/http2/connection/tests/wild.rs"]
mod wild;

fuzz_target!(|input: &[u8]| wild::run(input));
