//! What a line of the stats socket asks, in HAProxy's syntax, and which level it needs. Pure.

use super::level::Level;
use crate::stats::{Action, Wanted};

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `show info [json]`.
    ShowInfo(Form),
    /// `show stat [PROXY|IID TYPE SID] [json]`.
    ShowStat {
        /// The upstream or listener of this name only.
        proxy: Option<String>,
        /// These rows only.
        wanted: Wanted,
        /// In this form.
        form: Form,
    },
    /// `show servers state [BACKEND]`.
    ShowServersState(Option<String>),
    /// `show servers conn [BACKEND]`.
    ShowServersConn(Option<String>),
    /// `show backend`.
    ShowBackend,
    /// `show sess`.
    ShowSessions,
    /// `show activity`.
    ShowActivity,
    /// `show errors`.
    ShowErrors,
    /// `show pools`.
    ShowPools,
    /// `show version`.
    ShowVersion,
    /// `show cli level`.
    ShowLevel,
    /// `set server B/S state|weight …`, `set weight`, `enable server`, `disable server`.
    Act {
        /// Which.
        server: ServerName,
        /// What.
        wish: Wish,
    },
    /// `set server B/S addr …`.
    SetAddress,
    /// `get weight B/S`.
    GetWeight(ServerName),
    /// `clear counters`.
    ClearHighest,
    /// `clear counters all`.
    ClearAll,
    /// `help [WORDS]`.
    Help(String),
    /// `prompt`.
    Prompt,
    /// `quit`.
    Quit,
    /// `operator` or `user`: goes down to this level.
    Lower(Level),
    /// `set timeout cli SECONDS`.
    SetTimeout(u64),
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines.
    Text,
    /// JSON.
    Json,
}

/// What is wished of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// This.
    Action(Action),
    /// So much of the share that its objects give it. Percent.
    Share(u32),
}

/// `BACKEND/SERVER`, each a name or `#ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    /// The upstream.
    pub backend: String,
    /// The endpoint.
    pub server: String,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such command.
    Unknown,
    /// Something is wrong with it.
    Wrong {
        /// HAProxy's words for it.
        why: &'static str,
        /// The level that the command needs. Who has not got it is told that alone.
        level: Level,
    },
}

const NO_SERVER_NAME: &str = "Require 'backend/server'.";
const NO_WEIGHT: &str = "Require <weight> or <weight%>.";
const BAD_WEIGHT: &str = "Absolute weight can only be between 0 and 256 inclusive.";
const BAD_SHARE: &str = "Relative weight must be positive.";
const GARBAGE: &str = "Empty weight string empty or preceded by garbage";
const BAD_STATE: &str = "'set server <srv> state' expects 'ready', 'drain' and 'maint'.";
const SERVER_USAGE: &str = "usage: set server <backend>/<server> state | weight";
const BAD_TIMEOUT: &str = "Invalid timeout value.";

impl Command {
    /// The level that it needs, as in HAProxy.
    pub fn level(&self) -> Level {
        match self {
            Self::ShowInfo(_)
            | Self::ShowStat { .. }
            | Self::ShowServersState(_)
            | Self::ShowServersConn(_)
            | Self::ShowBackend
            | Self::ShowActivity
            | Self::ShowPools
            | Self::ShowVersion
            | Self::ShowLevel
            | Self::GetWeight(_)
            | Self::Help(_)
            | Self::Prompt
            | Self::Quit
            | Self::SetTimeout(_) => Level::User,
            Self::ShowSessions | Self::ShowErrors | Self::ClearHighest => Level::Operator,
            Self::Lower(level) => *level,
            Self::Act { .. } | Self::SetAddress | Self::ClearAll => Level::Admin,
        }
    }

    /// Reads one.
    pub fn parse(line: &str) -> Result<Self, Fault> {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match words.as_slice() {
            ["show", "info", rest @ ..] => Self::ShowInfo(form(rest)),
            ["show", "stat", rest @ ..] => show_stat(rest),
            ["show", "servers", "state", rest @ ..] => Self::ShowServersState(first(rest)),
            ["show", "servers", "conn", rest @ ..] => Self::ShowServersConn(first(rest)),
            ["show", "backend", ..] => Self::ShowBackend,
            ["show", "sess", ..] => Self::ShowSessions,
            ["show", "activity", ..] => Self::ShowActivity,
            ["show", "errors", ..] => Self::ShowErrors,
            ["show", "pools", ..] => Self::ShowPools,
            ["show", "version", ..] => Self::ShowVersion,
            ["show", "cli", "level", ..] => Self::ShowLevel,
            ["set", "server", rest @ ..] => set_server(rest)?,
            ["set", "weight", rest @ ..] => {
                let (server, rest) = server(rest)?;
                Self::Act { server, wish: weight(rest)? }
            }
            ["get", "weight", rest @ ..] => Self::GetWeight(server(rest).map_err(Fault::of_reader)?.0),
            ["enable", "server", rest @ ..] => act(rest, Action::Ready)?,
            ["disable", "server", rest @ ..] => act(rest, Action::Maintain)?,
            ["clear", "counters", "all", ..] => Self::ClearAll,
            ["clear", "counters", ..] => Self::ClearHighest,
            ["set", "timeout", "cli", time, ..] => {
                let digits = time.strip_suffix('s').unwrap_or(time);
                Self::SetTimeout(digits.parse().map_err(|_| wrong(BAD_TIMEOUT).of_reader())?)
            }
            ["help", rest @ ..] => Self::Help(rest.join(" ")),
            ["prompt", ..] => Self::Prompt,
            ["quit", ..] => Self::Quit,
            ["operator", ..] => Self::Lower(Level::Operator),
            ["user", ..] => Self::Lower(Level::User),
            _ => return Err(Fault::Unknown),
        })
    }
}

impl Fault {
    /// The same of a command that changes nothing.
    fn of_reader(self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Wrong { why, level: _ } => Self::Wrong { why, level: Level::User },
        }
    }
}

/// What is wrong with a command that changes something.
fn wrong(why: &'static str) -> Fault {
    Fault::Wrong { why, level: Level::Admin }
}

/// The commands of a line: those between semicolons that no backslash is in front of.
pub fn split(line: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, letter) in line.char_indices() {
        if letter == ';' && !is_escaped {
            parts.push(line[start..at].trim());
            start = at + 1;
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    parts.push(line[start..].trim());
    // A semicolon at the end separates nothing.
    if parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    parts
}

/// Words between spaces; a backslash makes the next letter a letter.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut letters) = (Vec::new(), None::<String>, line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.get_or_insert_default().extend(letters.next()),
            letter if letter.is_whitespace() => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

fn first(words: &[&str]) -> Option<String> {
    words.first().map(|word| (*word).to_owned())
}

fn form(words: &[&str]) -> Form {
    if words.contains(&"json") { Form::Json } else { Form::Text }
}

fn show_stat(words: &[&str]) -> Command {
    let form = form(words);
    let number = |word: &&str| word.parse::<i64>().ok();
    let all = Command::ShowStat { proxy: None, wanted: Wanted::ALL, form };
    match words {
        [proxy, kinds, server, ..] => {
            let (Some(kinds), Some(server)) = (number(kinds), number(server)) else { return all };
            match number(proxy) {
                Some(id) => Command::ShowStat { proxy: None, wanted: Wanted { proxy: id, kinds, server }, form },
                None => {
                    let wanted = Wanted { proxy: -1, kinds, server };
                    Command::ShowStat { proxy: Some((*proxy).to_owned()), wanted, form }
                }
            }
        }
        _ => all,
    }
}

fn server<'w, 's>(words: &'w [&'s str]) -> Result<(ServerName, &'w [&'s str]), Fault> {
    let (name, rest) = words.split_first().ok_or(wrong(NO_SERVER_NAME))?;
    let (backend, server) = name.split_once('/').ok_or(wrong(NO_SERVER_NAME))?;
    Ok((ServerName { backend: backend.to_owned(), server: server.to_owned() }, rest))
}

fn act(words: &[&str], action: Action) -> Result<Command, Fault> {
    Ok(Command::Act { server: server(words)?.0, wish: Wish::Action(action) })
}

fn set_server(words: &[&str]) -> Result<Command, Fault> {
    let (server, rest) = server(words)?;
    let wish = match rest {
        ["state", "ready", ..] => Wish::Action(Action::Ready),
        ["state", "drain", ..] => Wish::Action(Action::Drain),
        ["state", "maint", ..] => Wish::Action(Action::Maintain),
        ["state", ..] => return Err(wrong(BAD_STATE)),
        ["weight", rest @ ..] => weight(rest)?,
        ["addr" | "fqdn", ..] => return Ok(Command::SetAddress),
        _ => return Err(wrong(SERVER_USAGE)),
    };
    Ok(Command::Act { server, wish })
}

fn weight(words: &[&str]) -> Result<Wish, Fault> {
    let word = *words.first().ok_or(wrong(NO_WEIGHT))?;
    if let Some(percent) = word.strip_suffix('%') {
        let percent: i64 = percent.parse().map_err(|_| wrong(GARBAGE))?;
        return u32::try_from(percent).map(Wish::Share).map_err(|_| wrong(BAD_SHARE));
    }
    let weight: i64 = word.parse().map_err(|_| wrong(GARBAGE))?;
    let weight = u16::try_from(weight).ok().filter(|weight| *weight <= 256).ok_or(wrong(BAD_WEIGHT))?;
    Ok(Wish::Action(Action::Weigh(Some(weight))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(backend: &str, server: &str) -> ServerName {
        ServerName { backend: backend.into(), server: server.into() }
    }

    #[test]
    fn commands_are_read_as_haproxy_reads_them() {
        let server = || named("shop_svc_web_80", "fd00::1:80");
        let act = |wish| Ok(Command::Act { server: server(), wish });
        let action = |action| act(Wish::Action(action));
        for (line, expected) in [
            ("show info", Ok(Command::ShowInfo(Form::Text))),
            ("  show   info\tjson", Ok(Command::ShowInfo(Form::Json))),
            (
                "show stat 4 -1 7 json",
                Ok(Command::ShowStat {
                    proxy: None,
                    wanted: Wanted { proxy: 4, kinds: -1, server: 7 },
                    form: Form::Json,
                }),
            ),
            ("show stat typed", Ok(Command::ShowStat { proxy: None, wanted: Wanted::ALL, form: Form::Text })),
            ("show servers state a", Ok(Command::ShowServersState(Some("a".into())))),
            ("set server shop_svc_web_80/fd00::1:80 state drain", action(Action::Drain)),
            ("set server shop_svc_web_80/fd00::1:80 weight 50%", act(Wish::Share(50))),
            ("set weight shop_svc_web_80/fd00::1:80 256", action(Action::Weigh(Some(256)))),
            ("enable server shop_svc_web_80/fd00::1:80", action(Action::Ready)),
            ("disable server shop_svc_web_80/fd00::1:80", action(Action::Maintain)),
            ("get weight", Err(wrong(NO_SERVER_NAME).of_reader())),
            ("get weight a\\ b/c", Ok(Command::GetWeight(named("a b", "c")))),
            ("set server a/b addr 192.0.2.1", Ok(Command::SetAddress)),
            ("clear counters", Ok(Command::ClearHighest)),
            ("clear counters all", Ok(Command::ClearAll)),
            ("set timeout cli 20", Ok(Command::SetTimeout(20))),
            ("show", Err(Fault::Unknown)),
            ("", Err(Fault::Unknown)),
            ("set server", Err(wrong(NO_SERVER_NAME))),
            ("set server a", Err(wrong(NO_SERVER_NAME))),
            ("set server a/b", Err(wrong(SERVER_USAGE))),
            ("set server a/b state up", Err(wrong(BAD_STATE))),
            ("set weight a/b", Err(wrong(NO_WEIGHT))),
            ("set weight a/b 257", Err(wrong(BAD_WEIGHT))),
            ("set weight a/b -1", Err(wrong(BAD_WEIGHT))),
            ("set weight a/b -1%", Err(wrong(BAD_SHARE))),
            ("set weight a/b x", Err(wrong(GARBAGE))),
        ] {
            assert_eq!(Command::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn lines_have_commands_between_semicolons() {
        assert_eq!(split("show info;show stat ; quit;"), ["show info", "show stat", "quit"]);
        assert_eq!(split("get weight a\\;b/c;help"), ["get weight a\\;b/c", "help"]);
        assert_eq!(split(""), [""]);
    }

    #[test]
    fn levels_are_those_of_haproxy() {
        for (line, level) in [
            ("show stat", Level::User),
            ("get weight a/b", Level::User),
            ("show sess", Level::Operator),
            ("show errors", Level::Operator),
            ("clear counters", Level::Operator),
            ("clear counters all", Level::Admin),
            ("set server a/b state ready", Level::Admin),
            ("set server a/b addr 192.0.2.1", Level::Admin),
            ("disable server a/b", Level::Admin),
            ("operator", Level::Operator),
        ] {
            assert_eq!(Command::parse(line).unwrap().level(), level, "{line}");
        }
    }
}
