//! From settings and annotations to the filters of routes.

use std::sync::LazyLock;

use crate::model::{Filter, Filters, HttpsRedirect};

use super::annotations::Options;
use super::settings::Settings;

/// The filters of the routes of an Ingress. Lists that do not depend on values of the Ingress exist once.
pub(super) fn filters(options: &Options, settings: &Settings) -> Filters {
    static WITH_TLS: LazyLock<Filters> = LazyLock::new(|| https_redirect(HttpsRedirect::WithTls));
    static ALWAYS: LazyLock<Filters> = LazyLock::new(|| https_redirect(HttpsRedirect::Always));
    if options.redirect.is_always() {
        ALWAYS.clone()
    } else if options.redirect.with_tls.unwrap_or(settings.ssl_redirect) {
        WITH_TLS.clone()
    } else {
        Filters::default()
    }
}

fn https_redirect(when: HttpsRedirect) -> Filters {
    Filters::new(vec![Filter::HttpsRedirect(when)])
}
