//! The same bytes into our HTTP/2 connection and into one of the `h2` crate, as servers and as clients: what both accept
//! means the same to both, and nothing that the library accepts gets lost with us unsaid.
//!
//! The input is decisions, from which the frames of a peer are made. What the library refuses and we accept is counted
//! and told now and then: it is a finding only if RFC 9113 wants it refused.

#![no_main]

use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;
use tidegate::http2::connection::Role;
use tidegate::{http1, http2};

#[path = "http2_differential/compare.rs"]
mod compare;
#[path = "http2_differential/fields.rs"]
mod fields;
#[path = "http2_differential/library.rs"]
mod library;
#[path = "http2_differential/ours.rs"]
mod ours;
#[path = "../../src/http2/connection/tests/pair.rs"]
#[allow(dead_code, reason = "only its choices are used here")]
mod pair;
#[path = "http2_differential/peer.rs"]
mod peer;

use compare::Stricter;

/// Requests of clients: the method, and whether they end with their head.
const ASKED: [(&str, bool); 4] = [("GET", true), ("HEAD", true), ("POST", false), ("GET", true)];

/// When servers answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    Never,
    AtHead,
    AtEnd,
}

/// Inputs, and what the library refused of them.
static TOLD: Mutex<(u64, Stricter)> = Mutex::new((0, Stricter { connections: 0, heads: 0, streams: 0 }));

fuzz_target!(|input: &[u8]| {
    let mut choices = pair::Choices(input);
    let (role, answers) = match choices.below(8) {
        0 | 1 => (Role::Server, Answers::Never),
        2 | 3 => (Role::Server, Answers::AtHead),
        4 | 5 => (Role::Server, Answers::AtEnd),
        _ => (Role::Client, Answers::Never),
    };
    let pieces = peer::Peer::speak(choices, role);
    let ours = ours::read(role, answers, &pieces);
    let theirs = match role {
        Role::Server => library::read_as_server(answers, &pieces),
        Role::Client => library::read_as_client(&pieces),
    };
    tell(compare::compare(&ours, &theirs));
});

fn tell(more: Stricter) {
    let mut told = TOLD.lock().expect("nobody panics here");
    let (inputs, all) = &mut *told;
    *inputs += 1;
    all.connections += more.connections;
    all.heads += more.heads;
    all.streams += more.streams;
    if *inputs >= 1 << 14 && inputs.is_power_of_two() {
        eprintln!("{inputs} inputs; the library refuses and we accept: {all:?}");
    }
}
