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
use crate::http1::tells_of_certificate;
use crate::model::{
    CertificateForwarding, CertificateNames, CertificateNeed, ClientAuth, ClientRule, Filter, Template, escaped_pem,
};

const CERTIFICATE: FieldName<'_> = FieldName::other(b"ssl-client-cert");
const VERIFY: FieldName<'_> = FieldName::other(b"ssl-client-verify");
const SUBJECT: FieldName<'_> = FieldName::other(b"ssl-client-subject-dn");
const ISSUER: FieldName<'_> = FieldName::other(b"ssl-client-issuer-dn");

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
    drop_claims(Fields { bytes: request.head, list: &request.request.fields }, &mut change.fields);
    let rule = match auth {
        ClientAuth::Unknown => return refuse(filter, 403, "it is not known whose certificates are right"),
        ClientAuth::ExcusedInClear(_) if !request.is_tls => return Verdict::Continue,
        ClientAuth::ExcusedInClear(auth) => return self::request((filter, filters), auth, request, change),
        ClientAuth::Rule(rule) => rule,
    };
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
        if tells_of_certificate(name)
            && let Some(name) = FieldName::parse(name)
        {
            edit.remove(head, name);
        }
    }
}

/// Says the same to another service that is asked or gets a copy: `told` is what the pod is told, `edit` that of the other head.
pub fn tell_beside(told: &HeadEdit, head: Fields<'_>, edit: &mut HeadEdit) {
    let Fields { bytes, list } = told.added();
    let mut ours = list.iter().filter(|field| tells_of_certificate(field.name.of(bytes))).peekable();
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
    Verdict::Respond(Box::new(Response { by, status, fields: Vec::new(), text, body: None }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::identity::ClientIdentity;
    use crate::filter::view::tests::with_view;
    use crate::model::{CaBundle, ClientFault, ClientTrust, HttpsRedirect, HttpsUrl, Pattern, Redirect, RedirectKind};
    use crate::model::{Captures, Location};

    /// A client that has shown this.
    #[derive(Debug)]
    struct Client(Presented);

    impl ClientIdentity for Client {
        fn presented(&self, host: &[u8], _: &Arc<ClientTrust>, depth: u32) -> Presented {
            assert_eq!((host, depth), (&b"a"[..], 1));
            self.0.clone()
        }
    }

    fn shown(verified: Result<(), ClientFault>) -> Presented {
        let names = Some(CertificateNames { subject: "CN=alice".into(), issuer: "CN=ca".into() });
        Presented::Certificate(Rc::new(ShownCertificate { der: b"x".as_slice().into(), names, verified }))
    }

    fn rule(need: CertificateNeed) -> ClientRule {
        let pem = include_bytes!("../model/fixtures/clients-ca.crt");
        let trust = ClientTrust::parse(Arc::new(CaBundle::parse(pem).unwrap()), None).unwrap();
        let forwarding = CertificateForwarding::Whole;
        ClientRule { need, trust: Arc::new(trust), depth: 1, error_page: None, subject: None, forwarding }
    }

    /// The status of the answer, or what the pod is told.
    fn of(filters: &[Filter], client: Presented, is_tls: bool) -> Result<String, u16> {
        let lines = ["GET / HTTP/1.1", "Host: a", "ssl-client-verify: SUCCESS", "SSL_CLIENT_X: y", "ssl-client: z"];
        with_view(&lines, |view| {
            let client = Client(client);
            let view = RequestView { identity: &client, is_tls, is_https: is_tls, ..view };
            let mut change = RequestChange::default();
            match crate::filter::request(filters, &view, &mut change) {
                Verdict::Respond(response) => Err(response.status),
                Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => {
                    let head = Fields { bytes: view.head, list: &view.request.fields };
                    let kept = head.list.iter().filter(|field| change.fields.keeps(field));
                    let kept: Vec<_> = kept.map(|field| field.name.of(head.bytes)).collect();
                    assert_eq!(kept, [&b"Host"[..], b"ssl-client"], "nothing of the client's is left");
                    let Fields { bytes, list } = change.fields.added();
                    let told = list.iter().map(|field| String::from_utf8_lossy(field.value.of(bytes)).into_owned());
                    Ok(told.collect::<Vec<_>>().join(" "))
                }
            }
        })
    }

    fn filters(rule: ClientRule) -> [Filter; 1] {
        [Filter::ClientAuth(Arc::new(ClientAuth::Rule(rule)))]
    }

    const TOLD: &str = "CN=alice CN=ca \
        -----BEGIN%20CERTIFICATE-----%0AeA%3D%3D%0A-----END%20CERTIFICATE-----%0A";

    #[test]
    fn nginx_x2_x4_the_need_and_what_was_found_decide_and_the_pod_is_told() {
        let told = |verified: &str| Ok(format!("{verified} {TOLD}"));
        let foreign = || shown(Err(ClientFault::UnknownIssuer));
        let failed = "FAILED:unable to get local issuer certificate";
        let none = || Ok("NONE".to_owned());
        for (need, expected) in [
            (CertificateNeed::Required, [Err(400), told("SUCCESS"), Err(400), Err(400), Err(421)]),
            (CertificateNeed::Optional, [none(), told("SUCCESS"), Err(400), Err(400), Err(421)]),
            (CertificateNeed::OptionalOfAnybody, [none(), told("SUCCESS"), told(failed), Err(400), Err(421)]),
            (CertificateNeed::NotAsked, [none(), none(), none(), none(), none()]),
        ] {
            let filters = filters(rule(need));
            let clients =
                [Presented::Nothing, shown(Ok(())), foreign(), shown(Err(ClientFault::Expired)), Presented::NotAsked];
            assert_eq!(clients.map(|client| of(&filters, client, true)), expected, "{need:?}");
        }
        assert_eq!(of(&[Filter::ClientAuth(Arc::new(ClientAuth::Unknown))], shown(Ok(())), true), Err(403));
    }

    #[test]
    fn nginx_x3_x5_a_page_for_errors_and_a_pattern_for_subjects() {
        let error_page = Some(Template::parse("https://b/$host", Captures::Refused).unwrap());
        let page = filters(ClientRule { error_page, ..rule(CertificateNeed::Required) });
        assert_eq!(of(&page, Presented::Nothing, true), Err(302));
        assert_eq!(of(&page, Presented::NotAsked, true), Err(421), "a certificate may be there on another connection");
        let subject = Some(Pattern::of_values(&"CN=a".into()).unwrap());
        let pattern = filters(ClientRule { subject, ..rule(CertificateNeed::Optional) });
        assert!(of(&pattern, shown(Ok(())), true).is_ok());
        assert_eq!(of(&pattern, Presented::Nothing, true), Err(403));
        let subject = Some(Pattern::of_values(&"CN=b".into()).unwrap());
        let pattern = filters(ClientRule { subject, ..rule(CertificateNeed::Required) });
        assert_eq!(of(&pattern, shown(Ok(())), true), Err(403));
    }

    #[test]
    fn nginx_x1_nothing_else_answers_who_has_no_certificate_but_the_redirect_to_https() {
        let location = Location::Fixed(Template::plain("https://b/"));
        let redirect = Redirect { kind: RedirectKind::Permanent, status: 301, location };
        let [auth] = filters(rule(CertificateNeed::Required));
        let https = Filter::HttpsRedirect(HttpsRedirect::Always, HttpsUrl::default());
        let all = crate::model::Filters::new(vec![https, Filter::Redirect(Arc::new(redirect.clone())), auth.clone()]);
        assert_eq!(of(&all, Presented::Nothing, true), Err(400));
        assert_eq!(of(&all, shown(Ok(())), true), Err(301));
        assert_eq!(of(&all, Presented::Nothing, false), Err(308));
        let all = crate::model::Filters::new(vec![Filter::Redirect(Arc::new(redirect)), auth]);
        assert_eq!(of(&all, Presented::Nothing, false), Err(400));
    }

    #[test]
    fn nginx_x7_others_that_are_asked_are_told_what_the_pod_is_told() {
        let lines = ["GET / HTTP/1.1", "Host: a", "ssl-client-verify: SUCCESS", "X-A: b"];
        with_view(&lines, |view| {
            let head = Fields { bytes: view.head, list: &view.request.fields };
            let (mut told, mut edit) = (HeadEdit::default(), HeadEdit::default());
            tell_beside(&told, head, &mut edit);
            assert!(head.list.iter().all(|field| edit.keeps(field)), "the host says nothing of certificates");
            told.add(VERIFY, b"NONE");
            told.add(FieldName::X_SCHEME, b"https");
            tell_beside(&told, head, &mut edit);
            let mut out = Vec::new();
            edit.write(head, &mut out, |_| true);
            assert_eq!(
                String::from_utf8(out).unwrap().to_lowercase(),
                "host: a\r\nx-a: b\r\nssl-client-verify: none\r\n"
            );
        });
    }
}
