//! Lines of the stats socket: no line panics, what is refused is refused with text, and a command asks what the same line says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::stats::Action;
use tidegate::stats::socket::{Command, Fault, Level, SocketPlace, Wish, split};

fuzz_target!(|input: &str| {
    let _ = input.parse::<SocketPlace>();
    let parts = split(input);
    assert!(!parts.is_empty() && parts.len() <= input.len() + 1);
    for part in parts {
        match Command::parse(part) {
            Ok(Command::Act { server, wish }) => {
                assert!(!server.backend.contains('/'), "the first slash ends the name of the upstream");
                assert!(matches!(wish, Wish::Share(_) | Wish::Action(_)));
                if let Wish::Action(Action::Weigh(Some(weight))) = wish {
                    assert!(weight <= 256);
                }
            }
            // Whoever may read may not change.
            Ok(command) => assert!(command.level() >= Level::User),
            Err(Fault::Wrong { why, level: _ }) => assert!(!why.is_empty()),
            Err(Fault::Unknown) => {}
        }
    }
});
