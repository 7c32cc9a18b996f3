//! What keys set that no annotation sets.

use crate::model::{EditedName, Networks, ObjectName, Pattern, Rule, RuleAnswer, RuleTest, RulesBy, Sources, Template};

use super::super::choices::Snippets;
use super::super::edit_options::Translated;
use super::super::ingress_nginx::networks;
use super::told::{CLOSES, IGNORED, Told};

/// What is set. What is absent leaves the decision to options and profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GlobalKeys {
    /// Whether browsers are told to use https alone.
    pub(crate) hsts: Option<bool>,
    /// How long they keep to it, seconds.
    pub(crate) hsts_age: Option<u64>,
    /// Whether hosts below are meant, too.
    pub(crate) hsts_subdomains: Option<bool>,
    /// Whether browsers may have it built in.
    pub(crate) hsts_preload: Option<bool>,
    /// The status of redirects to https.
    pub(crate) redirect: Option<u16>,
    /// The statuses of requests beyond a rate and of those beyond a number in progress.
    pub(crate) limits: [Option<u16>; 2],
    /// Who is refused, by address.
    pub(crate) blocked: Option<Sources>,
    /// Requests that are answered at once.
    pub(crate) rules: Vec<Rule>,
    /// Whether something restricts access that cannot be done, so that nobody is served.
    pub(crate) is_closed: bool,
    /// What snippets set besides.
    pub(crate) translated: Vec<Translation>,
    /// Fields of pods that clients do not get.
    pub(crate) hidden: Vec<EditedName>,
    /// The ConfigMap with fields for clients.
    pub(crate) for_clients: Option<Box<str>>,
    /// The ConfigMap with fields for pods.
    pub(crate) for_pods: Option<Box<str>>,
    /// Paths at which nobody is asked for anything: those that begin with one of these.
    pub(crate) open_paths: Option<Box<[Box<str>]>>,
    /// Fields that annotations may set.
    pub(crate) allowed: Option<Vec<EditedName>>,
    /// Whether annotations may name objects of other namespaces.
    pub(crate) across_namespaces: Option<bool>,
    /// What is done with snippets of annotations.
    pub(crate) snippets: Option<Snippets>,
    /// Whether anybody's `X-Forwarded-` fields are believed.
    pub(crate) believes: Option<bool>,
    /// Whose are, if anybody's.
    pub(crate) believed: Option<Networks>,
    /// Whether requests are not logged.
    pub(crate) is_unlogged: Option<bool>,
}

/// What a snippet sets besides rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Translation(pub(in super::super) Translated);

impl Translation {
    /// Fields for pods, for clients, and who is served.
    pub(crate) fn parts(&self) -> (&[crate::model::FieldEdit], &[crate::model::FieldEdit], Option<&Sources>) {
        let Translated { request, response, rules: _, sources } = &self.0;
        (request, response, sources.as_ref())
    }
}

/// `true` or `false` as Go reads it.
pub(super) fn boolean(text: &str) -> Result<bool, Told> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(IGNORED),
    }
}

/// A status of these.
pub(super) fn status(text: &str, of: impl Fn(u16) -> bool) -> Result<u16, Told> {
    text.parse().ok().filter(|status| of(*status)).ok_or(IGNORED)
}

/// Whole seconds, up to a century.
pub(super) fn seconds(text: &str) -> Result<u64, Told> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|seconds| is_number && *seconds <= 100 * 366 * 86_400).ok_or(IGNORED)
}

/// Names of fields with commas between.
pub(super) fn names(text: &str, set: &mut Vec<EditedName>) -> Result<(), Told> {
    let names: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    set.extend(names.iter().filter_map(|name| EditedName::parse(name)));
    if set.len() == names.len() {
        Ok(())
    } else {
        Err(Told("so what is no name of a field that may be edited is left out"))
    }
}

/// The name of a ConfigMap, which is read later.
pub(super) fn map_name(text: &str) -> Result<Option<Box<str>>, Told> {
    let is_name = super::super::ingress_nginx::config_map_name::parse(text, &ObjectName::new("", "")).is_some();
    if is_name && text.contains('/') { Ok(Some(text.into())) } else { Err(IGNORED) }
}

/// Paths with commas between.
pub(super) fn paths(text: &str) -> Result<Box<[Box<str>]>, Told> {
    let paths: Vec<Box<str>> = text.split(',').map(str::trim).filter(|path| !path.is_empty()).map(Box::from).collect();
    if paths.iter().all(|path| path.starts_with('/')) { Ok(paths.into()) } else { Err(IGNORED) }
}

/// Networks that are refused.
pub(super) fn blocked(keys: &mut GlobalKeys, text: &str) -> Result<(), Told> {
    let Some(networks) = networks(text) else {
        keys.blocked = Some(Sources::Unreadable);
        return Err(CLOSES);
    };
    keys.blocked = Some(Sources::Lists { denied: Networks::new(networks), allowed: None });
    Ok(())
}

/// Requests that are refused for a field: texts, and regular expressions behind `~` or `~*`.
pub(super) fn refused(keys: &mut GlobalKeys, field: &str, text: &str) -> Result<(), Told> {
    let Ok(value) = Template::parse(field, crate::model::Captures::Refused) else { return Ok(()) };
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let pattern = match (entry.strip_prefix("~*"), entry.strip_prefix('~')) {
            (Some(regex), _) => format!("(?i){}", regex.trim()),
            (None, Some(regex)) => regex.trim().to_owned(),
            (None, None) => format!("(?i)^{}$", regex::escape(entry)),
        };
        let Ok(pattern) = Pattern::of_values(&pattern.into()) else {
            keys.is_closed = true;
            return Err(CLOSES);
        };
        let test = RuleTest::Value { value: value.clone(), pattern, matches: true };
        keys.rules.push(Rule { by: RulesBy::NginxConfigMap, test, answer: RuleAnswer::Status(403) });
    }
    Ok(())
}
