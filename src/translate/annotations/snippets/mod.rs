//! Snippets of nginx's configuration. Nothing of them is ever written as text. Their directives are read and told apart: those
//! without effect, those that requests can be served without, and those that restrict access. By default a snippet is refused;
//! with `--nginx-snippets translate` one whose directives all have a filter that does the same becomes these filters.

mod answers;
mod fields;
mod known;
mod syntax;
mod translation;

use std::collections::BTreeSet;

use crate::model::Severity;

use super::choices::{Choices, Snippets};
use super::draft::Draft;
use super::edit_options::{SnippetOptions, Translated};
use super::policy_options::Silence;
use known::{Intent, Purpose, of_all, purpose};
pub use syntax::{Directive, SyntaxError, Word, parse};
use translation::{Translation, translate};

/// Where a snippet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the locations of the object.
    Location,
    /// In the servers of the object's hosts.
    Server,
}

/// Reads a snippet, and says what comes of it.
pub(super) fn read(draft: &mut Draft, text: &str, place: Place) {
    let directives = match parse(text) {
        Ok(directives) => directives,
        Err(error) => {
            let message = if text.contains("_by_lua") {
                format!("Lua is not run and may restrict access, {NOBODY}")
            } else {
                format!("a snippet that {error} may restrict access, {NOBODY}")
            };
            return close(draft, place, &message, "Remove it, or write it as nginx reads it");
        }
    };
    if of_all(&directives) == Purpose::Nothing {
        return draft.finds(Severity::Warning, "all that the snippet says holds anyway".into(), "Remove it".into());
    }
    match (draft.choices.snippets, translate(&directives)) {
        (Snippets::Translated, Ok(translation)) => apply(draft, translation, place),
        (Snippets::Translated, Err((name, why))) => {
            refuse(draft, &directives, place, &format!("{name} {}", why.in_words()), false);
        }
        (Snippets::Refused, Ok(_)) => refuse(draft, &directives, place, "snippets are refused", true),
        (Snippets::Refused, Err(_)) => refuse(draft, &directives, place, "it is not translated", false),
    }
}

/// What is said of a snippet for the locations of an object, where snippets are translated; nothing if all of it is done.
pub fn judge(text: &str) -> String {
    let choices = Choices { snippets: Snippets::Translated, ..Choices::default() };
    let mut draft = Draft { choices, ..Draft::default() };
    read(&mut draft, text, Place::Location);
    draft.finding.map(|finding| finding.message.into()).unwrap_or_default()
}

const NOBODY: &str = "so nobody is served by this Ingress: all its requests are answered with 503";

/// Sets what the snippet comes to.
fn apply(draft: &mut Draft, translation: Translation, place: Place) {
    let Translation { filters, connect, read, send, body } = translation;
    if connect.is_some() || read.is_some() || send.is_some() || body.is_some() {
        match place {
            Place::Location => {
                let policy = draft.options.of_policy();
                let read = read.map(|time| Silence { time, of_tunnels: true });
                (policy.connect, policy.read, policy.send, policy.body) = (connect, read, send, body);
            }
            Place::Server => draft.finds(
                Severity::Warning,
                "times and lengths of a server have no effect, in ingress-nginx neither, as each location has its own"
                    .into(),
                "Use proxy-connect-timeout, proxy-read-timeout, proxy-send-timeout and proxy-body-size".into(),
            ),
        }
    }
    if place == Place::Server && (!filters.rules.is_empty() || filters.sources.is_some()) {
        draft.finds(
            Severity::Warning,
            "it holds for the routes of this Ingress alone, and not for others of its hosts".into(),
            "Write it in the other Ingresses of these hosts too".into(),
        );
    }
    if filters != Translated::default() {
        *slot(draft, place) = Some(SnippetOptions::Known(Box::new(filters)));
    }
}

fn slot(draft: &mut Draft, place: Place) -> &mut Option<SnippetOptions> {
    let edits = &mut draft.options.of_rare().edits;
    match place {
        Place::Location => &mut edits.of_location,
        Place::Server => &mut edits.of_server,
    }
}

fn close(draft: &mut Draft, place: Place, message: &str, remedy: &str) {
    *slot(draft, place) = Some(SnippetOptions::Closed);
    draft.finds(Severity::Error, message.into(), remedy.into());
}

/// Serves requests without the snippet where that is safe.
fn refuse(draft: &mut Draft, directives: &[Directive], place: Place, why: &str, can_translate: bool) {
    let or_translate = if can_translate { ", or set --nginx-snippets translate" } else { "" };
    match of_all(directives) {
        Purpose::Nothing | Purpose::Asks(_) => {
            let mut intents = BTreeSet::new();
            collect(directives, &mut intents);
            let what: Vec<_> = intents.iter().map(|intent| intent.what).collect();
            let instead: BTreeSet<_> = intents.iter().map(|intent| intent.instead).collect();
            let instead: Vec<_> = instead.into_iter().collect();
            let message = format!("it has no effect, as {why}: it asks that {}", what.join(", "));
            let remedy = format!("Use {}{or_translate}", instead.join("; "));
            draft.finds(Severity::Error, message.into(), remedy.into());
        }
        Purpose::Unknown => {
            let name = first(directives, Purpose::Unknown).unwrap_or_default();
            let message = format!("directive {name} is not known here and may restrict access, {NOBODY}");
            close(draft, place, &message, "Remove it, and do what it does in the application");
        }
        Purpose::Restricts => {
            let name = first(directives, Purpose::Restricts).unwrap_or_default();
            let message = format!("directive {name} restricts access and has no effect, as {why}, {NOBODY}");
            close(draft, place, &message, &format!("Use {}{or_translate}", instead_of(name)));
        }
    }
}

/// The first directive with this purpose, in blocks too.
fn first(directives: &[Directive], wanted: Purpose) -> Option<&str> {
    directives.iter().find_map(|directive| {
        let inner = directive.block.as_deref().and_then(|block| first(block, wanted));
        inner.or((purpose(directive) == wanted).then_some(&*directive.name))
    })
}

/// What all directives ask for, in blocks too.
fn collect(directives: &[Directive], intents: &mut BTreeSet<Intent>) {
    for directive in directives {
        match (&directive.block, purpose(directive)) {
            (Some(block), _) => collect(block, intents),
            (None, Purpose::Asks(intent)) => _ = intents.insert(intent),
            (None, Purpose::Nothing | Purpose::Restricts | Purpose::Unknown) => {}
        }
    }
}

/// What to use instead of a directive that restricts access.
fn instead_of(name: &str) -> &'static str {
    match name {
        "allow" | "deny" => {
            "nginx.ingress.kubernetes.io/allowlist-source-range or denylist-source-range, or tidegate.dev/deny-paths"
        }
        "internal" | "return" => "tidegate.dev/deny-paths",
        _ if name.starts_with("limit_") => "nginx.ingress.kubernetes.io/limit-rps, limit-rpm or limit-connections",
        _ => "something in front of Tidegate or in the application that does this",
    }
}

#[cfg(test)]
mod tests;
