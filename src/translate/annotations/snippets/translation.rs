//! From directives to the filters that do the same. What has no such filter stops the translation: half a snippet may be worse
//! than none.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::{Networks, Rule, RuleAnswer, RuleTest, RulesBy, Sources};

use super::super::edit_options::Translated;
use super::super::policy_options::BodyLimit;
use super::answers::{Condition, Refusal, answer, condition, pattern_of_location, redirected};
use super::fields::{self, hidden};
use super::known::{Purpose, is_sent_anyway, purpose};
use super::syntax::Directive;

/// What a snippet sets.
#[derive(Debug, Default)]
pub(super) struct Translation {
    /// Filters.
    pub(super) filters: Translated,
    /// Longest wait for a connection to a pod.
    pub(super) connect: Option<Duration>,
    /// Longest silence of a pod.
    pub(super) read: Option<Duration>,
    /// Longest wait for a pod to take more of a request.
    pub(super) send: Option<Duration>,
    /// Longest body.
    pub(super) body: Option<BodyLimit>,
}

/// Translates all directives, or says which one stands in the way and why.
pub(super) fn translate(directives: &[Directive]) -> Result<Translation, (String, Refusal)> {
    let mut translation = Translation::default();
    let mut access = Access::default();
    // nginx chooses a location where the rules of the server have let a request pass.
    let (locations, others): (Vec<_>, Vec<_>) = directives.iter().partition(|directive| directive.name == "location");
    for directive in others.into_iter().chain(locations) {
        let done = match access.take(directive) {
            Some(done) => done,
            None => one(&mut translation, directive),
        };
        done.map_err(|refusal| (directive.name.clone(), refusal))?;
    }
    translation.filters.sources = access.rule();
    Ok(translation)
}

fn one(translation: &mut Translation, directive: &Directive) -> Result<(), Refusal> {
    if let Some(block) = &directive.block {
        return of_block(translation, directive, block);
    }
    let words = directive.words();
    let Translated { request, response, rules, sources: _ } = &mut translation.filters;
    match (&*directive.name, &*words) {
        ("add_header", [name, value]) => response.push(fields::added(name, value, false)?),
        ("add_header", [name, value, "always"]) => response.push(fields::added(name, value, true)?),
        ("more_set_headers", lines) => response.extend(fields::lines(lines)?),
        ("more_clear_headers", names) => response.extend(fields::removed(names)?),
        // nginx leaves out what pods send, and adds its own behind it.
        ("proxy_hide_header", [name]) => response.insert(0, hidden(name)?),
        ("expires", [when]) => response.extend(fields::expires(when)?),
        ("more_set_input_headers", lines) => request.extend(fields::for_pods(fields::lines(lines)?)?),
        ("more_clear_input_headers", names) => request.extend(fields::for_pods(fields::removed(names)?)?),
        ("proxy_set_header", words) if is_sent_anyway(words) => {}
        ("proxy_set_header", [name, value]) => request.extend(fields::for_pods(vec![fields::set(name, value)?])?),
        ("return", words) => rules.push(rule(RuleTest::Always, answer(words)?)),
        ("rewrite", [from, to, how @ ("redirect" | "permanent")]) => {
            let (test, answer) = redirected(from, to, how)?;
            rules.push(rule(test, answer));
        }
        ("proxy_connect_timeout", [time]) => translation.connect = Some(seconds(time)?),
        ("proxy_read_timeout", [time]) => translation.read = Some(seconds(time)?),
        ("proxy_send_timeout", [time]) => translation.send = Some(seconds(time)?),
        ("client_max_body_size", [size]) => translation.body = Some(body(size)?),
        ("break", _) => return Err(Refusal::Unsupported),
        _ => match purpose(directive) {
            Purpose::Nothing => {}
            Purpose::Asks(_) | Purpose::Restricts | Purpose::Unknown => return Err(Refusal::Unsupported),
        },
    }
    Ok(())
}

fn rule(test: RuleTest, answer: RuleAnswer) -> Rule {
    Rule { by: RulesBy::Snippet, test, answer }
}

/// A block that answers its requests, and does nothing else.
fn of_block(translation: &mut Translation, directive: &Directive, block: &[Directive]) -> Result<(), Refusal> {
    let rules = &mut translation.filters.rules;
    match &*directive.name {
        "location" => {
            let test = RuleTest::Path(pattern_of_location(&directive.words())?);
            rules.push(rule(test, of_location(block)?));
        }
        "if" => {
            let Condition { test, of_path } = condition(&directive.arguments)?;
            let answer = of_condition(block)?;
            if let (RuleAnswer::Status(_), Some(path)) = (&answer, of_path) {
                // No other spelling of the path gets around it.
                rules.push(rule(path, answer.clone()));
            }
            rules.push(rule(test, answer));
        }
        _ => return Err(Refusal::Unsupported),
    }
    Ok(())
}

/// What a location answers. Of `deny` and `return` the latter comes first.
fn of_location(block: &[Directive]) -> Result<RuleAnswer, Refusal> {
    let (mut denied, mut returned) = (None, None);
    for directive in block {
        match (&*directive.name, &*directive.words()) {
            ("deny", ["all"]) => denied = Some(RuleAnswer::Status(403)),
            ("return", words) => returned = returned.or(Some(answer(words)?)),
            _ if is_beside_an_answer(directive) => {}
            _ => return Err(Refusal::Unsupported),
        }
    }
    returned.or(denied).ok_or(Refusal::Unsupported)
}

fn of_condition(block: &[Directive]) -> Result<RuleAnswer, Refusal> {
    let mut answered = None;
    for directive in block {
        match (&*directive.name, &*directive.words()) {
            ("return", words) => answered = answered.or(Some(answer(words)?)),
            ("rewrite", [from, to, how @ ("redirect" | "permanent")]) if answered.is_none() => {
                let (test, answer) = redirected(from, to, how)?;
                answered = Some(answer);
                if test != RuleTest::Always {
                    return Err(Refusal::Unsupported);
                }
            }
            _ if answered.is_some() && directive.name == "break" => {}
            _ if is_beside_an_answer(directive) && directive.name != "break" => {}
            _ => return Err(Refusal::Unsupported),
        }
    }
    answered.ok_or(Refusal::Unsupported)
}

/// Whether a directive changes nothing about an answer that is given at once.
fn is_beside_an_answer(directive: &Directive) -> bool {
    directive.block.is_none() && (directive.name == "access_log" || purpose(directive) == Purpose::Nothing)
}

/// The directives `deny` and `allow`, of which the first that fits decides.
#[derive(Debug, Default)]
struct Access {
    denied: Vec<IpNet>,
    allowed: Vec<IpNet>,
    is_decided: bool,
    denies_others: bool,
}

impl Access {
    /// Takes one in; `None`: it is another directive.
    fn take(&mut self, directive: &Directive) -> Option<Result<(), Refusal>> {
        let is_denied = match &*directive.name {
            "deny" => true,
            "allow" => false,
            _ => return None,
        };
        Some(self.note(is_denied, &directive.words()))
    }

    fn note(&mut self, is_denied: bool, words: &[&str]) -> Result<(), Refusal> {
        let [whom] = words else { return Err(Refusal::Unsupported) };
        if *whom == "all" {
            self.denies_others |= is_denied && !self.is_decided;
            self.is_decided = true;
            return Ok(());
        }
        let network = whom.parse().ok().or_else(|| whom.parse::<IpAddr>().ok().map(IpNet::from));
        let network = network.ok_or(Refusal::Unsupported)?;
        match (self.is_decided, is_denied) {
            (true, _) => {}
            (false, false) => self.allowed.push(network),
            (false, true) if self.allowed.is_empty() => self.denied.push(network),
            // Two lists cannot say that some of the denied ones are allowed.
            (false, true) => return Err(Refusal::Order),
        }
        Ok(())
    }

    fn rule(self) -> Option<Sources> {
        let Self { denied, allowed, is_decided: _, denies_others } = self;
        let allowed = denies_others.then(|| Networks::new(allowed));
        let is_set = !denied.is_empty() || allowed.is_some();
        is_set.then(|| Sources::Lists { denied: Networks::new(denied), allowed })
    }
}

/// `60`, `60s`, `5m` or `1h`.
fn seconds(text: &str) -> Result<Duration, Refusal> {
    let (digits, unit) = match text.as_bytes() {
        [.., b's'] => (&text[..text.len() - 1], 1),
        [.., b'm'] => (&text[..text.len() - 1], 60),
        [.., b'h'] => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    let number = fields::number(digits).ok_or(Refusal::Unsupported)?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=365 * 24 * 3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or(Refusal::Unsupported)
}

fn body(text: &str) -> Result<BodyLimit, Refusal> {
    let (digits, unit) = match text.as_bytes() {
        [.., b'k' | b'K'] => (&text[..text.len() - 1], 1 << 10),
        [.., b'm' | b'M'] => (&text[..text.len() - 1], 1 << 20),
        [.., b'g' | b'G'] => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1_u64),
    };
    let bytes = fields::number(digits).and_then(|number| number.checked_mul(unit)).ok_or(Refusal::Unsupported)?;
    Ok(if bytes == 0 { BodyLimit::Unlimited } else { BodyLimit::Bytes(bytes) })
}
