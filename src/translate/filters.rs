//! From settings and annotations to the filters of routes.

use std::sync::{Arc, LazyLock};

use crate::model::{
    BasicAuth, ClientAuth, ErrorPages, ExternalAuth, Filter, Filters, HostPattern, Hsts, HttpsRedirect, HttpsUrl,
    Mirror, Rewrite, TrailingSlash,
};

use super::annotations::{EditOptions, Options, SourceOptions};
use super::asked;
use super::basic_auth::is_alternative;
use super::input::Input;
use super::settings::{Profile, Settings};

/// What comes of other places than the options alone.
#[derive(Default)]
pub(super) struct OwnParts {
    /// Another path for requests.
    pub(super) rewrite: Option<Arc<Rewrite>>,
    /// Who has a certificate, where clients are asked for one.
    pub(super) clients: Option<Arc<ClientAuth>>,
    /// Who has a password, where one is asked for.
    pub(super) auth: Option<Arc<BasicAuth>>,
    /// Whom else requests have to do with.
    pub(super) besides: Besides,
}

/// Services that are asked beside pods, for requests of an object to a host of its rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Besides {
    /// Whether requests are served.
    auth: Option<Arc<ExternalAuth>>,
    /// Who answers errors.
    errors: Option<Arc<ErrorPages>>,
    /// Who gets copies.
    mirror: Option<Arc<Mirror>>,
}

impl Besides {
    /// Those that annotations of an object in this namespace name.
    pub(super) fn of(input: &Input, options: &Options, namespace: &Arc<str>, host: &HostPattern) -> Self {
        if options.rare().is_none() {
            return Self::default();
        }
        let errors = asked::error_pages(input, options, namespace).map(Arc::new);
        let mirror = asked::mirror(input, options, namespace, host).map(Arc::new);
        Self { auth: asked::auth(input, options, namespace, host).map(Arc::new), errors, mirror }
    }
}

/// The filters of a route of an Ingress, which gives requests another path or does not. Lists that do not depend on values of the
/// Ingress exist once.
pub(super) fn filters(options: &Options, settings: &Settings, parts: OwnParts) -> Filters {
    let when = https_redirect(options, settings);
    let url = when.map(|_| options.redirect.url(slash(settings))).unwrap_or_default();
    let has_values = parts.rewrite.is_some()
        || parts.auth.is_some()
        || parts.clients.is_some()
        || options.locations().is_some()
        || options.sources().is_some()
        || options.rare().is_some()
        || when.is_some() && url != usual_url(settings);
    if has_values { made(options, settings, when, parts) } else { usual(settings.profile, when) }
}

/// The filters of Ingresses without values of their own.
fn usual(profile: Profile, when: Option<HttpsRedirect>) -> Filters {
    type ByRedirect = LazyLock<[Filters; 3]>;
    static OURS: ByRedirect = LazyLock::new(|| by_redirect(Profile::Tidegate));
    static OF_NGINX: ByRedirect = LazyLock::new(|| by_redirect(Profile::IngressNginx));
    let [never, with_tls, always] = match profile {
        Profile::Tidegate => &*OURS,
        Profile::IngressNginx => &*OF_NGINX,
    };
    match when {
        None => never.clone(),
        Some(HttpsRedirect::WithTls) => with_tls.clone(),
        Some(HttpsRedirect::Always) => always.clone(),
    }
}

fn by_redirect(profile: Profile) -> [Filters; 3] {
    let settings = Settings { profile, ..Settings::default() };
    [None, Some(HttpsRedirect::WithTls), Some(HttpsRedirect::Always)]
        .map(|when| made(&Options::UNSET, &settings, when, OwnParts::default()))
}

/// What a URL of https looks like where nothing is said.
fn usual_url(settings: &Settings) -> HttpsUrl {
    HttpsUrl { slash: slash(settings), ..HttpsUrl::default() }
}

fn slash(settings: &Settings) -> TrailingSlash {
    match settings.profile {
        Profile::Tidegate => TrailingSlash::Kept,
        Profile::IngressNginx => TrailingSlash::Cut,
    }
}

/// What the defaults of ingress-nginx add.
fn of_profile(profile: Profile) -> Vec<Filter> {
    match profile {
        Profile::Tidegate => Vec::new(),
        Profile::IngressNginx => {
            let hsts = Hsts { max_age: 365 * 24 * 3600, includes_subdomains: true, is_preloaded: false };
            vec![Filter::Hsts(Arc::new(hsts)), Filter::NginxFields]
        }
    }
}

/// Filters that depend on values of the Ingress.
fn made(options: &Options, settings: &Settings, when: Option<HttpsRedirect>, parts: OwnParts) -> Filters {
    let OwnParts { rewrite, clients, auth, besides: Besides { auth: external_auth, errors, mirror } } = parts;
    let locations = options.locations();
    let app_root = locations.and_then(|locations| locations.app_root().cloned()).map(Filter::AppRoot);
    let redirect = locations.and_then(|locations| locations.redirect(options.redirect.port()));
    let redirect = redirect.map(|redirect| Filter::Redirect(Arc::new(redirect)));
    let https = when.map(|when| Filter::HttpsRedirect(when, options.redirect.url(slash(settings))));
    let cors = options.rare().and_then(|rare| rare.cors.rule()).map(|cors| Filter::Cors(Arc::new(cors)));
    let limits = options.rare().and_then(|rare| rare.limits.rule()).map(|limits| Filter::Limits(Arc::new(limits)));
    let answer_urls = options.rare().and_then(|rare| rare.answer_urls.rule());
    let answer_urls = answer_urls.map(|answer_urls| Filter::AnswerUrls(Arc::new(answer_urls)));
    let affinity = options.rare().and_then(|rare| rare.affinity.rule());
    let affinity = affinity.map(|affinity| Filter::Affinity(Arc::new(affinity)));
    let edits = options.rare().map(|rare| &rare.edits);
    let rules = edits.and_then(EditOptions::rules).map(|rules| Filter::Rules(Arc::new(rules)));
    let request_fields = edits.and_then(EditOptions::request_fields).map(Filter::RequestFields);
    let response_fields = edits.and_then(EditOptions::response_fields).map(Filter::ResponseFields);
    let of_snippets = edits.into_iter().flat_map(EditOptions::sources);
    let of_snippets = of_snippets.map(|sources| Filter::Sources(Arc::new(sources)));
    let sources = options.sources().and_then(SourceOptions::rule);
    let sources = sources.filter(|sources| !is_alternative(sources, options));
    let sources = sources.map(|sources| Filter::Sources(Arc::new(sources)));
    Filters::new(
        app_root
            .into_iter()
            .chain(cors)
            .chain(redirect)
            .chain(rewrite.map(Filter::Rewrite))
            .chain(https)
            .chain(answer_urls)
            .chain(of_profile(settings.profile))
            .chain(affinity)
            .chain(limits)
            .chain(sources)
            .chain(rules)
            .chain(request_fields)
            .chain(response_fields)
            .chain(of_snippets)
            .chain(clients.map(Filter::ClientAuth))
            .chain(auth.map(Filter::BasicAuth))
            .chain(external_auth.map(Filter::Auth))
            .chain(errors.map(Filter::Errors))
            .chain(mirror.map(Filter::Mirror))
            .collect(),
    )
}

fn https_redirect(options: &Options, settings: &Settings) -> Option<HttpsRedirect> {
    if options.redirect.is_always() {
        Some(HttpsRedirect::Always)
    } else if options.redirect.with_tls.unwrap_or(settings.ssl_redirect) {
        Some(HttpsRedirect::WithTls)
    } else {
        None
    }
}
