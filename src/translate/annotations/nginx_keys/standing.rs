//! What a key of ingress-nginx's ConfigMap is, for those who ask about a key and not about a ConfigMap.

use super::super::table::Verdict;
use super::key::{Key, Meaning};
use super::{idle, keys};

/// What a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxKey {
    /// What holds in ingress-nginx without it, in words or as a value.
    pub default: &'static str,
    /// The option that sets the same, and wins over the key.
    pub option: Option<&'static str>,
    /// What it does where the ConfigMap is followed.
    pub effect: KeyEffect,
    /// Other values that ask for what holds anyway.
    usual: &'static [&'static str],
}

/// What a key does where the ConfigMap is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEffect {
    /// What it says.
    Acts,
    /// Nothing: why it need not.
    Needless(&'static str),
    /// Nothing: why, and what to do instead.
    Refused(String),
}

/// What the key with this name is; `None`: ingress-nginx never had it.
pub fn nginx_key(name: &str) -> Option<NginxKey> {
    let key = find(name)?;
    let usual = match key.meaning {
        Meaning::Nothing { usual, .. } => usual,
        Meaning::Annotation(_) | Meaning::Global { .. } => &[],
    };
    let effect = match key.verdict() {
        Verdict::NoEffect(why) => KeyEffect::Needless(why),
        // These ask only for what is not needed here.
        Verdict::Refused { why, instead } if is_needless(instead) => KeyEffect::Needless(why),
        Verdict::Refused { why, instead } => KeyEffect::Refused(format!("{why}: {instead}")),
        Verdict::Exact | Verdict::Bounded(_) | Verdict::Different(_) | Verdict::Judged(_) => KeyEffect::Acts,
    };
    Some(NginxKey { default: key.default.trim_matches('`'), option: key.option, effect, usual })
}

impl NginxKey {
    /// Whether a value asks for what holds without the key.
    pub fn is_default(&self, value: &str) -> bool {
        let value = value.trim();
        value.is_empty() || value == self.default || self.usual.contains(&value)
    }
}

/// All keys.
pub(super) fn all() -> impl Iterator<Item = &'static Key> {
    keys::ACTING.iter().chain(idle::IDLE)
}

/// The key with this name. Those of tracers that ingress-nginx has dropped are one.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    let dropped = || idle::DROPPED.iter().any(|prefix| name.starts_with(prefix));
    all().find(|key| key.key == name).or_else(|| dropped().then_some(&idle::OF_DROPPED))
}

/// Whether what to do instead of a setting is to do nothing.
pub(super) fn is_needless(instead: &str) -> bool {
    instead.to_ascii_lowercase().starts_with("leave it out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_as_their_rows_say() {
        let effect = |name: &str| nginx_key(name).map(|key| key.effect);
        assert_eq!(effect("proxy-body-size"), Some(KeyEffect::Acts));
        assert_eq!(effect("custom-http-errors"), Some(KeyEffect::Acts));
        assert!(matches!(effect("lua-shared-dicts"), Some(KeyEffect::Needless(_))));
        assert!(matches!(effect("jaeger-sampler-type"), Some(KeyEffect::Needless(_))));
        assert!(matches!(effect("ssl-dh-param"), Some(KeyEffect::Needless(_))));
        assert!(matches!(effect("use-gzip"), Some(KeyEffect::Refused(_))));
        assert_eq!(effect("no-such-key"), None);
    }

    #[test]
    fn a_default_is_known_by_its_value() {
        let is_default = |name: &str, value: &str| nginx_key(name).is_some_and(|key| key.is_default(value));
        assert!(is_default("use-gzip", "false") && is_default("keep-alive", " 75 ") && is_default("use-geoip2", ""));
        assert!(is_default("ssl-protocols", "TLSv1.3 TLSv1.2"));
        assert!(!is_default("use-gzip", "true") && !is_default("keep-alive", "60"));
    }
}
