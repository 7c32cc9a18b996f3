//! From settings and annotations to the filters of routes.

use std::sync::{Arc, LazyLock};

use crate::model::{BasicAuth, Filter, Filters, HttpsRedirect, HttpsUrl, Rewrite};

use super::annotations::{Options, SourceOptions};
use super::basic_auth::is_alternative;
use super::settings::Settings;

/// What comes of other places than the options alone.
#[derive(Default)]
pub(super) struct OwnParts {
    /// Another path for requests.
    pub(super) rewrite: Option<Arc<Rewrite>>,
    /// Who has a password, where one is asked for.
    pub(super) auth: Option<Arc<BasicAuth>>,
}

/// The filters of a route of an Ingress, which gives requests another path or does not. Lists that do not depend on values of the
/// Ingress exist once.
pub(super) fn filters(options: &Options, settings: &Settings, parts: OwnParts) -> Filters {
    static WITH_TLS: LazyLock<Filters> = LazyLock::new(|| only(HttpsRedirect::WithTls));
    static ALWAYS: LazyLock<Filters> = LazyLock::new(|| only(HttpsRedirect::Always));
    let when = https_redirect(options, settings);
    let has_values = parts.rewrite.is_some()
        || parts.auth.is_some()
        || options.locations().is_some()
        || options.sources().is_some()
        || when.is_some() && options.redirect.url() != HttpsUrl::default();
    match when {
        _ if has_values => made(options, when, parts),
        None => Filters::default(),
        Some(HttpsRedirect::WithTls) => WITH_TLS.clone(),
        Some(HttpsRedirect::Always) => ALWAYS.clone(),
    }
}

/// Filters that depend on values of the Ingress.
fn made(options: &Options, when: Option<HttpsRedirect>, parts: OwnParts) -> Filters {
    let OwnParts { rewrite, auth } = parts;
    let locations = options.locations();
    let app_root = locations.and_then(|locations| locations.app_root().cloned()).map(Filter::AppRoot);
    let redirect = locations.and_then(|locations| locations.redirect(options.redirect.port()));
    let redirect = redirect.map(|redirect| Filter::Redirect(Arc::new(redirect)));
    let https = when.map(|when| Filter::HttpsRedirect(when, options.redirect.url()));
    let rewrite = rewrite.map(Filter::Rewrite);
    let sources = options.sources().and_then(SourceOptions::rule);
    let sources = sources.filter(|sources| !is_alternative(sources, options));
    let sources = sources.map(|sources| Filter::Sources(Arc::new(sources)));
    let auth = auth.map(Filter::BasicAuth);
    Filters::new([app_root, redirect, rewrite, https, sources, auth].into_iter().flatten().collect())
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
