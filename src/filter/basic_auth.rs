//! Basic authentication (RFC 7617): what a request says of its user, what is asked of it, and what follows from the answer.

use super::change::RequestChange;
use super::head_edit::{FieldName, Fields};
use super::verdict::{Ask, Response, Verdict};
use super::view::RequestView;
use crate::http1::FieldKind;
use crate::model::{BasicAuth, Filter, PasswordAnswer, basic_credentials};

/// When a client that was wrong too often may try again. Seconds.
const RETRY_AFTER: &[u8] = b"1";

/// Pods never get what was meant for us.
pub(super) fn request<'f>(
    filter: &'f Filter,
    auth: &'f BasicAuth,
    request: &RequestView<'_>,
    change: &mut RequestChange,
) -> Verdict<'f> {
    let (realm, users, excused) = match auth {
        BasicAuth::Unknown => {
            return Verdict::Respond(Box::new(refuse(
                filter,
                503,
                Vec::new(),
                "it is not known who this may be served to",
            )));
        }
        BasicAuth::Users { realm, users, excused } => (realm, users, excused),
    };
    let head = Fields { bytes: request.head, list: &request.request.fields };
    change.fields.remove(head, FieldName::AUTHORIZATION);
    if excused.as_ref().zip(request.client).is_some_and(|(excused, client)| excused.contains(client)) {
        return Verdict::Continue;
    }
    match (credentials(request), request.client) {
        (Some((name, password)), Some(client)) => {
            Verdict::Ask(Box::new(Ask { by: filter, realm, users, name, password, client, otherwise: None }))
        }
        (Some(_) | None, Some(_) | None) => Verdict::Respond(Box::new(challenge(filter, realm))),
    }
}

/// What follows from an answer. What is not known is refused, also where there is another way in: nginx asks on after 401 and 403 only.
pub fn answered<'f>(ask: Ask<'f>, answer: PasswordAnswer) -> Verdict<'f> {
    let Ask { by, realm, otherwise, .. } = ask;
    let response = match (answer, otherwise) {
        (PasswordAnswer::Right, _) => return Verdict::Continue,
        // Who was wrong too often is not looked at, and may come in by the other way.
        (PasswordAnswer::Wrong | PasswordAnswer::Limited, Some(question)) => return Verdict::Call(question),
        (PasswordAnswer::Wrong, None) => challenge(by, realm),
        (PasswordAnswer::Busy, _) => refuse(by, 503, Vec::new(), "too many passwords are being looked at"),
        (PasswordAnswer::Limited, None) => {
            let fields = vec![(FieldName::RETRY_AFTER, RETRY_AFTER.to_vec())];
            refuse(by, 429, fields, "too many wrong passwords came from your address")
        }
    };
    Verdict::Respond(Box::new(response))
}

fn challenge<'f>(by: &'f Filter, realm: &str) -> Response<'f> {
    refuse(by, 401, vec![asks_for_password(realm)], "this needs a name and a password")
}

/// The field that asks for a password.
pub(super) fn asks_for_password<'f>(realm: &str) -> (FieldName<'f>, Vec<u8>) {
    let mut value = b"Basic realm=\"".to_vec();
    for byte in realm.bytes() {
        if matches!(byte, b'"' | b'\\') {
            value.push(b'\\');
        }
        value.push(byte);
    }
    value.push(b'"');
    (FieldName::WWW_AUTHENTICATE, value)
}

fn refuse<'f>(by: &'f Filter, status: u16, fields: Vec<(FieldName<'f>, Vec<u8>)>, text: &'static str) -> Response<'f> {
    Response { by, status, fields, text, body: None }
}

/// Name and password, if the request gives them once and in a way that can be read.
pub(super) fn credentials(request: &RequestView<'_>) -> Option<(String, Vec<u8>)> {
    let mut fields = request.request.fields.iter().filter(|field| field.kind == FieldKind::Authorization);
    let (field, None) = (fields.next()?, fields.next()) else { return None };
    basic_credentials(field.value.of(request.head))
}

/// The name that a request gives with a password, whether that is right or not (nginx `$remote_user`).
pub fn user(request: &RequestView<'_>) -> Option<String> {
    credentials(request).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::view::tests::with_view;
    use crate::model::Excused;
    use crate::model::UserList;

    fn filter(realm: &str, excused: Option<Excused>) -> Filter {
        let users = UserList::of_file(b"alice:{PLAIN}x").users;
        Filter::BasicAuth(Arc::new(BasicAuth::Users { realm: realm.into(), users, excused }))
    }

    /// What becomes of a request with these lines behind its host, from this address.
    fn of(filter: &Filter, lines: &[&str], client: &str) -> (u16, String, String) {
        let Filter::BasicAuth(auth) = filter else { panic!("another filter") };
        let head = [&["GET / HTTP/1.1", "Host: a"], lines].concat();
        with_view(&head, |view| {
            let view = RequestView { client: Some(client.parse().unwrap()), ..view };
            let mut change = RequestChange::default();
            match request(filter, auth, &view, &mut change) {
                Verdict::Continue | Verdict::Call(_) => (0, String::new(), String::new()),
                Verdict::Respond(response) => {
                    let told = response.field(FieldName::WWW_AUTHENTICATE).unwrap_or_default();
                    (response.status, String::from_utf8(told.to_vec()).unwrap(), String::new())
                }
                Verdict::Ask(ask) => (1, ask.name, String::from_utf8_lossy(&ask.password).into_owned()),
            }
        })
    }

    #[test]
    fn nginx_h1_a_request_without_a_name_and_a_password_is_asked_for_them() {
        let filter = filter("a \"b\\\"", None);
        let challenge = (401, "Basic realm=\"a \\\"b\\\\\\\"\"".to_owned(), String::new());
        for lines in [
            &[][..],
            &["Authorization: "],
            &["Authorization: Basic"],
            &["Authorization: Basic "],
            &["Authorization: Basic ?"],
            // No colon, no UTF-8 in the name.
            &["Authorization: Basic YWxpY2U="],
            &["Authorization: Basic /zp4"],
            &["Authorization: Bearer YWxpY2U6eA=="],
            &["Authorization: BasicYWxpY2U6eA=="],
            &["Authorization: Basic YWxpY2U6eA==", "Authorization: Basic YWxpY2U6eA=="],
            &["Proxy-Authorization: Basic YWxpY2U6eA=="],
            &[&format!("Authorization: Basic {}", "YWxp".repeat(1000))],
        ] {
            assert_eq!(of(&filter, lines, "192.0.2.1"), challenge, "{lines:?}");
        }
        for (line, name, password) in [
            ("Authorization: Basic YWxpY2U6eA==", "alice", "x"),
            ("authorization: bAsIc   YWxpY2U6eA", "alice", "x"),
            ("Authorization: Basic YWxpY2U6b3BlbjpzZXNhbWU=", "alice", "open:sesame"),
            ("Authorization: Basic Og==", "", ""),
        ] {
            assert_eq!(of(&filter, &[line], "192.0.2.1"), (1, name.into(), password.into()), "{line}");
        }
    }

    #[test]
    fn nginx_i7_an_address_that_is_allowed_and_not_denied_needs_no_password() {
        let networks = |text: &str| crate::model::Networks::new(vec![text.parse().unwrap()]);
        let filter = filter("x", Some(Excused { allowed: networks("10.0.0.0/8"), denied: networks("10.1.0.0/16") }));
        for (client, expected) in [("10.0.0.1", 0), ("10.1.0.1", 401), ("192.0.2.1", 401)] {
            assert_eq!(of(&filter, &[], client).0, expected, "{client}");
        }
    }

    #[test]
    fn what_was_asked_is_not_printed_and_its_answer_decides() {
        let filter = filter("x", None);
        let Filter::BasicAuth(auth) = &filter else { panic!("another filter") };
        let lines = ["GET / HTTP/1.1", "Host: a", "Authorization: Basic YWxpY2U6c2VzYW1l"];
        with_view(&lines, |view| {
            let view = RequestView { client: Some([192, 0, 2, 1].into()), ..view };
            let mut change = RequestChange::default();
            let Verdict::Ask(ask) = request(&filter, auth, &view, &mut change) else { panic!("nothing is asked") };
            assert!(!format!("{ask:?}").contains("sesame") && !format!("{ask:?}").contains("alice"));
            let status = |answer| match answered((*ask).clone(), answer) {
                Verdict::Respond(response) => response.status,
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => 0,
            };
            assert_eq!(
                [PasswordAnswer::Right, PasswordAnswer::Wrong, PasswordAnswer::Busy, PasswordAnswer::Limited]
                    .map(status),
                [0, 401, 503, 429]
            );
            let field = view.request.field(FieldKind::Authorization).unwrap();
            assert!(!change.fields.keeps(field), "the pod does not get it");
        });
    }
}
