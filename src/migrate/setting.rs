//! A setting of ingress-nginx, a key of its ConfigMap or a flag, and what becomes of it.

use serde::Serialize;

use super::keys;
use super::plan::{Plan, Set, boolean};
use super::words::plain;
use crate::translate::annotations::{KeyEffect, NginxKey};

/// A row of knowledge about a flag.
#[derive(Debug)]
pub(super) struct Row {
    /// The flag without dashes.
    pub(super) name: &'static str,
    /// What ingress-nginx does without it.
    pub(super) default: &'static str,
    /// What it becomes.
    pub(super) becomes: Becomes,
}

/// What a setting becomes.
#[derive(Debug)]
pub(super) enum Becomes {
    /// Values of the chart, or options: which, for the documentation. The function sets them and says so; `None` where it cannot
    /// read the value.
    Sets(&'static str, Set),
    /// Nothing, as this program has it too: where.
    Same(&'static str),
    /// Nothing: why it is not needed.
    NoEffect(&'static str),
    /// Nothing, and something is missing, unless it has its default: what to do instead.
    NotServed(&'static str),
}

/// What became of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is not served.
    NotServed,
    /// Its value cannot be read, or ingress-nginx has no such setting.
    Unknown,
    /// It became values of the chart or options.
    Becomes,
    /// It is so anyway.
    Same,
    /// It has no effect, and needs none.
    NoEffect,
}

/// A setting that was found, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key, or the flag with its dashes.
    pub name: String,
    /// Its value, escaped and cut.
    pub value: String,
    /// What became of it.
    pub outcome: Outcome,
    /// In words: the values, why not, or what to do instead.
    pub text: String,
}

impl Outcome {
    /// In words.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotServed => "not served",
            Self::Unknown => "unknown",
            Self::Becomes => "becomes",
            Self::Same => "the same",
            Self::NoEffect => "no effect",
        }
    }
}

/// Settings whose values are secret: reports go into issues.
const SECRET: [&str; 2] = ["maxmind-license-key", "ssl-session-ticket-key"];
const UNKNOWN: &str = "ingress-nginx is not known to have it, so it has no effect";
const AS_THERE: &str = "it is what ingress-nginx does by default";

/// Takes up a key of the ConfigMap. `row` is what it becomes, if it becomes values of the chart; `known`, what it is otherwise.
pub(super) fn take_up_key(
    row: Option<&keys::Row>,
    known: Option<&NginxKey>,
    name: &str,
    value: &str,
    plan: &mut Plan,
) -> Setting {
    let (outcome, text) = match (row, known) {
        (_, None) => (Outcome::Unknown, UNKNOWN.to_owned()),
        (Some(row), Some(known)) => match (row.set)(plan, value) {
            Some(said) => (Outcome::Becomes, said),
            None => (Outcome::Unknown, format!("the value cannot be read; the default is {}", known.default)),
        },
        (None, Some(known)) if known.is_default(value) => (Outcome::Same, AS_THERE.to_owned()),
        (None, Some(NginxKey { effect: KeyEffect::Needless(why), .. })) => (Outcome::NoEffect, (*why).to_owned()),
        (None, Some(NginxKey { effect: KeyEffect::Refused(why), .. })) => (Outcome::NotServed, why.clone()),
        (None, Some(NginxKey { effect: KeyEffect::Acts, .. })) => return kept(name, value, None),
    };
    Setting { name: plain(name), value: shown(name, value), outcome, text }
}

/// Takes up a flag. `name` is how it is shown.
pub(super) fn take_up(row: Option<&Row>, name: String, value: &str, plan: &mut Plan) -> Setting {
    let (outcome, text) = match row {
        None => (Outcome::Unknown, UNKNOWN.to_owned()),
        Some(row) => of_row(row, value, plan),
    };
    let value = shown(row.map_or("", |row| row.name), value);
    Setting { name: plain(&name), value, outcome, text }
}

/// A setting that counts as it is: its ConfigMap is followed. `finding` is what is wrong with it there.
pub(super) fn kept(name: &str, value: &str, finding: Option<&str>) -> Setting {
    let (outcome, text) = match finding {
        None => {
            (Outcome::Becomes, "`nginxConfigMap`: the ConfigMap is followed, and the key counts as it is".to_owned())
        }
        Some(finding) => (Outcome::NotServed, finding.to_owned()),
    };
    Setting { name: plain(name), value: plain(value), outcome, text }
}

fn of_row(row: &Row, value: &str, plan: &mut Plan) -> (Outcome, String) {
    match row.becomes {
        Becomes::Sets(_, set) => match set(plan, value) {
            Some(said) => (Outcome::Becomes, said),
            None => (Outcome::Unknown, format!("the value cannot be read; the default is {}", said(row.default))),
        },
        Becomes::Same(place) => (Outcome::Same, place.to_owned()),
        Becomes::NoEffect(why) => (Outcome::NoEffect, why.to_owned()),
        Becomes::NotServed(_) if is_default(value, row.default) => (Outcome::Same, AS_THERE.to_owned()),
        Becomes::NotServed(instead) => (Outcome::NotServed, instead.to_owned()),
    }
}

impl Becomes {
    /// In words, as Markdown.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Sets(what, _) => (*what).to_owned(),
            Self::Same(place) => format!("the same: {place}"),
            Self::NoEffect(why) => format!("no effect: {why}"),
            Self::NotServed(instead) => format!("not served: {instead}"),
        }
    }
}

fn is_default(value: &str, default: &str) -> bool {
    value.trim() == default || boolean(value).is_some_and(|value| boolean(default) == Some(value))
}

fn said(default: &str) -> &str {
    if default.is_empty() { "none" } else { default }
}

/// A value as reports show it.
fn shown(name: &str, value: &str) -> String {
    if SECRET.contains(&name) { "(not shown)".to_owned() } else { plain(value) }
}

#[cfg(test)]
mod tests {
    use super::super::flags;
    use super::*;
    use crate::translate::annotations::nginx_key;

    fn key(name: &str, value: &str) -> Setting {
        let row = keys::ROWS.iter().find(|row| row.name == name);
        take_up_key(row, nginx_key(name).as_ref(), name, value, &mut Plan::default())
    }

    #[test]
    fn secret_values_are_not_shown() {
        let [flag, of_config_map] = SECRET;
        let row = flags::ROWS.iter().find(|row| row.name == flag);
        assert_eq!(take_up(row, flag.into(), "geheim", &mut Plan::default()).value, "(not shown)");
        assert_eq!(key(of_config_map, "geheim").value, "(not shown)");
    }

    #[test]
    fn a_setting_that_is_not_served_matters_only_where_it_differs_from_the_default() {
        let of = |name: &str, value: &str| key(name, value).outcome;
        assert_eq!((of("use-gzip", "false"), of("use-gzip", "true")), (Outcome::Same, Outcome::NotServed));
        assert_eq!((of("hsts-max-age", "31536000 "), of("hsts-max-age", "60")), (Outcome::Same, Outcome::Becomes));
        assert_eq!((of("block-cidrs", ""), of("block-cidrs", "192.0.2.0/24")), (Outcome::Same, Outcome::Becomes));
        assert_eq!((of("keep-alive", "soon"), of("no-such-key", "1")), (Outcome::Unknown, Outcome::Unknown));
        assert_eq!((of("keep-alive", "60"), of("lua-shared-dicts", "x")), (Outcome::Becomes, Outcome::NoEffect));
        assert_eq!(of("jaeger-sampler-type", "const"), Outcome::NoEffect);
    }
}
