//! Tells browsers to use https alone (RFC 6797). What pods say of it is replaced, and nothing is said in clear (§7.2).

use super::head_edit::{FieldName, HeadEdit};
use super::view::ResponseView;
use crate::model::Hsts;

pub(super) fn response(hsts: &Hsts, view: &ResponseView<'_>, edit: &mut HeadEdit) {
    if !view.is_https {
        return;
    }
    let Hsts { max_age, includes_subdomains, is_preloaded } = hsts;
    let subdomains = if *includes_subdomains { "; includeSubDomains" } else { "" };
    let preload = if *is_preloaded { "; preload" } else { "" };
    edit.set(
        view.fields,
        FieldName::STRICT_TRANSPORT_SECURITY,
        format!("max-age={max_age}{subdomains}{preload}").as_bytes(),
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::Fields;
    use crate::model::Filter;

    #[test]
    fn nginx_n1_https_answers_say_it_once_and_answers_in_clear_do_not() {
        let filters = [Filter::Hsts(Arc::new(Hsts { max_age: 60, includes_subdomains: true, is_preloaded: true }))];
        for (is_https, expected) in [(true, Some("max-age=60; includeSubDomains; preload")), (false, None)] {
            let mut edit = HeadEdit::default();
            let view = ResponseView { is_https, ..ResponseView::new(200, Fields::default()) };
            crate::filter::response(&filters, &view, &mut edit);
            let Fields { bytes, list } = edit.added();
            let told = list.first().map(|field| String::from_utf8(field.value.of(bytes).to_vec()).unwrap());
            assert_eq!((told.as_deref(), list.len()), (expected, usize::from(expected.is_some())));
        }
    }
}
