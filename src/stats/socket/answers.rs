//! What a command is answered.

use std::fmt::Write as _;
use std::time::SystemTime;

use tokio::sync::Semaphore;

use super::command::{Command, Fault, Form, ServerName, Wish};
use super::level::Level;
use super::{help, info, servers};
use crate::observe::{Count, Forgotten};
use crate::stats::{Action, Source, Wanted, csv, json};

/// Connections that `show sess` shows at most.
const MOST_SESSIONS: usize = 1000;
/// HAProxy's words.
const DENIED: &str = "Permission denied\n";
const NO_ADDRESS: &str =
    "Addresses of servers come from Kubernetes: change the Service, its EndpointSlices or the pods.\n";

/// A client's conversation, as far as commands change it.
#[derive(Debug)]
pub(super) struct Conversation {
    /// What it may do.
    pub(super) level: Level,
    /// Whether it gets a prompt, and the connection stays.
    pub(super) is_interactive: bool,
    /// How long it may be silent. Seconds.
    pub(super) timeout: u64,
    /// Whether it is over.
    pub(super) is_over: bool,
    /// Who it is, for the log.
    pub(super) who: String,
}

/// Does what a command asks. Rows are made on a thread for blocking work, while it holds the one permit of `views`.
pub(super) async fn answer(line: &str, of: &mut Conversation, source: &Source, views: &Semaphore) -> String {
    let command = match Command::parse(line) {
        Ok(command) => command,
        Err(Fault::Unknown) => return help::unknown(line, of.level),
        Err(Fault::Wrong { why: _, level }) if of.level < level => return DENIED.into(),
        Err(Fault::Wrong { why, level: _ }) => return format!("{why}\n"),
    };
    if of.level < command.level() {
        return DENIED.into();
    }
    match command {
        Command::Help(words) => help::help(&words, of.level),
        Command::ShowLevel => format!("{}\n", of.level.as_str()),
        Command::ShowErrors => "Total events captured on [-] : 0\n".into(),
        Command::ShowPools => "Dumping pools usage. There are no pools: see the metrics of memory.\nTotal: 0 pools, 0 bytes allocated, 0 used.\n".into(),
        Command::SetAddress => NO_ADDRESS.into(),
        Command::ShowSessions => (source.sessions)(MOST_SESSIONS).await.concat(),
        Command::Prompt => {
            of.is_interactive = !of.is_interactive;
            String::new()
        }
        Command::Quit => {
            of.is_over = true;
            String::new()
        }
        Command::Lower(level) => {
            of.level = level;
            String::new()
        }
        Command::SetTimeout(seconds) => {
            of.timeout = seconds.clamp(1, super::MOST_SILENCE.as_secs());
            String::new()
        }
        Command::ClearHighest => forget(of, source, Forgotten::Highest),
        Command::ClearAll => forget(of, source, Forgotten::All),
        slow @ (Command::ShowInfo(_)
        | Command::ShowStat { .. }
        | Command::ShowServersState(_)
        | Command::ShowServersConn(_)
        | Command::ShowBackend
        | Command::ShowActivity
        | Command::ShowVersion
        | Command::Act { .. }
        | Command::GetWeight(_)) => {
            // It is never closed.
            let _permit = views.acquire().await;
            let (source, who) = (source.clone(), of.who.clone());
            let made = tokio::task::spawn_blocking(move || of_rows(slow, &source, &who)).await;
            made.unwrap_or_else(|error| {
                tracing::error!(%error, "a command of the stats socket failed");
                "The command failed; the log says why.\n".into()
            })
        }
    }
}

/// Those that need rows.
fn of_rows(command: Command, source: &Source, who: &str) -> String {
    let stats = || (source.rows)();
    let text = match command {
        Command::ShowInfo(Form::Text) => Ok(info::text(&(source.info)(), &stats())),
        Command::ShowInfo(Form::Json) => Ok(info::json(&(source.info)(), &stats())),
        Command::ShowVersion => Ok(format!("{}\n", info::version(&(source.info)()))),
        Command::ShowStat { proxy, wanted, form } => Ok(show_stat(source, proxy.as_deref(), wanted, form)),
        Command::ShowServersState(backend) => servers::states(&stats(), backend.as_deref()),
        Command::ShowServersConn(backend) => servers::connections(&stats(), backend.as_deref()),
        Command::ShowBackend => Ok(servers::backends(&stats())),
        Command::ShowActivity => Ok(activity(source)),
        Command::GetWeight(server) => servers::weight(&stats(), &server),
        Command::Act { server, wish } => act(source, &server, wish, who),
        Command::Help(_)
        | Command::ShowLevel
        | Command::ShowErrors
        | Command::ShowPools
        | Command::SetAddress
        | Command::ShowSessions
        | Command::Prompt
        | Command::Quit
        | Command::Lower(_)
        | Command::SetTimeout(_)
        | Command::ClearHighest
        | Command::ClearAll => Ok(String::new()),
    };
    text.unwrap_or_else(|fault| fault)
}

fn show_stat(source: &Source, proxy: Option<&str>, wanted: Wanted, form: Form) -> String {
    let stats = (source.rows)();
    let wanted = match proxy {
        None => wanted,
        Some(name) => {
            let frontends = stats.frontends.iter().map(|it| (it.name, it.id));
            let mut all = frontends.chain(stats.backends.iter().map(|it| (it.name.as_str(), it.id)));
            // 0 is nobody's.
            Wanted { proxy: all.find(|(of, _)| *of == name).map_or(0, |(_, id)| id.into()), ..wanted }
        }
    };
    match form {
        Form::Text => csv(&stats, wanted),
        Form::Json => json(&stats, wanted),
    }
}

fn activity(source: &Source) -> String {
    let (facts, stats) = ((source.info)(), (source.rows)());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let requests: u64 = stats.frontends.iter().map(|it| it.requests.sessions.total).sum();
    let accepted: u64 = stats.frontends.iter().map(|it| it.connections.total).sum();
    let sent: u64 = stats.frontends.iter().map(|it| it.requests.get(Count::BytesOut)).sum();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "thread_id: 1 (1..{})", facts.threads);
    let _ = writeln!(out, "date_now: {}.{:06}", now.as_secs(), now.subsec_micros());
    let _ = writeln!(
        out,
        "accepted: {accepted}\nconnections: {}\nrequests: {requests}\nbytes_out: {sent}",
        facts.connections
    );
    out
}

fn act(source: &Source, name: &ServerName, wish: Wish, who: &str) -> Result<String, String> {
    let stats = (source.rows)();
    let (backend, server) = servers::find(&stats, name)?;
    let action = servers::action(server, wish);
    let weight = match action {
        Action::Weigh(weight) => Some(weight.unwrap_or(server.initial_weight)),
        Action::Ready | Action::Drain | Action::Maintain => None,
    };
    if !(source.act)(backend.id, server.address, action) {
        return Err("No such server.\n".into());
    }
    let (backend, endpoint, action) = (&backend.name, server.address, action.as_str());
    tracing::info!(by = who, %backend, %endpoint, action, weight, "an operator commands an endpoint, on this replica only");
    Ok(String::new())
}

fn forget(of: &Conversation, source: &Source, what: Forgotten) -> String {
    (source.forget)(what);
    let what = match what {
        Forgotten::Highest => "highest values",
        Forgotten::All => "all",
    };
    tracing::info!(by = of.who, what, "an operator clears counters of the statistics");
    String::new()
}
