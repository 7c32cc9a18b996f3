//! Who a host is for, by the certificate that a client has shown (nginx `ssl_verify_client`).

use std::rc::Rc;

use super::change::RequestChange;
use super::escape;
use super::head_edit::{FieldName, Fields, HeadEdit};
use super::identity::{Presented, ShownCertificate};
use super::redirect;
use super::template;
use super::verdict::{Response, Verdict};
use super::view::RequestView;
use crate::model::{
    CertificateForwarding, CertificateNames, CertificateNeed, ClientAuth, ClientRule, Filter, Template, escaped_pem,
};

const CERTIFICATE: FieldName<'_> = FieldName::other(b"ssl-client-cert");
const VERIFY: FieldName<'_> = FieldName::other(b"ssl-client-verify");
const SUBJECT: FieldName<'_> = FieldName::other(b"ssl-client-subject-dn");
const ISSUER: FieldName<'_> = FieldName::other(b"ssl-client-issuer-dn");
/// What the names of fields begin with that only we may send.
const OURS: &[u8] = b"ssl-client-";

/// `filter` is one of `filters`. In clear nobody can show a certificate, so what is sent to https is sent there first.
pub(super) fn request<'f>(
    (filter, filters): (&'f Filter, &'f [Filter]),
    auth: &'f ClientAuth,
    request: &RequestView<'_>,
    change: &mut RequestChange,
) -> Verdict<'f> {
    if !request.is_tls
        && let redirect @ Verdict::Respond(_) = super::only_https(filters, request)
    {
        return redirect;
    }
    let rule = match auth {
        ClientAuth::Unknown => return refuse(filter, 403, "it is not known whose certificates are right"),
        ClientAuth::Rule(rule) => rule,
    };
    drop_claims(Fields { bytes: request.head, list: &request.request.fields }, &mut change.fields);
    let shown = match presented(rule, request) {
        Presented::Anything => return Verdict::Continue,
        Presented::NotAsked => {
            return refuse(filter, 421, "this connection is not one on which the host asks for certificates");
        }
        Presented::Nothing => None,
        Presented::Certificate(shown) => Some(shown),
    };
    let verified: &[u8] = match (&shown, rule.need) {
        (None, CertificateNeed::Required) => {
            return without(filter, rule, request, "a client certificate is required, and none was shown");
        }
        (None, _) => b"NONE",
        (Some(shown), need) => match shown.verified {
            Ok(()) => b"SUCCESS",
            Err(fault) if need == CertificateNeed::OptionalOfAnybody && fault.is_of_issuer() => {
                &[b"FAILED:", fault.as_str().as_bytes()].concat()
            }
            Err(_) => return without(filter, rule, request, "the client certificate is not accepted"),
        },
    };
    let names = shown.as_ref().and_then(|shown| shown.names.as_ref());
    let subject = names.map_or("", |names| &names.subject);
    if rule.subject.as_ref().is_some_and(|pattern| !pattern.regex().is_match(subject.as_bytes())) {
        return refuse(filter, 403, "the client certificate is not one of those that this is for");
    }
    tell(rule, verified, shown.as_ref(), names, change);
    Verdict::Continue
}

fn presented(rule: &ClientRule, request: &RequestView<'_>) -> Presented {
    match rule.need {
        CertificateNeed::NotAsked => Presented::Nothing,
        CertificateNeed::Required | CertificateNeed::Optional | CertificateNeed::OptionalOfAnybody => {
            if request.is_tls {
                request.identity.presented(request.host_without_port(), &rule.trust, rule.depth)
            } else {
                Presented::Nothing
            }
        }
    }
}

/// What the client says of its certificate stays behind, also under names that CGI takes for ours.
fn drop_claims(head: Fields<'_>, edit: &mut HeadEdit) {
    for field in head.list {
        let name = field.name.of(head.bytes);
        if is_ours(name)
            && let Some(name) = FieldName::parse(name)
        {
            edit.remove(head, name);
        }
    }
}

fn is_ours(name: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() > OURS.len() && name[..OURS.len()].iter().map(plain).eq(OURS.iter().copied())
}

/// Says the same to another service that is asked or gets a copy: `told` is what the pod is told, `edit` that of the other head.
pub fn tell_beside(told: &HeadEdit, head: Fields<'_>, edit: &mut HeadEdit) {
    let Fields { bytes, list } = told.added();
    let mut ours = list.iter().filter(|field| is_ours(field.name.of(bytes))).peekable();
    if ours.peek().is_some() {
        drop_claims(head, edit);
    }
    for field in ours {
        if let Some(name) = FieldName::parse(field.name.of(bytes)) {
            edit.add(name, field.value.of(bytes));
        }
    }
}

/// Says to the pod what was found.
fn tell(
    rule: &ClientRule,
    verified: &[u8],
    shown: Option<&Rc<ShownCertificate>>,
    names: Option<&CertificateNames>,
    change: &mut RequestChange,
) {
    change.fields.add(VERIFY, verified);
    let Some((shown, CertificateNames { subject, issuer })) = shown.zip(names) else { return };
    for (name, value) in [(SUBJECT, subject), (ISSUER, issuer)] {
        if !value.is_empty() {
            change.fields.add(name, value.as_bytes());
        }
    }
    match rule.forwarding {
        CertificateForwarding::Names => {}
        CertificateForwarding::Whole => change.fields.add(CERTIFICATE, &escaped_pem(&shown.der)),
    }
}

/// What a client without the right certificate gets.
fn without<'f>(filter: &'f Filter, rule: &'f ClientRule, request: &RequestView<'_>, text: &'static str) -> Verdict<'f> {
    let location = |page: &Template| {
        let mut location = Vec::new();
        template::render(page, request, None, &mut location, escape::url);
        location
    };
    match &rule.error_page {
        Some(page) => redirect::respond(filter, 302, location(page)),
        None => refuse(filter, 400, text),
    }
}

fn refuse<'f>(by: &'f Filter, status: u16, text: &'static str) -> Verdict<'f> {
    Verdict::Respond(Response { by, status, fields: Vec::new(), text })
}
