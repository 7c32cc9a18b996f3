//! Fields that an author adds to heads, sets in them and removes from them.

use super::change::RequestChange;
use super::head_edit::{FieldName, Fields, HeadEdit};
use super::template::{as_it_is, render};
use super::view::{RequestView, ResponseView};
use crate::model::{FieldChange, FieldEdit, Filter, Template};

pub(super) fn request(edits: &[FieldEdit], view: &RequestView<'_>, change: &mut RequestChange) {
    let head = Fields { bytes: view.head, list: &view.request.fields };
    let mut value = Vec::new();
    for edit in edits {
        if let Some(template) = edit.value() {
            value.clear();
            render(template, view, None, &mut value, as_it_is);
        }
        apply(edit, head, &value, &mut change.fields);
        let is_added = matches!(edit.change, FieldChange::Add(_));
        if let Some(name) = FieldName::parse(edit.name.as_str().as_bytes()).filter(|_| !is_added) {
            change.fields.remove_spellings(head, name);
        }
    }
}

pub(super) fn response(edits: &[FieldEdit], response: &ResponseView<'_>, edited: &mut HeadEdit) {
    let mut values = response.values.iter();
    for edit in edits {
        let value = match edit.value().map(|template| (template, template.as_text())) {
            None => &b""[..],
            Some((_, Some(text))) => text.as_bytes(),
            Some((_, None)) => match values.next() {
                Some(value) => value,
                // The request was refused before its values were read.
                None => continue,
            },
        };
        if edit.answers.includes(response.status) {
            apply(edit, response.fields, value, edited);
        }
    }
}

/// A value that comes to nothing stands for no field.
fn apply(edit: &FieldEdit, head: Fields<'_>, value: &[u8], edited: &mut HeadEdit) {
    let Some(name) = FieldName::parse(edit.name.as_str().as_bytes()) else { return };
    match &edit.change {
        FieldChange::Set(_) if !value.is_empty() => edited.set(head, name, value),
        FieldChange::Add(_) if !value.is_empty() => edited.add(name, value),
        FieldChange::Add(_) => {}
        FieldChange::Set(_) | FieldChange::Remove => edited.remove(head, name),
    }
}

/// What the variables in fields for the client come to, in order. It is kept until the answer: the request's head may be gone by
/// then. `None`: there are no variables.
pub fn values(filters: &[Filter], view: &RequestView<'_>) -> Option<Box<[Box<[u8]>]>> {
    let templates = filters.iter().flat_map(for_client).filter_map(FieldEdit::value);
    let value = |template: &Template| {
        let mut value = Vec::new();
        render(template, view, None, &mut value, as_it_is);
        value.into_boxed_slice()
    };
    let values: Box<[_]> = templates.filter(|template| template.as_text().is_none()).map(value).collect();
    (!values.is_empty()).then_some(values)
}

/// The edits of what clients get.
fn for_client(filter: &Filter) -> &[FieldEdit] {
    if let Filter::ResponseFields(edits) = filter { edits } else { &[] }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::http1::FieldKind;
    use crate::model::{Captures, EditedAnswers, EditedName};

    fn edit(name: &str, change: FieldChange) -> FieldEdit {
        FieldEdit { name: EditedName::parse(name).unwrap(), change, answers: EditedAnswers::Successful }
    }

    fn value(text: &str) -> Template {
        Template::parse(text, Captures::Refused).unwrap()
    }

    fn added(edit: &HeadEdit) -> String {
        let Fields { bytes, list } = edit.added();
        list.iter().map(|field| String::from_utf8_lossy(field.line.of(bytes)).into_owned()).collect()
    }

    #[test]
    fn fields_for_pods_have_the_values_of_their_request() {
        let edits = [
            edit("X-One", FieldChange::Set(value("[$host$arg_a]"))),
            edit("X-Two", FieldChange::Set(value("$http_x_none"))),
            edit("X-Three", FieldChange::Add(value("b"))),
        ];
        with_view(
            &["GET /?a=1%0d HTTP/1.1", "Host: a", "x-one: old", "X_One: old", "X-Two: old", "x_two: old", "X-Three: a"],
            |view| {
                let mut change = RequestChange::default();
                request(&edits, &view, &mut change);
                assert_eq!(added(&change.fields), "x-one: [a1%0d]\r\nx-three: b\r\n");
                let kept = view.request.fields.iter().filter(|field| change.fields.keeps(field));
                let names: Vec<_> = kept.map(|field| field.name.of(view.head)).collect();
                assert_eq!(names, [&b"Host"[..], b"X-Three"]);
            },
        );
    }

    #[test]
    fn fields_for_clients_are_made_of_values_that_were_kept() {
        let edits: Arc<[_]> = [
            edit("X-One", FieldChange::Set(value("$request_method"))),
            FieldEdit { answers: EditedAnswers::All, ..edit("X-Two", FieldChange::Add(value("$host!"))) },
            edit("Server", FieldChange::Set(value("edge"))),
        ]
        .into();
        let kept =
            with_view(&["GET / HTTP/1.1", "Host: a"], |view| values(&[Filter::ResponseFields(edits.clone())], &view));
        let kept = kept.unwrap();
        for (status, expected) in [(200, "x-one: GET\r\nx-two: a!\r\nserver: edge\r\n"), (404, "x-two: a!\r\n")] {
            let mut edit = HeadEdit::default();
            let view = ResponseView { values: &kept, ..ResponseView::new(status, Fields::default()) };
            response(&edits, &view, &mut edit);
            assert_eq!(added(&edit), expected);
            assert_eq!(edit.adds(FieldKind::Server), status == 200);
        }
    }

    #[test]
    fn no_name_of_an_author_is_one_that_nobody_may_edit() {
        for name in
            ["Host", "Content-Length", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "Transfer-Encoding"]
        {
            assert_eq!((EditedName::parse(name), FieldName::parse(name.as_bytes())), (None, None), "{name}");
        }
        for name in ["HTTP2-Settings", "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection"] {
            assert_eq!((EditedName::parse(name), FieldName::parse(name.as_bytes())), (None, None), "{name}");
        }
    }
}
