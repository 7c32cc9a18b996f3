//! The binary: reads the command line and runs what it asks for.

use std::process::ExitCode;

use tidegate::args::{self, Refusal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "help and usage errors go to the terminal")]
fn main() -> ExitCode {
    match args::read(std::env::args_os()) {
        Ok(_command) => ExitCode::SUCCESS,
        Err(Refusal::Asked(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(Refusal::Wrong(line)) => {
            eprintln!("tidegate: {line}");
            ExitCode::from(2)
        }
    }
}
