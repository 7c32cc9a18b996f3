//! The ConfigMap of haproxytech's kubernetes-ingress: what it makes of the settings that options gave.

use std::sync::Arc;

use crate::model::{HSTS_AGE, Hsts, Problem, Rules, RulesBy};
use crate::source::objects::ConfigMap;

use super::annotations::{HaproxyKeys, read_haproxy_keys};
use super::global::{Global, LIMITED, REDIRECT, Usual};
use super::settings::{Profile, Settings};

/// Applies a ConfigMap. Returns what is wrong with it.
pub(crate) fn apply(base: &Settings, map: &ConfigMap, settings: &mut Settings) -> Vec<Problem> {
    let given = |option: &str| base.given.contains(option.trim_start_matches('-'));
    let HaproxyKeys { defaults, is_closed, findings } = read_haproxy_keys(map, base.dialects.choices(), &given);
    settings.policy = defaults.options().policy(&base.policy, base.replicas);
    settings.ssl_redirect = defaults.options().redirect.with_tls.unwrap_or(base.ssl_redirect);
    settings.dialects = base.dialects.clone().with_defaults(Arc::new(defaults));
    let rules = is_closed.then_some(Rules::Closed(RulesBy::HaproxyConfigMap));
    settings.global = Some(Arc::new(global(base.profile, rules)));
    findings
}

/// What a profile says for all routes, with these rules.
fn global(profile: Profile, rules: Option<Rules>) -> Global {
    let hsts = match profile {
        Profile::Tidegate => None,
        Profile::IngressNginx => {
            Some(Arc::new(Hsts { max_age: HSTS_AGE, includes_subdomains: true, is_preloaded: false }))
        }
    };
    let (sources, request, response) = (Box::default(), Box::default(), Box::default());
    let (redirect, limited, usual) = (REDIRECT, LIMITED, Usual::default());
    Global { hsts, redirect, limited, rules, sources, request, response, open_paths: None, usual }
}
