//! From settings and annotations to the filters of routes.

use std::sync::{Arc, LazyLock};

use crate::model::{ErrorPages, ExternalAuth, Filter, Filters, HostPattern, HttpsRedirect, HttpsUrl, Mirror, Rewrite};

use super::annotations::Options;
use super::asked;
use super::input::Input;
use super::settings::Settings;

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
pub(super) fn filters(
    options: &Options,
    settings: &Settings,
    besides: &Besides,
    rewrite: Option<Arc<Rewrite>>,
) -> Filters {
    static WITH_TLS: LazyLock<Filters> = LazyLock::new(|| only(HttpsRedirect::WithTls));
    static ALWAYS: LazyLock<Filters> = LazyLock::new(|| only(HttpsRedirect::Always));
    let when = https_redirect(options, settings);
    let has_values = rewrite.is_some()
        || options.locations().is_some()
        || options.sources().is_some()
        || options.rare().is_some()
        || when.is_some() && options.redirect.url() != HttpsUrl::default();
    match when {
        _ if has_values => made(options, when, besides, rewrite),
        None => Filters::default(),
        Some(HttpsRedirect::WithTls) => WITH_TLS.clone(),
        Some(HttpsRedirect::Always) => ALWAYS.clone(),
    }
}

/// Filters that depend on values of the Ingress.
fn made(options: &Options, when: Option<HttpsRedirect>, besides: &Besides, rewrite: Option<Arc<Rewrite>>) -> Filters {
    let Besides { auth, errors, mirror } = besides.clone();
    let locations = options.locations();
    let app_root = locations.and_then(|locations| locations.app_root().cloned()).map(Filter::AppRoot);
    let redirect = locations.and_then(|locations| locations.redirect(options.redirect.port()));
    let redirect = redirect.map(|redirect| Filter::Redirect(Arc::new(redirect)));
    let https = when.map(|when| Filter::HttpsRedirect(when, options.redirect.url()));
    let cors = options.rare().and_then(|rare| rare.cors.rule()).map(|cors| Filter::Cors(Arc::new(cors)));
    let limits = options.rare().and_then(|rare| rare.limits.rule()).map(|limits| Filter::Limits(Arc::new(limits)));
    let answer_urls = options.rare().and_then(|rare| rare.answer_urls.rule());
    let answer_urls = answer_urls.map(|answer_urls| Filter::AnswerUrls(Arc::new(answer_urls)));
    let sources = options.sources().map(|sources| Filter::Sources(Arc::new(sources.rule())));
    Filters::new(
        app_root
            .into_iter()
            .chain(cors)
            .chain(redirect)
            .chain(rewrite.map(Filter::Rewrite))
            .chain(https)
            .chain(answer_urls)
            .chain(limits)
            .chain(sources)
            .chain(auth.map(Filter::Auth))
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

fn only(when: HttpsRedirect) -> Filters {
    Filters::new(vec![Filter::HttpsRedirect(when, HttpsUrl::default())])
}
