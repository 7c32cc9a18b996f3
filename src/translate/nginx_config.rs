//! ingress-nginx's own ConfigMap: what it makes of the settings that options and profile gave. That of haproxytech's controller takes
//! its place where it is followed instead (`haproxy_config`).

use std::sync::Arc;

use ipnet::IpNet;

use crate::model::{
    Captures, EditedAnswers, EditedName, FieldChange, FieldEdit, HSTS_AGE, Hsts, Networks, ObjectKind, ObjectName,
    ObjectRef, Problem, ProblemCode, Rules, RulesBy, Severity, Template,
};
use crate::source::objects::{ConfigMap, LARGEST_CONFIG_MAP, Objects};

use super::annotations::{GlobalKeys, NginxKeys, read_nginx_keys};
use super::config_map;
use super::global::{Global, LIMITED, REDIRECT, Usual};
use super::haproxy_config;
use super::problems::on;
use super::settings::{Profile, Settings};

/// Settings with what the ConfigMap says, and what comes with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The settings.
    pub(crate) settings: Settings,
    /// What is wrong with the ConfigMap.
    pub(crate) problems: Vec<Problem>,
    /// The ConfigMaps that it names.
    pub(crate) named: Vec<ObjectName>,
}

/// Applies the ConfigMap that the settings name.
pub(crate) fn apply(base: &Settings, objects: &Objects) -> Outcome {
    let mut outcome = Outcome { settings: base.clone(), ..Outcome::default() };
    let Some(name) = base.config_map() else { return outcome };
    let Some(map) = objects.config_map(name) else {
        let object = ObjectRef::new(ObjectKind::ConfigMap, name.clone());
        let message = "the ConfigMap does not exist or may not be read, and nobody knows whom it was to keep out: all requests are answered with 503";
        let remedy = "Create it, readable for this controller's role, or leave the option out";
        let code = ProblemCode::ConfigMapNotFound;
        outcome.problems.push(on(&object, option(base), code, Severity::Error, message, remedy));
        outcome.settings.global = Some(Arc::new(closed(base)));
        return outcome;
    };
    if map.is_too_large {
        let object = ObjectRef::new(ObjectKind::ConfigMap, name.clone());
        let message = format!(
            "it has more than {LARGEST_CONFIG_MAP} bytes, so none of it is read, and nobody knows whom it was to keep out: all requests are answered with 503"
        );
        let (code, remedy) = (ProblemCode::InvalidConfigMap, "Make it smaller");
        outcome.problems.push(on(&object, "data", code, Severity::Error, message, remedy));
        outcome.settings.global = Some(Arc::new(closed(base)));
        return outcome;
    }
    if base.nginx_config_map.is_none() {
        outcome.problems.extend(haproxy_config::apply(base, map, &mut outcome.settings));
        return outcome;
    }
    let given = |option: &str| base.given.contains(option.trim_start_matches('-'));
    let NginxKeys { defaults, global, findings, choices } = read_nginx_keys(map, base.dialects.choices(), &given);
    outcome.problems.extend(findings);
    let settings = &mut outcome.settings;
    settings.policy = defaults.options().policy(&base.policy, base.replicas);
    settings.ssl_redirect = defaults.options().redirect.with_tls.unwrap_or(base.ssl_redirect);
    settings.dialects = base.dialects.clone().with(choices).with_defaults(Arc::new(defaults));
    if let Some(allowed) = &global.allowed {
        settings.allowed_response_headers = Arc::new(allowed.iter().cloned().collect());
    }
    if let Some(is_on) = global.across_namespaces {
        let decides = |option: &str| !base.given.contains(option);
        if decides("config-maps-across-namespaces") {
            settings.config_maps_across_namespaces = is_on;
        }
        if decides("secrets-across-namespaces") {
            settings.secrets_across_namespaces = is_on;
        }
    }
    settings.believed = believed(&global).map(Arc::new);
    let mut fields = |key: &str, named: &Option<Box<str>>| -> Vec<FieldEdit> {
        let Some(name) = named.as_deref().and_then(parse) else { return Vec::new() };
        outcome.named.push(name.clone());
        fields_of(base, objects, map, (key, &name), &mut outcome.problems)
    };
    let for_clients = fields("add-headers", &global.for_clients);
    let for_pods = fields("proxy-set-headers", &global.for_pods);
    outcome.settings.global = Some(Arc::new(of_keys(base, global, for_clients, for_pods)));
    outcome
}

/// What is told of a ConfigMap that was read and has gone.
pub(crate) fn gone(base: &Settings) -> Option<Problem> {
    let object = ObjectRef::new(ObjectKind::ConfigMap, base.config_map()?.clone());
    let message = "the ConfigMap has gone: what it said last holds until this process ends, and the next answers all requests with 503";
    let remedy = "Create it again, or leave the option out";
    Some(on(&object, option(base), ProblemCode::ConfigMapNotFound, Severity::Error, message, remedy))
}

/// The option that names the ConfigMap.
fn option(base: &Settings) -> &'static str {
    if base.nginx_config_map.is_some() { "--nginx-configmap" } else { "--haproxy-configmap" }
}

/// Nobody is served.
fn closed(base: &Settings) -> Global {
    let keys = GlobalKeys { is_closed: true, ..GlobalKeys::default() };
    let global = of_keys(base, keys, Vec::new(), Vec::new());
    let by = if base.nginx_config_map.is_some() { RulesBy::NginxConfigMap } else { RulesBy::HaproxyConfigMap };
    Global { rules: Some(Rules::Closed(by)), ..global }
}

fn parse(text: &str) -> Option<ObjectName> {
    text.split_once('/').map(|(namespace, name)| ObjectName::new(namespace, name))
}

/// Whose forwarding fields are believed where nobody says whose: those of peers that no client of the internet is. ingress-nginx
/// believes everybody.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"];

/// Whose forwarding fields are believed; `None`: that is left to the option.
fn believed(global: &GlobalKeys) -> Option<Networks> {
    let private = || Networks::new(PRIVATE.iter().filter_map(|net| net.parse::<IpNet>().ok()).collect());
    global.believes.unwrap_or(false).then(|| global.believed.clone().unwrap_or_else(private))
}

fn of_keys(base: &Settings, keys: GlobalKeys, for_clients: Vec<FieldEdit>, for_pods: Vec<FieldEdit>) -> Global {
    let is_on = keys.hsts.unwrap_or(base.profile == Profile::IngressNginx);
    let hsts = is_on.then(|| {
        Arc::new(Hsts {
            max_age: keys.hsts_age.unwrap_or(HSTS_AGE),
            includes_subdomains: keys.hsts_subdomains.unwrap_or(true),
            is_preloaded: keys.hsts_preload.unwrap_or(false),
        })
    });
    let rules = match (keys.is_closed, keys.rules.is_empty()) {
        (true, _) => Some(Rules::Closed(RulesBy::NginxConfigMap)),
        (false, true) => None,
        (false, false) => Some(Rules::Listed(keys.rules.into())),
    };
    let hide = |name: EditedName| FieldEdit { name, change: FieldChange::Remove, answers: EditedAnswers::All };
    let mut response: Vec<_> = keys.hidden.into_iter().map(hide).collect();
    response.extend(for_clients);
    let (mut request, mut sources) = (for_pods, Vec::from_iter(keys.blocked));
    for translation in &keys.translated {
        let (for_pods, for_clients, of_snippet) = translation.parts();
        request.extend_from_slice(for_pods);
        response.extend_from_slice(for_clients);
        sources.extend(of_snippet.cloned());
    }
    let [rate, in_progress] = keys.limits;
    Global {
        hsts,
        redirect: keys.redirect.unwrap_or(REDIRECT),
        limited: [rate.unwrap_or(LIMITED[0]), in_progress.unwrap_or(LIMITED[1])],
        rules,
        sources: sources.into_iter().map(Arc::new).collect(),
        request: request.into(),
        response: response.into(),
        open_paths: keys.open_paths,
        usual: Usual::default(),
    }
}

/// The fields that a ConfigMap has which a key names. One that cannot be set is told and left out.
fn fields_of(
    settings: &Settings,
    objects: &Objects,
    by: &ConfigMap,
    (key, name): (&str, &ObjectName),
    problems: &mut Vec<Problem>,
) -> Vec<FieldEdit> {
    let object = ObjectRef::new(ObjectKind::ConfigMap, by.name.clone());
    let mut tell = |code, message: String, remedy: String| {
        problems.push(on(&object, format!("data[{key:?}]"), code, Severity::Error, message, remedy));
    };
    let map = match config_map::readable(settings, objects, name) {
        Ok(map) => map,
        Err(fault) => {
            tell(fault.code, format!("{}, so its fields are not set", fault.message), fault.remedy);
            return Vec::new();
        }
    };
    let mut edits = Vec::new();
    for (field, value) in &map.data {
        match config_map::field(map, field, value, |text| Template::parse(text, Captures::Refused)) {
            Ok((name, value)) => {
                edits.push(FieldEdit { name, change: FieldChange::Set(value), answers: EditedAnswers::All });
            }
            Err(fault) => tell(fault.code, format!("{}, so it is not set", fault.message), fault.remedy),
        }
    }
    edits
}
