//! How endpoints are chosen.

use super::super::affinity_options::HashText;
use super::super::answer_options::Switch;
use super::super::draft::Draft;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{BOTH, row};
use crate::model::{Balance, EmptyText};

/// By key.
pub(super) const ROWS: [Annotation; 1] = [row(
    "load-balance",
    Value::Text {
        values: "`roundrobin`, `static-rr`, `leastconn`, `random`, `random(N)`, `first`, `source`, `uri`, `uri path-only`, `uri whole`, \
                 `url_param NAME` or `hdr(NAME)`",
        read: |draft, text, _| load_balance(draft, text.trim()),
    },
    "`--balance` (`least-in-flight`)",
    BOTH,
    Verdict::Different(
        "`random(N)` draws two whatever N; `first` goes by address; `source`, `uri`, \
         `url_param` and `hdr` spread by rendezvous hashing, so that pods that come or go move few clients, and requests without the \
         parameter or field go by `--balance`; `rdp-cookie` is refused",
    ),
    "How the pod of a request is chosen. `roundrobin` and `static-rr` are strictly in turn. `leastconn` takes the one\n\
     with the fewest requests in flight, `random` the one of two drawn by chance that has fewer, `first` the first, by address, that is\n\
     not full (`pod-maxconn`). With `source` the requests of an address go to the same pod, with `uri` those for a\n\
     path (`whole`: with its query), with `url_param` those with a value of a parameter, with `hdr` those with a value of a field. A\n\
     cookie of a session wins over them.",
)];

fn load_balance(draft: &mut Draft, text: &str) -> Option<()> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    let more: Vec<_> = words.collect();
    let (name, argument) = match first.split_once('(') {
        Some((name, argument)) => (name, Some(argument.strip_suffix(')')?)),
        None => (first, None),
    };
    let balance = match (name, argument, &*more) {
        ("roundrobin" | "static-rr", None, []) => Balance::RoundRobin,
        ("leastconn", None, []) => Balance::LeastConnections,
        ("random", None, []) => Balance::Random,
        ("random", Some(draws), []) if draws.parse::<u32>().is_ok_and(|draws| draws > 0) => Balance::Random,
        ("first", None, []) => Balance::First,
        ("rdp-cookie", _, _) => {
            draft.refuses("has no effect: requests of HTTP have no such cookie", "Use haproxy.org/cookie-persistence");
            return Some(());
        }
        ("source", None, []) => return by(draft, HashText::parse("$remote_addr", EmptyText::Anywhere)),
        ("uri", None, more) => {
            let is_whole = more.contains(&"whole");
            if more.iter().any(|word| matches!(*word, "len" | "depth")) {
                draft.differs("counts all of the path here: len and depth have no effect", "Remove len and depth");
            }
            let text = if is_whole { "$request_uri" } else { "$uri" };
            return by(draft, HashText::parse(text, EmptyText::Anywhere));
        }
        ("url_param", None, [name, ..]) => return by(draft, HashText::of_named("arg", name)),
        ("hdr", Some(name), more) => {
            if more.contains(&"use_domain_only") {
                draft.differs("counts all of the value here: use_domain_only has no effect", "Remove use_domain_only");
            }
            return by(draft, HashText::of_field(name));
        }
        _ => return None,
    };
    draft.options.balance = Some(balance);
    draft.options.of_rare().affinity.text = Some(Switch::Off);
    Some(())
}

/// Requests for which this text is the same go to the same pod.
fn by(draft: &mut Draft, text: Option<HashText>) -> Option<()> {
    draft.options.of_rare().affinity.text = Some(Switch::On(text?));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_come_to_a_balance_or_to_what_requests_have_in_common() {
        let read = |text: &str| {
            let mut draft = Draft::default();
            load_balance(&mut draft, text)?;
            let text = match draft.options.of_rare().affinity.text.clone() {
                Some(Switch::On(HashText { text, .. })) => text.to_string(),
                Some(Switch::Off) => "off".into(),
                None => String::new(),
            };
            Some((draft.options.balance, text, draft.remark.is_some()))
        };
        let some = |balance, text: &str, is_remarked| Some((balance, text.to_owned(), is_remarked));
        for (text, expected) in [
            ("roundrobin", some(Some(Balance::RoundRobin), "off", false)),
            ("static-rr", some(Some(Balance::RoundRobin), "off", false)),
            ("leastconn", some(Some(Balance::LeastConnections), "off", false)),
            ("random(3)", some(Some(Balance::Random), "off", false)),
            ("first", some(Some(Balance::First), "off", false)),
            ("source", some(None, "${remote_addr}", false)),
            ("uri", some(None, "${uri}", false)),
            ("uri whole len 5", some(None, "${request_uri}", true)),
            ("url_param user check_post 64", some(None, "${arg_user}", false)),
            ("hdr(X-User-Id)", some(None, "${http_x_user_id}", false)),
            ("hdr(host)", some(None, "${http_host}", false)),
            ("rdp-cookie(mstshash)", some(None, "", true)),
            ("", None),
            ("roundrobin 5", None),
            ("random(0)", None),
            ("hdr", None),
            ("hdr(a b)", None),
            ("hdr(a", None),
            ("hdr(a}x)", None),
            ("url_param", None),
            ("sticky", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
