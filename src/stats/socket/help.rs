//! `help`, and what is answered to a line that is no command.

use std::fmt::Write as _;

use super::level::Level;
use crate::stats::Scope;

/// Commands, with the level they need and what they do; `{}`: for whom.
const COMMANDS: [(&str, Level, &str); 24] = [
    ("clear counters [all]", Level::Operator, "clear max statistics counters (or all counters)"),
    ("disable server <bk>/<srv>", Level::Admin, "maintenance: no requests{}"),
    ("enable server <bk>/<srv>", Level::Admin, "takes that back{}"),
    ("get weight <bk>/<srv>", Level::User, "report a server's current weight"),
    ("operator", Level::Operator, "lower the level of the current CLI session to operator"),
    ("set server <bk>/<srv> state <state>", Level::Admin, "ready, drain or maint{}"),
    ("set server <bk>/<srv> weight <weight>", Level::Admin, "0 to 256 or N%{}"),
    ("set timeout cli <seconds>", Level::User, "how long this connection may be silent"),
    ("set weight <bk>/<srv> <weight>", Level::Admin, "the same as 'set server ... weight'"),
    ("show activity", Level::User, "connections and requests of the process"),
    ("show backend", Level::User, "list the upstreams"),
    ("show cli level", Level::User, "display the level of the current CLI session"),
    ("show errors", Level::Operator, "none are captured: see the access log"),
    ("show info [json]", Level::User, "report information about the running process"),
    ("show pools", Level::User, "memory pools: there are none to report"),
    ("show servers conn [<bk>]", Level::User, "requests in flight of the endpoints"),
    ("show servers state [<bk>]", Level::User, "states and weights of the endpoints"),
    ("show sess", Level::Operator, "HTTP/2 connections of clients and to pods, at most 1000"),
    ("show stat [<iid> <type> <sid>] [json]", Level::User, "report counters for each listener, upstream and endpoint"),
    ("show version", Level::User, "show version of the current process"),
    ("user", Level::User, "lower the level of the current CLI session to user"),
    ("help [<command>]", Level::User, "list matching or all commands"),
    ("prompt", Level::User, "toggle interactive mode with prompt"),
    ("quit", Level::User, "disconnect"),
];

/// What `help WORDS` says to a client of this level.
pub(super) fn help(words: &str, level: Level, scope: Scope) -> String {
    listed("The following commands are valid at this level:", matching(words, level), scope)
}

/// What is said of a line that is no command.
pub(super) fn unknown(line: &str, level: Level, scope: Scope) -> String {
    let word = line.split_whitespace().next().unwrap_or_default();
    let close: Vec<_> = matching(word, level).collect();
    if word.is_empty() || close.is_empty() {
        return listed("Unknown command. Please enter one of the following commands only:", matching("", level), scope);
    }
    listed("Unknown command, but maybe one of the following ones is a better match:", close.into_iter(), scope)
}

fn matching(words: &str, level: Level) -> impl Iterator<Item = &'static (&'static str, Level, &'static str)> {
    COMMANDS.iter().filter(move |(command, needed, _)| *needed <= level && command.starts_with(words))
}

fn listed(
    head: &str,
    commands: impl Iterator<Item = &'static (&'static str, Level, &'static str)>,
    scope: Scope,
) -> String {
    let of = match scope {
        Scope::ThisReplica => ", on this replica only",
        Scope::AllReplicas => ", on all replicas and for good",
    };
    let mut out = format!("{head}\n");
    for (command, _, does) in commands {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {command:<39} : {}", does.replace("{}", of));
    }
    out
}
