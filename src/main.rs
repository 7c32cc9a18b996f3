//! The binary: reads the command line and runs what it asks for.

use std::process::ExitCode;

use tidegate::app;
use tidegate::args::{self, Command, Refusal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line or the environment is wrong.
const USAGE: u8 = 2;
/// How long a terminal or pipe may take the last line.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "help and errors before logging go to the terminal")]
fn main() -> ExitCode {
    let command = match args::read(std::env::args_os()) {
        Ok(command) => command,
        Err(Refusal::Asked(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Wrong(line)) => {
            eprintln!("tidegate: {line}");
            return ExitCode::from(USAGE);
        }
    };
    let outcome = match command {
        Command::Serve(args) => serve(&args),
        Command::Check(args) => app::check(&args, &mut std::io::stdout().lock())
            .map(|has_errors| if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS }),
        Command::Explain(args) => Ok(answer(app::explain(&args, &mut std::io::stdout().lock()))),
        Command::Migrate(args) => {
            Ok(answer(app::migrate(&args, &mut std::io::stdin().lock(), &mut std::io::stdout().lock())))
        }
        Command::Socket(args) => Ok(answer(app::socket(&args, &mut std::io::stdout().lock()).map(|()| true))),
        Command::Endpoint(args) => Ok(answer(app::endpoint(&args, &mut std::io::stdout().lock()).map(|()| true))),
        Command::Get(args) => Ok(answer(app::get(&args, &mut std::io::stdout().lock()))),
    };
    outcome.unwrap_or_else(|error| {
        say(&error);
        ExitCode::FAILURE
    })
}

/// 1 says that the request is answered with an error, or that moving changes something, so what is wrong with the question is 2.
fn answer(is_good: anyhow::Result<bool>) -> ExitCode {
    match is_good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&error);
            ExitCode::from(USAGE)
        }
    }
}

fn serve(args: &args::ServeArgs) -> anyhow::Result<ExitCode> {
    app::logging(args)?;
    app::raise_open_files();
    let outcome = app::bind(args).and_then(app::Bound::run);
    app::finish_log();
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Says why the process ends. If nobody takes that, it ends all the same.
#[expect(clippy::print_stderr, reason = "the error goes to the terminal")]
fn say(error: &anyhow::Error) {
    let text = format!("tidegate: {error:#}");
    let (said, is_said) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        eprintln!("{text}");
        drop(said);
    });
    let _ = is_said.recv_timeout(LAST_WORDS);
}
