//! What a command is answered.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::command::{Command, Fault, Form, ServerName, Wish};
use super::level::Level;
use super::{help, info, servers};
use crate::observe::{Count, Forgotten};
use crate::stats::{ActFailure, Actor, Addressee, Source, Wanted, command, csv, json};

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
        Err(Fault::Unknown) => return help::unknown(line, of.level, source.scope),
        Err(Fault::Wrong { why: _, level }) if of.level < level => return DENIED.into(),
        Err(Fault::Wrong { why, level: _ }) => return format!("{why}\n"),
    };
    if of.level < command.level() {
        return DENIED.into();
    }
    match command {
        Command::Help(words) => help::help(&words, of.level, source.scope),
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
        Command::Act { server, wish } => act(of, source, views, server, wish).await.unwrap_or_else(|refusal| refusal),
        slow @ (Command::ShowInfo(_)
        | Command::ShowStat { .. }
        | Command::ShowServersState(_)
        | Command::ShowServersConn(_)
        | Command::ShowBackend
        | Command::ShowActivity
        | Command::ShowVersion
        | Command::GetWeight(_)) => {
            // It is never closed.
            let _permit = views.acquire().await;
            let source = source.clone();
            let made = tokio::task::spawn_blocking(move || of_rows(slow, &source)).await;
            made.unwrap_or_else(|error| failed(&error))
        }
    }
}

/// Those that need rows.
fn of_rows(command: Command, source: &Source) -> String {
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
        | Command::ClearAll
        | Command::Act { .. } => Ok(String::new()),
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

async fn act(
    of: &Conversation,
    source: &Source,
    views: &Semaphore,
    name: ServerName,
    wish: Wish,
) -> Result<String, String> {
    let rows = Arc::clone(&source.rows);
    let find = move || {
        let stats = rows();
        servers::find(&stats, &name).map(|(backend, server)| Addressee::of(backend, server))
    };
    let addressee = {
        // It is never closed. Nobody waits here for what an action takes.
        let _permit = views.acquire().await;
        tokio::task::spawn_blocking(find).await.map_err(|error| failed(&error))??
    };
    let action = servers::action(source.scope.usual_weight(addressee.initial_weight), wish);
    let actor = Actor { via: "socket", user: String::new(), client: of.who.clone() };
    match command(source, actor, addressee, vec![action]).await {
        Ok(()) => Ok(String::new()),
        Err(ActFailure::Gone) => Err("No such server.\n".into()),
        Err(failure) => Err(format!("{failure}\n")),
    }
}

fn failed(error: &JoinError) -> String {
    tracing::error!(%error, "a command of the stats socket failed");
    "The command failed; the log says why.\n".into()
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
