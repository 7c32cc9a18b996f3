//! What pods behind ingress-nginx are told and spared beyond what pods are told anyway (nginx `underscores_in_headers`, and the
//! header set of ingress-nginx).

use super::change::RequestChange;
use super::head_edit::{FieldName, Fields};
use super::view::RequestView;
use crate::http1::FieldKind;

pub(super) fn request(view: &RequestView<'_>, change: &mut RequestChange) {
    let head = Fields { bytes: view.head, list: &view.request.fields };
    let edit = &mut change.fields;
    for field in head.list {
        let name = field.name.of(head.bytes);
        if name.contains(&b'_')
            && let Some(name) = FieldName::parse(name)
        {
            edit.remove(head, name);
        }
    }
    let scheme: &[u8] = if view.came_by_https() { b"https" } else { b"http" };
    edit.set(head, FieldName::X_FORWARDED_SCHEME, scheme);
    edit.set(head, FieldName::X_SCHEME, scheme);
    edit.remove(head, FieldName::X_ORIGINAL_FORWARDED_FOR);
    if let Some(told) = view.request.field(FieldKind::XForwardedFor) {
        edit.add(FieldName::X_ORIGINAL_FORWARDED_FOR, told.value.of(head.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::Filter;

    #[test]
    fn nginx_n4_n5_names_with_underscores_are_dropped_and_the_scheme_is_told_in_all_its_names() {
        let lines = [
            "GET / HTTP/1.1",
            "Host: a",
            "X_Bad: 1",
            "X-Good: 1",
            "X-Scheme: gopher",
            "X-Original-Forwarded-For: 9.9.9.9",
            "X-Forwarded-For: 1.1.1.1",
        ];
        let told = with_view(&lines, |view| {
            let mut change = RequestChange::default();
            crate::filter::request(&[Filter::NginxFields], &view, &mut change);
            let head = Fields { bytes: view.head, list: &view.request.fields };
            let fields = change.fields.fields(head, |_| true);
            let shown = |(_, name, value): (_, &[u8], &[u8])| {
                format!("{}: {}", String::from_utf8_lossy(name).to_lowercase(), String::from_utf8_lossy(value))
            };
            fields.map(shown).collect::<Vec<_>>()
        });
        let expected = [
            "host: a",
            "x-good: 1",
            "x-forwarded-for: 1.1.1.1",
            "x-forwarded-scheme: http",
            "x-scheme: http",
            "x-original-forwarded-for: 1.1.1.1",
        ];
        assert_eq!(told, expected);
    }
}
