//! Asks another service whether a request is served (nginx `auth_request`): what it is asked, and what follows from its answer.

use super::basic_auth::{asks_for_password, credentials};
use super::change::RequestChange;
use super::escape;
use super::head_edit::{FieldName, Fields};
use super::question::{AuthReply, Question, WWW_AUTHENTICATE};
use super::template::{as_it_is, render};
use super::verdict::{Ask, Response, Verdict};
use super::view::RequestView;
use crate::http1::is_field_value;
use crate::model::{AuthService, EnoughPassword, ExternalAuth, Filter, SignIn, Template};

const ORIGINAL_METHOD: FieldName<'_> = FieldName::other(b"x-original-method");
const ORIGINAL_URI: FieldName<'_> = FieldName::other(b"x-original-uri");
const ORIGINAL_URL: FieldName<'_> = FieldName::other(b"x-original-url");
const REDIRECT: FieldName<'_> = FieldName::other(b"x-auth-request-redirect");
const SCHEME: FieldName<'_> = FieldName::other(b"x-scheme");
const SENT_FROM: FieldName<'_> = FieldName::other(b"x-sent-from");

pub(super) fn request<'f>(
    filter: &'f Filter,
    auth: &'f ExternalAuth,
    view: &RequestView<'_>,
    change: &mut RequestChange,
) -> Verdict<'f> {
    let is_excused = |service: &AuthService| {
        service.excused.as_ref().zip(view.client).is_some_and(|(excused, client)| excused.contains(client))
    };
    let service = match auth {
        ExternalAuth::Unusable => return refuse(filter, 503, "it is not known who may say whether this is served"),
        ExternalAuth::Service(service) => service,
    };
    let head = Fields { bytes: view.head, list: &view.request.fields };
    // Pods never get what was meant for us. Where nobody says who the client is, the client may not say it.
    if service.passwords.is_some() {
        change.fields.remove(head, FieldName::AUTHORIZATION);
    }
    if is_excused(service) {
        copy(service, &AuthReply::default(), head, change);
        return Verdict::Continue;
    }
    let question = Box::new(question(filter, service, view));
    // In the order of nginx, whose password comes before the service.
    let given = service.passwords.as_ref().and_then(|passwords| Some((passwords, view.client?, credentials(view)?)));
    match given {
        Some((EnoughPassword { realm, users }, client, (name, password))) => {
            copy(service, &AuthReply::default(), head, change);
            let otherwise = Some(question);
            Verdict::Ask(Box::new(Ask { by: filter, realm, users, name, password, client, otherwise }))
        }
        None => Verdict::Call(question),
    }
}

fn question<'f>(by: &'f Filter, service: &'f AuthService, view: &RequestView<'_>) -> Question<'f> {
    let rendered = |template: &Template, escape: fn(&[u8], &mut Vec<u8>)| {
        let mut out = Vec::new();
        render(template, view, None, &mut out, escape);
        out
    };
    let scheme = if view.came_by_https() { &b"https"[..] } else { b"http" };
    let host = view.request.authority.of(view.head);
    let uri = view.request_uri();
    let redirect = service.redirect.as_ref().map_or_else(|| uri.clone(), |template| rendered(template, as_it_is));
    let mut fields = vec![
        (ORIGINAL_URL, [scheme, b"://", host, &uri].concat()),
        (ORIGINAL_METHOD, view.request.method_text.of(view.head).to_vec()),
        (SENT_FROM, b"nginx-ingress-controller".to_vec()),
        (REDIRECT, redirect),
    ];
    if service.method.is_some() {
        fields.extend([(ORIGINAL_URI, uri.clone()), (SCHEME, scheme.to_vec())]);
    }
    for (name, value) in &service.sent {
        let Some(name) = FieldName::parse(name.as_str().as_bytes()) else { continue };
        fields.retain(|(of, _)| of.as_bytes() != name.as_bytes());
        fields.push((name, rendered(value, as_it_is)));
    }
    let sign_in = service.sign_in.as_ref().map(|SignIn { url, parameter }| {
        let mut location = rendered(url, escape::url);
        if let Some(parameter) = parameter {
            location.push(if location.contains(&b'?') { b'&' } else { b'?' });
            location.extend_from_slice(&[parameter.as_bytes(), b"=", scheme, b"://", host].concat());
            escape::component(&uri, &mut location);
        }
        location
    });
    let key = service.memory.as_ref().map(|memory| rendered(&memory.key, as_it_is));
    Question { by, service, target: rendered(&service.target, escape::url), fields, key, sign_in }
}

/// What follows from an answer; `None`: the request is served. `head` is that of the request, `change` takes what the pod gets of
/// the answer: it stands in place of all that the client sends under these names, also where the answer has none of it.
pub fn called<'f>(
    question: &Question<'f>,
    reply: Option<&AuthReply>,
    head: Fields<'_>,
    change: &mut RequestChange,
) -> Option<Response<'f>> {
    let Question { by, service, .. } = *question;
    let response = |status, fields, text| Some(Response { by, status, fields, text, body: None });
    let Some(reply) = reply else {
        return response(500, Vec::new(), "who has to say whether this is served does not answer");
    };
    let for_password = service.passwords.as_ref().map(|passwords| asks_for_password(&passwords.realm));
    match reply.status {
        200..300 => {
            copy(service, reply, head, change);
            None
        }
        401 => match &question.sign_in {
            Some(location) => response(302, vec![(FieldName::LOCATION, location.clone())], "sign in there"),
            None => {
                let asks = reply.values(WWW_AUTHENTICATE).map(|value| (WWW_AUTHENTICATE, value.to_vec()));
                response(401, for_password.into_iter().chain(asks).collect(), "this is served to who signs in")
            }
        },
        403 => response(403, Vec::from_iter(for_password), "this is not served to you"),
        _ => response(500, Vec::new(), "who has to say whether this is served says neither"),
    }
}

/// Gives the pod the fields of the answer that it is to get.
fn copy(service: &AuthService, reply: &AuthReply, head: Fields<'_>, change: &mut RequestChange) {
    for name in service.copied.iter().filter_map(|name| FieldName::parse(name.as_bytes())) {
        replace(name, reply, head, change);
    }
}

/// Gives the pod what the answer has under a name. What the client sends stays behind, also under names that CGI takes for it.
fn replace(name: FieldName<'_>, reply: &AuthReply, head: Fields<'_>, change: &mut RequestChange) {
    change.fields.remove(head, name);
    change.fields.remove_spellings(head, name);
    let values = reply.values(name).filter(|value| !value.is_empty() && is_field_value(value));
    values.for_each(|value| change.fields.add(name, value));
}

fn refuse<'f>(by: &'f Filter, status: u16, text: &'static str) -> Verdict<'f> {
    Verdict::Respond(Box::new(Response { by, status, fields: Vec::new(), text, body: None }))
}
