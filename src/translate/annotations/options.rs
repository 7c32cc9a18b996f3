//! What annotations can set.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::model::{Balance, CanaryRule, HttpsUrl, PortInUrl, RoutePolicy, TrailingSlash};

use super::auth_options::AuthOptions;
use super::canary_options::CanaryOptions;
use super::client_options::ClientOptions;
use super::location_options::LocationOptions;
use super::path_options::PathOptions;
use super::pod_options::{PodProtocol, PodTlsOptions};
use super::policy_options::PolicyOptions;
use super::rare_options::RareOptions;
use super::source_options::SourceOptions;
use super::take_over::take_over;

/// What the annotations of an object set, by topic. What is absent leaves the decision to the settings.
///
/// There is one for each object that has any annotation of a dialect in force. A topic that few objects use and that takes more
/// than a few bytes belongs behind an `Option<Box<_>>`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// When plain HTTP is sent to https.
    pub(crate) redirect: RedirectOptions,
    /// How endpoints are chosen.
    pub(crate) balance: Option<Balance>,
    /// Which requests of another object it gets.
    canary: Option<Box<CanaryOptions>>,
    /// What is spoken to pods.
    pub(super) protocol: Option<PodProtocol>,
    /// Whether requests go to the address of the Service, and not to those of its pods.
    pub(crate) to_service: Option<bool>,
    /// How long requests, their bodies and their pods may take, and how much.
    policy: Option<Box<PolicyOptions>>,
    /// Where requests are sent instead of to a pod.
    locations: Option<Box<LocationOptions>>,
    /// How paths are read, and which ones pods get.
    paths: Option<Box<PathOptions>>,
    /// Which clients are served.
    sources: Option<Box<SourceOptions>>,
    /// What few objects ask for.
    rare: Option<Box<RareOptions>>,
}

/// When plain HTTP is sent to https.
#[derive(Clone, Debug, Default)]
pub(crate) struct RedirectOptions {
    /// Where the host has TLS.
    pub(crate) with_tls: Option<bool>,
    /// Whether or not the host has TLS here.
    pub(crate) always: Option<bool>,
    /// What becomes of a slash at the end of the URL.
    pub(super) slash: Option<TrailingSlash>,
    /// Whether URLs have a port.
    pub(super) port: Option<PortInUrl>,
    /// The status.
    pub(super) status: Option<RedirectStatus>,
}

/// The status of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RedirectStatus {
    /// 301.
    MovedPermanently,
    /// 302.
    Found,
    /// 303.
    SeeOther,
    /// 307.
    Temporary,
    /// 308.
    Permanent,
}

impl RedirectStatus {
    /// The one with this number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Self::MovedPermanently, Self::Found, Self::SeeOther, Self::Temporary, Self::Permanent];
        all.into_iter().find(|status| status.code().to_string() == text)
    }

    /// Its number.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::SeeOther => 303,
            Self::Temporary => 307,
            Self::Permanent => 308,
        }
    }
}

impl Options {
    /// Nothing is set.
    pub(crate) const UNSET: Self = Self {
        redirect: RedirectOptions { with_tls: None, always: None, slash: None, port: None, status: None },
        balance: None,
        canary: None,
        protocol: None,
        to_service: None,
        policy: None,
        locations: None,
        paths: None,
        sources: None,
        rare: None,
    };

    /// Nothing but what is spoken to pods.
    pub(crate) fn speaking(protocol: PodProtocol) -> Self {
        Self { protocol: Some(protocol), ..Self::UNSET }
    }

    /// What is set of canaries, to set more.
    pub(super) fn of_canary(&mut self) -> &mut CanaryOptions {
        self.canary.get_or_insert_default()
    }

    /// Whether it is a canary.
    pub(crate) fn is_canary(&self) -> bool {
        self.canary.as_ref().is_some_and(|canary| canary.is_canary())
    }

    /// Which requests of another object it gets; `None`: it is no canary.
    pub(crate) fn canary(&self) -> Option<CanaryRule> {
        self.canary.as_ref()?.rule()
    }

    /// What is set of the policy, to set more.
    pub(super) fn of_policy(&mut self) -> &mut PolicyOptions {
        self.policy.get_or_insert_default()
    }

    /// What is set of locations, to set more.
    pub(super) fn of_locations(&mut self) -> &mut LocationOptions {
        self.locations.get_or_insert_default()
    }

    /// What is set of paths, to set more.
    pub(super) fn of_paths(&mut self) -> &mut PathOptions {
        self.paths.get_or_insert_default()
    }

    /// How paths are read, and which ones pods get.
    pub(crate) fn paths(&self) -> Option<&PathOptions> {
        self.paths.as_deref()
    }

    /// What is set of clients, to set more.
    pub(super) fn of_sources(&mut self) -> &mut SourceOptions {
        self.sources.get_or_insert_default()
    }

    /// What is set of passwords; `None`: nothing.
    pub(crate) fn auth(&self) -> Option<&AuthOptions> {
        self.sources.as_ref()?.auth.as_deref()
    }

    /// What is set of passwords, to set more.
    pub(super) fn of_auth(&mut self) -> &mut AuthOptions {
        self.of_sources().auth.get_or_insert_default()
    }

    /// What is set of certificates of clients; `None`: nothing.
    pub(crate) fn clients(&self) -> Option<&ClientOptions> {
        self.sources.as_ref()?.clients.as_deref()
    }

    /// What is set of certificates of clients, to set more.
    pub(super) fn of_clients(&mut self) -> &mut ClientOptions {
        self.of_sources().clients.get_or_insert_default()
    }

    /// Whether both come to the same upstreams for the same backends.
    pub(crate) fn have_upstreams_of(&self, other: &Self) -> bool {
        let is_to_service = |options: &Self| options.to_service.unwrap_or(false);
        self.spoken() == other.spoken()
            && is_to_service(self) == is_to_service(other)
            && self.pod_tls() == other.pod_tls()
    }

    /// What is spoken to pods; `None`: that is left to the port of their Service.
    pub(crate) fn spoken(&self) -> Option<PodProtocol> {
        let is_http2 = self.policy.as_ref().is_some_and(|policy| policy.speaks_http2 == Some(true));
        match self.protocol {
            Some(PodProtocol::Http) | None if is_http2 => Some(PodProtocol::Grpc),
            protocol => protocol,
        }
    }

    /// What is set of TLS to pods; `None`: nothing.
    pub(crate) fn pod_tls(&self) -> Option<&PodTlsOptions> {
        self.policy.as_ref()?.pod_tls.as_deref()
    }

    /// What is set of TLS to pods, to set more.
    pub(super) fn of_pod_tls(&mut self) -> &mut PodTlsOptions {
        self.of_policy().pod_tls.get_or_insert_default()
    }

    /// What is set of rare topics, to set more.
    pub(super) fn of_rare(&mut self) -> &mut RareOptions {
        self.rare.get_or_insert_default()
    }

    /// What few objects ask for.
    pub(crate) fn rare(&self) -> Option<&RareOptions> {
        self.rare.as_deref()
    }

    /// Which clients are served; `None`: all.
    pub(crate) fn sources(&self) -> Option<&SourceOptions> {
        self.sources.as_deref()
    }

    /// Where requests are sent instead of to a pod.
    pub(crate) fn locations(&self) -> Option<&LocationOptions> {
        self.locations.as_deref()
    }

    /// The policy of the routes: `default` itself where nothing else is asked for, so that most routes share one. `replicas` is by
    /// what limits are divided that are meant for all of them together.
    pub(crate) fn policy(&self, default: &Arc<RoutePolicy>, replicas: NonZeroU32) -> Arc<RoutePolicy> {
        if self.balance.is_none() && self.policy.is_none() && self.rare.is_none() {
            return Arc::clone(default);
        }
        let mut policy = RoutePolicy::clone(default);
        policy.balance = self.balance.unwrap_or(default.balance);
        self.policy.iter().for_each(|options| options.apply(&mut policy));
        self.rare.iter().for_each(|options| options.upstream.apply(&mut policy, replicas));
        if policy == **default { Arc::clone(default) } else { Arc::new(policy) }
    }

    /// Whether a limit is meant for all replicas together.
    pub(crate) fn divides(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.upstream.divides())
    }

    /// These, and what others set and these do not.
    pub(crate) fn over(&self, others: &Self) -> Self {
        let mut all = self.clone();
        all.absorb(others.clone());
        all
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { redirect, balance, canary, protocol, to_service, policy, locations, paths, sources, rare } = other;
        let RedirectOptions { with_tls, always, slash, port, status } = redirect;
        let differs = [
            take_over(&mut self.redirect.slash, slash),
            take_over(&mut self.redirect.port, port),
            take_over(&mut self.redirect.status, status),
            canary.is_some_and(|canary| self.of_canary().absorb(*canary)),
            paths.is_some_and(|paths| self.of_paths().absorb(*paths)),
            rare.is_some_and(|rare| self.of_rare().absorb(*rare)),
            sources.is_some_and(|sources| self.of_sources().absorb(*sources)),
            locations.is_some_and(|locations| self.of_locations().absorb(*locations)),
            policy.is_some_and(|policy| self.of_policy().absorb(*policy)),
            take_over(&mut self.redirect.with_tls, with_tls),
            take_over(&mut self.redirect.always, always),
            take_over(&mut self.balance, balance),
            take_over(&mut self.protocol, protocol),
            take_over(&mut self.to_service, to_service),
        ];
        differs.contains(&true)
    }
}

impl RedirectOptions {
    /// Whether plain HTTP is sent to https whether or not the host has TLS here.
    pub(crate) fn is_always(&self) -> bool {
        self.always.unwrap_or(false)
    }

    /// What the URL looks like; `usual` is how it looks where nothing is said.
    pub(crate) fn url(&self, usual: HttpsUrl) -> HttpsUrl {
        HttpsUrl {
            slash: self.slash.unwrap_or(usual.slash),
            port: self.port.unwrap_or(usual.port),
            status: self.status.map_or(usual.status, RedirectStatus::code),
        }
    }

    /// Whether URLs have a port, if that is said.
    pub(crate) fn port(&self) -> Option<PortInUrl> {
        self.port
    }
}
