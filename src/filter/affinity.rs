//! Which endpoint a request prefers, and the cookie by which its client is known again (nginx `upstream-hash-by`, `affinity`).

use std::time::SystemTime;

use super::change::{RequestChange, Session};
use super::cookies::cookie;
use super::head_edit::{FieldName, HeadEdit};
use super::template::{as_it_is, render};
use super::view::{RequestView, ResponseView};
use crate::http1::{FieldKind, RequestHead};
use crate::model::{
    Affinity, AffinityMode, CanaryRule, EmptyText, Filter, Preference, SameSite, Scripts, SessionCookie, key_of, token,
};

const SET_COOKIE: FieldName<'_> = FieldName::SET_COOKIE;

/// What stands behind the number in a cookie of who stays with the canary.
const CANARY: u8 = b'c';

pub(super) fn request(affinity: &Affinity, view: &RequestView<'_>, change: &mut RequestChange) {
    match affinity {
        Affinity::Text { text, among, empty } => {
            let mut value = Vec::new();
            render(text, view, None, &mut value, as_it_is);
            if value.is_empty() && *empty == EmptyText::Anywhere {
                return;
            }
            change.preference = Some(Preference::OfKey { key: key_of(&value), among: *among, moves: true });
        }
        Affinity::Cookie(of) => {
            let told = cookie(view.request, view.head, &of.name).map(|value| told(value).0);
            let moves = of.moves_on_failure;
            change.preference = match of.mode {
                AffinityMode::Balanced => Some(Preference::OfKey {
                    key: told.unwrap_or(view.random),
                    among: 1,
                    moves: moves || told.is_none(),
                }),
                AffinityMode::Persistent => told.map(|token| Preference::OfToken { token, moves }),
                AffinityMode::OfPod => told.map(|identity| Preference::OfPod { identity, moves }),
            };
            let agent = view.request.field(FieldKind::UserAgent).map(|field| field.value.of(view.head));
            change.session = Some(Session {
                told,
                new: view.random,
                is_https: view.came_by_https(),
                misunderstands_none: agent.is_some_and(misunderstands_none),
            });
        }
    }
}

/// Tells the client which session is its own, where it does not know it. `view.endpoint` has answered.
pub(super) fn response(affinity: &Affinity, view: &ResponseView<'_>, edit: &mut HeadEdit) {
    let (Affinity::Cookie(of), Some(session), Some(endpoint)) = (affinity, view.session, view.endpoint) else { return };
    let value = match of.mode {
        AffinityMode::Balanced => session.new,
        AffinityMode::Persistent => token(endpoint),
        AffinityMode::OfPod => match view.identity {
            Some(identity) => identity,
            // It has left meanwhile.
            None => return,
        },
    };
    let is_known = match of.mode {
        AffinityMode::Balanced => session.told.is_some(),
        AffinityMode::Persistent | AffinityMode::OfPod => session.told == Some(value),
    };
    if !is_known {
        edit.add(SET_COOKIE, set_cookie(of, value, &session, view).as_bytes());
    }
}

/// Whether the client stays with the canary or with the main backend, by the cookie of its session; `None`: with neither.
pub fn side(rule: &CanaryRule, filters: &[Filter], request: &RequestHead, head: &[u8]) -> Option<bool> {
    let of_session = |filter: &Filter| match filter {
        Filter::Affinity(affinity) => match &**affinity {
            Affinity::Cookie(of) => told(cookie(request, head, &of.name)?).1,
            Affinity::Text { .. } => None,
        },
        _ => None,
    };
    filters.iter().find_map(of_session).filter(|is_canary| !(*is_canary && rule.has_no_sessions))
}

/// The number that a cookie says, and whether it says that of the canary. A cookie that is none of ours is a number too, and
/// says nothing of canaries.
fn told(value: &[u8]) -> (u64, Option<bool>) {
    let (digits, is_canary) = match value {
        [digits @ .., CANARY] if digits.len() == 16 => (digits, true),
        digits => (digits, false),
    };
    let is_ours = digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit);
    let number =
        str::from_utf8(digits).ok().filter(|_| is_ours).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map_or_else(|| (key_of(value), None), |number| (number, Some(is_canary)))
}

fn set_cookie(of: &SessionCookie, number: u64, session: &Session, view: &ResponseView<'_>) -> String {
    let SessionCookie { name, path, domain, expires, max_age, same_site, secure, scripts, .. } = of;
    let side = if view.is_canary { "c" } else { "" };
    let mut text = format!("{name}={number:016x}{side}; Path={}", path.as_deref().unwrap_or(view.path));
    if let Some(domain) = domain {
        text += &format!("; Domain={domain}");
    }
    if let Some(seconds) = expires {
        let at = SystemTime::now().checked_add(std::time::Duration::from_secs(*seconds));
        text += &at.map(|at| format!("; Expires={}", httpdate::fmt_http_date(at))).unwrap_or_default();
    }
    if let Some(seconds) = max_age {
        text += &format!("; Max-Age={seconds}");
    }
    // ingress-nginx sets it over https whatever its author says.
    if session.is_https || *secure == Some(true) {
        text += "; Secure";
    }
    if *scripts == Scripts::Blind {
        text += "; HttpOnly";
    }
    text + match same_site {
        None => "",
        Some(SameSite::Strict) => "; SameSite=Strict",
        Some(SameSite::Lax) => "; SameSite=Lax",
        Some(SameSite::None { is_conditional: true }) if session.misunderstands_none => "",
        Some(SameSite::None { .. }) => "; SameSite=None",
    }
}

/// Whether a browser takes `SameSite=None` for `Strict`, or refuses such cookies: those of iOS 12 and macOS 10.14, Chrome 51 to 66,
/// and UC Browser before 12.13.2 (chromium.org, "SameSite=None: Known Incompatible Clients").
fn misunderstands_none(agent: &[u8]) -> bool {
    let agent = String::from_utf8_lossy(agent);
    let version = |mark: &str| agent.split_once(mark).map(|(_, rest)| numbers(rest));
    if agent.contains("iP") && agent.contains("OS 12_")
        || agent.contains("Macintosh; Intel Mac OS X 10_14_") && is_webkit(&agent)
    {
        return true;
    }
    if let Some(version) = version("UCBrowser/") {
        return version < [12, 13, 2];
    }
    let chrome = version("Chrome/").or_else(|| version("Chromium/"));
    chrome.is_some_and(|[major, ..]| (51..67).contains(&major))
}

fn is_webkit(agent: &str) -> bool {
    agent.contains("Safari/") && !agent.contains("Chrome/") && !agent.contains("Chromium/")
        || agent.ends_with("(KHTML, like Gecko)")
}

/// The first three numbers of a version.
fn numbers(text: &str) -> [u32; 3] {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use super::*;
    use crate::filter::Fields;
    use crate::filter::view::tests::with_view;
    use crate::model::{Captures, Template};

    fn session_cookie(mode: AffinityMode) -> SessionCookie {
        SessionCookie {
            name: "INGRESSCOOKIE".into(),
            path: None,
            domain: None,
            expires: None,
            max_age: None,
            same_site: None,
            secure: None,
            scripts: Scripts::Blind,
            mode,
            moves_on_failure: false,
        }
    }

    fn endpoint() -> SocketAddr {
        ([10, 0, 0, 1], 80).into()
    }

    /// What the client is told whose request has these lines.
    fn told_to(of: SessionCookie, lines: &[&str], is_https: bool, is_canary: bool) -> Option<String> {
        let filters = [Filter::Affinity(Arc::new(Affinity::Cookie(of)))];
        let lines = [&["GET / HTTP/1.1", "Host: a"][..], lines].concat();
        let session = with_view(&lines, |view| {
            let mut change = RequestChange::default();
            let view = RequestView { random: 0xAB, is_https, ..view };
            crate::filter::request(&filters, &view, &mut change);
            change.session
        });
        let endpoint = Some(endpoint());
        let fields = Fields::default();
        let identity = Some(0xCD);
        let view =
            ResponseView { session, endpoint, identity, is_canary, path: "/app", ..ResponseView::new(200, fields) };
        let mut edit = HeadEdit::default();
        crate::filter::response(&filters, &view, &mut edit);
        let Fields { bytes, list } = edit.added();
        assert!(list.len() <= 1);
        list.first().map(|field| String::from_utf8(field.value.of(bytes).to_vec()).unwrap())
    }

    #[test]
    fn nginx_g1_the_first_answer_tells_the_session_and_later_ones_do_not() {
        let balanced = || session_cookie(AffinityMode::Balanced);
        let told = told_to(balanced(), &[], false, false);
        assert_eq!(told.as_deref(), Some("INGRESSCOOKIE=00000000000000ab; Path=/app; HttpOnly"));
        for known in ["00000000000000ab", "anything"] {
            let line = format!("Cookie: a=b; INGRESSCOOKIE={known}");
            assert_eq!(told_to(balanced(), &[&line], false, false), None);
        }
        let persistent = || session_cookie(AffinityMode::Persistent);
        let own = format!("{:016x}", token(endpoint()));
        let told = format!("INGRESSCOOKIE={own}; Path=/app; HttpOnly");
        assert_eq!(told_to(persistent(), &[], false, false).as_ref(), Some(&told));
        assert_eq!(told_to(persistent(), &["Cookie: INGRESSCOOKIE=gone"], false, false).as_ref(), Some(&told));
        assert_eq!(told_to(persistent(), &[&format!("Cookie: INGRESSCOOKIE={own}")], false, false), None);
    }

    #[test]
    fn a_cookie_of_a_pod_tells_its_number_until_the_client_knows_it() {
        let of_pod = || SessionCookie { scripts: Scripts::See, ..session_cookie(AffinityMode::OfPod) };
        let told = "INGRESSCOOKIE=00000000000000cd; Path=/app";
        assert_eq!(told_to(of_pod(), &[], false, false).as_deref(), Some(told));
        assert_eq!(told_to(of_pod(), &["Cookie: INGRESSCOOKIE=00000000000000ce"], false, false).as_deref(), Some(told));
        assert_eq!(told_to(of_pod(), &["Cookie: INGRESSCOOKIE=00000000000000cd"], false, false), None);
    }

    #[test]
    fn requests_without_a_text_go_anywhere_where_that_is_asked_for() {
        for (empty, line, is_led) in [
            (EmptyText::AsOthers, "X-Other: a", true),
            (EmptyText::Anywhere, "X-Other: a", false),
            (EmptyText::Anywhere, "X-User:", false),
            (EmptyText::Anywhere, "X-User: a", true),
        ] {
            let text = Template::parse("${http_x_user}", Captures::Refused).unwrap();
            let filters = [Filter::Affinity(Arc::new(Affinity::Text { text, among: 1, empty }))];
            let preference = with_view(&["GET / HTTP/1.1", "Host: a", line], |view| {
                let mut change = RequestChange::default();
                crate::filter::request(&filters, &view, &mut change);
                change.preference
            });
            assert_eq!(preference.is_some(), is_led, "{empty:?} {line}");
        }
    }

    #[test]
    fn nginx_g2_g3_attributes_are_those_that_are_asked_for() {
        let cookie = || SessionCookie {
            path: Some("/x".into()),
            domain: Some("a.example".into()),
            max_age: Some(60),
            same_site: Some(SameSite::None { is_conditional: true }),
            secure: Some(false),
            ..session_cookie(AffinityMode::Balanced)
        };
        let start = "INGRESSCOOKIE=00000000000000ab; Path=/x; Domain=a.example; Max-Age=60";
        for (cookie, agent, is_https, end) in [
            (cookie(), "curl", false, "; HttpOnly; SameSite=None"),
            (cookie(), "curl", true, "; Secure; HttpOnly; SameSite=None"),
            (SessionCookie { secure: Some(true), ..cookie() }, "curl", false, "; Secure; HttpOnly; SameSite=None"),
            (SessionCookie { secure: None, ..cookie() }, "Chrome/66.0.1", true, "; Secure; HttpOnly"),
            (
                SessionCookie { same_site: Some(SameSite::Lax), ..cookie() },
                "Chrome/60",
                false,
                "; HttpOnly; SameSite=Lax",
            ),
        ] {
            let told = told_to(cookie, &[&format!("User-Agent: {agent}")], is_https, false).unwrap();
            assert_eq!(told, format!("{start}{end}"), "{agent}");
        }
        let told = told_to(SessionCookie { expires: Some(3600), ..cookie() }, &[], false, false).unwrap();
        let (_, rest) = told.split_once("; Expires=").unwrap();
        assert!(httpdate::parse_http_date(rest.split(';').next().unwrap()).is_ok(), "{told}");
    }

    #[test]
    fn browsers_that_misunderstand_none_are_known() {
        for (agent, expected) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) Safari/604.1", true),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 13_1 like Mac OS X) Safari/604.1", false),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605 (KHTML, like Gecko) Version/12 Safari/605",
                true,
            ),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537 Chrome/90.0 Safari/537", false),
            ("Mozilla/5.0 Chrome/51.0.2704 Safari/537", true),
            ("Mozilla/5.0 Chrome/67.0 Safari/537", false),
            ("Mozilla/5.0 UCBrowser/12.13.1 Mobile", true),
            ("Mozilla/5.0 UCBrowser/12.13.2 Mobile", false),
            ("", false),
        ] {
            assert_eq!(misunderstands_none(agent.as_bytes()), expected, "{agent}");
        }
    }

    #[test]
    fn nginx_f9_a_session_stays_with_its_side_of_a_canary() {
        let told = told_to(session_cookie(AffinityMode::Balanced), &[], false, true).unwrap();
        assert!(told.starts_with("INGRESSCOOKIE=00000000000000abc;"), "{told}");
        let filters = [Filter::Affinity(Arc::new(Affinity::Cookie(session_cookie(AffinityMode::Balanced))))];
        let side_of = |has_no_sessions: bool, value: &str| {
            let rule = CanaryRule { has_no_sessions, ..CanaryRule::default() };
            let cookie = format!("Cookie: INGRESSCOOKIE={value}");
            with_view(&["GET / HTTP/1.1", "Host: a", &cookie], |view| side(&rule, &filters, view.request, view.head))
        };
        for (value, sticky, legacy) in [
            ("00000000000000abc", Some(true), None),
            ("00000000000000ab", Some(false), Some(false)),
            ("other", None, None),
            ("", None, None),
        ] {
            assert_eq!(side_of(false, value), sticky, "{value}");
            assert_eq!(side_of(true, value), legacy, "{value}");
        }
    }
}
