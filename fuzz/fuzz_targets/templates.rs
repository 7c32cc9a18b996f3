//! Patterns and values with variables, as authors write them, and requests, as clients send them: what pods and clients get is a
//! target or a URL, whatever goes into it. The input is a pattern, a target for pods and a target of a request, one a line.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tidegate::filter::{self, Assumed, FieldName, RequestChange, RequestView, Uncounted, Verdict};
use tidegate::http1::{Limits, Progress, RequestHead};
use tidegate::model::{Captures, Filter, Location, Pattern, PodHost, Redirect, RedirectKind, Rewrite, Template};
use tidegate::routing::{canonical_path, decoded};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let (Some(pattern), Some(to), Some(target)) = (lines.next(), lines.next(), lines.next()) else { return };
    let Ok(template) = Template::parse(to, Captures::Allowed) else { return };
    let again = Template::parse(&template.to_string(), Captures::Allowed);
    assert!(again.is_ok_and(|again| again.to_string() == template.to_string()), "{to:?}");
    let Ok(pattern) = Pattern::new(&pattern.into()) else { return };

    let head =
        format!("GET {target} HTTP/1.1\r\nHost: A.example:81\r\nX-One: \u{e9} 1\r\nCookie: a=b; c=\"d\"\r\n\r\n");
    let mut request = RequestHead::new();
    if request.parse(head.as_bytes(), &Limits::REQUEST) != Ok(Progress::Complete) {
        return;
    }
    let Some(path) = std::str::from_utf8(request.path(head.as_bytes())).ok().and_then(|path| canonical_path(path).ok())
    else {
        return;
    };
    let view = RequestView {
        head: head.as_bytes(),
        request: &request,
        is_tls: false,
        is_https: false,
        is_trusted: false,
        has_tls: false,
        port: 80,
        http_port: 80,
        https_port: 443,
        client: Some([10, 0, 0, 1].into()),
        decoded_path: &decoded(&path),
        pattern: Some(&pattern),
        route: None,
        random: 0,
        meter: &Uncounted,
        identity: &Assumed,
    };
    let (path, query) = template.split_query();
    let prefix = Some(template.clone());
    let rewrite = Filter::Rewrite(Arc::new(Rewrite { path, query, keeps_query: true, prefix, steps: Arc::default() }));
    let mut change = RequestChange::default();
    match filter::request(std::slice::from_ref(&rewrite), &view, &mut change) {
        Verdict::Continue => is_target(&change.target),
        Verdict::Ask(_) | Verdict::Call(_) => panic!("nobody is asked"),
        Verdict::Respond(response) => is_url(response.field(FieldName::LOCATION)),
    }
    let host = Filter::PodHost(template.clone());
    match filter::request(std::slice::from_ref(&host), &view, &mut change) {
        Verdict::Continue => assert!(str::from_utf8(&change.host).is_ok_and(PodHost::is_one)),
        Verdict::Ask(_) | Verdict::Call(_) => panic!("nobody is asked"),
        Verdict::Respond(response) => assert_eq!(response.status, 400),
    }
    if !to.bytes().all(|byte| byte.is_ascii_graphic()) {
        // Only visible characters are taken from annotations.
        return;
    }
    let location = Location::Fixed(template);
    let redirect = Filter::Redirect(Arc::new(Redirect { kind: RedirectKind::Permanent, status: 301, location }));
    match filter::request(std::slice::from_ref(&redirect), &view, &mut change) {
        Verdict::Continue | Verdict::Ask(_) | Verdict::Call(_) => panic!("it redirects"),
        Verdict::Respond(response) => is_url(response.field(FieldName::LOCATION)),
    }
});

/// What a pod gets is read as one target, with a path and no host.
fn is_target(target: &[u8]) {
    let head = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let mut request = RequestHead::new();
    let shown = String::from_utf8_lossy(target);
    assert!(target.starts_with(b"/") && target.iter().all(u8::is_ascii_graphic), "{shown}");
    match request.parse(&head, &Limits::REQUEST) {
        Ok(progress) => {
            assert_eq!((progress, request.authority.of(&head)), (Progress::Complete, &b"a"[..]), "{shown}");
        }
        Err(_) => assert!(target.len() > 4096 || target.contains(&b'#'), "{shown}"),
    }
}

fn is_url(location: Option<&[u8]>) {
    let location = location.unwrap_or_default();
    assert!(location.iter().all(u8::is_ascii_graphic) && !location.starts_with(b"//"), "{location:?}");
}
