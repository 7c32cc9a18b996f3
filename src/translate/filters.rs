//! From settings and annotations to the filters of routes.

use std::sync::{Arc, LazyLock};

use crate::model::{
    BasicAuth, ClientAuth, ErrorPages, ExternalAuth, FieldEdit, Filter, Filters, HSTS_AGE, HostPattern, Hsts,
    HttpsRedirect, HttpsUrl, Mirror, Rewrite, Rules, RulesBy, TrailingSlash,
};

use super::annotations::{EditOptions, LocationOptions, Options, SourceOptions, client_port};
use super::asked;
use super::basic_auth::{is_alternative, together};
use super::global::{Global, LIMITED, REDIRECT};
use super::input::Input;
use super::named_config_maps;
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

impl OwnParts {
    fn is_empty(&self) -> bool {
        let Self { rewrite, clients, auth, besides: Besides { auth: external_auth, errors, mirror, fields } } = self;
        let has_fields = !matches!(fields, MapFields::None);
        let is_any =
            rewrite.is_some() || clients.is_some() || auth.is_some() || external_auth.is_some() || errors.is_some();
        !(is_any || mirror.is_some() || has_fields)
    }
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
    /// Fields for answers that a ConfigMap has.
    fields: MapFields,
}

/// Fields for answers that a ConfigMap has.
#[derive(Clone, Debug, Default)]
enum MapFields {
    /// These.
    Known(Arc<[FieldEdit]>),
    /// None are asked for.
    #[default]
    None,
    /// They are not known, or may not be set: nobody is served.
    Closed,
}

impl Besides {
    /// The same where nobody is asked whether requests are served.
    pub(super) fn without_auth(&self) -> Self {
        Self { auth: None, ..self.clone() }
    }

    /// Those that annotations of an object in this namespace name.
    pub(super) fn of(input: &Input, options: &Options, namespace: &Arc<str>, host: &HostPattern) -> Self {
        if options.rare().is_none() {
            return Self::default();
        }
        let errors = asked::error_pages(input, options, namespace).map(Arc::new);
        let mirror = asked::mirror(input, options, namespace, host).map(Arc::new);
        let fields = match named_config_maps::custom_headers(input, options, namespace) {
            Ok(edits) if edits.is_empty() => MapFields::None,
            Ok(edits) => MapFields::Known(edits.into()),
            Err(_) => MapFields::Closed,
        };
        Self { auth: asked::auth(input, options, namespace, host).map(Arc::new), errors, mirror, fields }
    }
}

/// The filters of a route of an Ingress, which gives requests another path or does not. Lists that do not depend on values of the
/// Ingress exist once.
pub(super) fn filters(options: &Options, settings: &Settings, parts: OwnParts) -> Filters {
    let when = https_redirect(options, settings);
    let url = when.map_or(usual_url(settings), |_| options.redirect.url(usual_url(settings)));
    let has_values = parts.rewrite.is_some()
        || parts.auth.is_some()
        || parts.clients.is_some()
        || options.locations().is_some()
        || options.sources().is_some()
        || options.rare().is_some()
        || settings.global.is_some()
        || when.is_some() && url != usual_url(settings);
    match &settings.global {
        // The redirect follows from the options, which are the same for all of these.
        Some(global) if parts.is_empty() && settings.dialects.are_defaults(options) => {
            global.usual.or_make(|| made(options, settings, when, parts))
        }
        Some(_) | None if has_values => made(options, settings, when, parts),
        Some(_) | None => usual(settings.profile, when),
    }
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
    let status = settings.global.as_ref().map_or(REDIRECT, |global| global.redirect);
    HttpsUrl { slash: slash(settings), status, ..HttpsUrl::default() }
}

fn slash(settings: &Settings) -> TrailingSlash {
    match settings.profile {
        Profile::Tidegate => TrailingSlash::Kept,
        Profile::IngressNginx => TrailingSlash::Cut,
    }
}

/// What the defaults of ingress-nginx, and its ConfigMap, add.
pub(super) fn of_all(settings: &Settings) -> Vec<Filter> {
    let mut filters = Vec::new();
    let is_nginx = settings.profile == Profile::IngressNginx;
    match &settings.global {
        None if is_nginx => {
            let hsts = Hsts { max_age: HSTS_AGE, includes_subdomains: true, is_preloaded: false };
            filters.push(Filter::Hsts(Arc::new(hsts)));
        }
        None => {}
        Some(global) => {
            filters.extend(global.hsts.clone().map(Filter::Hsts));
            filters.extend(global.sources.iter().cloned().map(Filter::Sources));
        }
    }
    if is_nginx {
        filters.push(Filter::NginxFields);
    }
    filters
}

/// Requests that are answered at once: first as is said for all routes.
fn rules(global: Option<&Global>, own: Option<Rules>) -> Option<Rules> {
    match (global.and_then(|global| global.rules.clone()), own) {
        (None, only) | (only, None) => only,
        (Some(closed @ Rules::Closed(_)), Some(_)) | (Some(_), Some(closed @ Rules::Closed(_))) => Some(closed),
        (Some(Rules::Listed(first)), Some(Rules::Listed(then))) => {
            Some(Rules::Listed(first.into_iter().chain(then).collect()))
        }
    }
}

/// Filters that depend on values of the Ingress.
fn made(options: &Options, settings: &Settings, when: Option<HttpsRedirect>, parts: OwnParts) -> Filters {
    let OwnParts { rewrite, clients, auth, besides: Besides { auth: external_auth, errors, mirror, fields } } = parts;
    let locations = options.locations();
    let app_root = locations.and_then(|locations| locations.app_root().cloned()).map(Filter::AppRoot);
    let redirect = locations.and_then(|locations| locations.redirect(options.redirect.port()));
    let redirect = redirect.map(|redirect| Filter::Redirect(Arc::new(redirect)));
    let https = when.map(|when| Filter::HttpsRedirect(when, options.redirect.url(usual_url(settings))));
    let cors = options.rare().and_then(|rare| rare.cors.rule()).map(|cors| Filter::Cors(Arc::new(cors)));
    let global = settings.global.as_deref();
    let limited = global.map_or(LIMITED, |global| global.limited);
    let limits = options.rare().and_then(|rare| rare.limits.rule(limited));
    let limits = limits.map(|limits| Filter::Limits(Arc::new(limits)));
    let is_relative = locations.is_some_and(LocationOptions::is_relative);
    let base = (!is_relative).then(|| client_port(options.redirect.port()));
    let answer_urls = options.rare().and_then(|rare| rare.answer_urls.rule(base));
    let answer_urls = answer_urls.map(|answer_urls| Filter::AnswerUrls(Arc::new(answer_urls)));
    let affinity = options.rare().and_then(|rare| rare.affinity.rule());
    let affinity = affinity.map(|affinity| Filter::Affinity(Arc::new(affinity)));
    let unset = EditOptions::default();
    let edits = options.rare().map_or(&unset, |rare| &rare.edits);
    let (for_pods, for_clients): (&[_], &[_]) = global.map_or((&[], &[]), |global| (&global.request, &global.response));
    let (of_map, closed): (&[_], _) = match &fields {
        MapFields::Known(edits) => (edits, None),
        MapFields::None => (&[], None),
        MapFields::Closed => (&[], Some(Rules::Closed(RulesBy::CustomHeaders))),
    };
    let rules = rules(global, closed.or_else(|| edits.rules())).map(|rules| Filter::Rules(Arc::new(rules)));
    let request_fields = edits.request_fields(for_pods).map(Filter::RequestFields);
    let pod_host = options.rare().and_then(|rare| rare.pod_host.clone()).map(Filter::PodHost);
    let response_fields = edits.response_fields(for_clients.iter().chain(of_map)).map(Filter::ResponseFields);
    let of_snippets = edits.sources();
    let of_snippets = of_snippets.map(|sources| Filter::Sources(Arc::new(sources)));
    let sources = options.sources().and_then(SourceOptions::rule);
    // Where nothing else is asked for, as at paths that are exempt, the list is all that restricts.
    let asks = auth.is_some() || external_auth.is_some();
    let (auth, external_auth) = together(options, auth, external_auth);
    let sources = sources.filter(|sources| !(asks && is_alternative(sources, options)));
    let sources = sources.map(|sources| Filter::Sources(Arc::new(sources)));
    Filters::new(
        // Nothing else answers who has no certificate, as with nginx.
        clients
            .map(Filter::ClientAuth)
            .into_iter()
            .chain(app_root)
            .chain(cors)
            .chain(redirect)
            .chain(rewrite.map(Filter::Rewrite))
            .chain(https)
            .chain(answer_urls)
            .chain(of_all(settings))
            .chain(affinity)
            .chain(limits)
            .chain(sources)
            .chain(rules)
            .chain(request_fields)
            .chain(pod_host)
            .chain(response_fields)
            .chain(of_snippets)
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
