//! The header that tells clients we trust which route, Service and endpoint answered them: `Tidegate-Explanation`.
//!
//! Only clients in `--explain-to` get it, and only on request (`Tidegate-Explain: 1`): others must not learn names of
//! objects and addresses of pods. Without that option a request costs one comparison more.

use std::fmt::Write as _;

use super::peer::Peer;
use super::record::Record;
use crate::filter::{FieldName, Fields, HeadEdit};
use crate::http1::{FieldKind, RequestHead};
use crate::model::{Action, UpstreamSpec};
use crate::proxy::config::{ListenerConfig, ProxyProtocol};
use crate::proxy::shard::scratch::ExchangeBuffers;

/// Longest name or path that is told. Characters.
const LONGEST: usize = 256;

/// Whether this client asks for an explanation and may have one. Then the question stays here: pods do not see it. It
/// travels on where it is not honoured, like any field we know nothing of.
pub(crate) fn is_asked(listener: &ListenerConfig, peer: &Peer, work: &mut ExchangeBuffers) -> bool {
    if listener.explain_to.is_empty() {
        return false;
    }
    let ExchangeBuffers { head, request, request_change, .. } = work;
    // There may be no request behind the bytes of one that was refused.
    if head.is_empty() || !asks(request, head) {
        return false;
    }
    if !may_ask(listener, peer) {
        return false;
    }
    request_change.fields.remove(Fields { bytes: head, list: &request.fields }, FieldName::TIDEGATE_EXPLAIN);
    true
}

/// Whether the client is in the ranges. Where a PROXY protocol header is optional, a client behind a trusted peer that
/// sends none can forge one with any address. So the connection's other end must be in the ranges too.
fn may_ask(listener: &ListenerConfig, peer: &Peer) -> bool {
    let is_in = |address| listener.explain_to.iter().any(|net| net.contains(&address));
    let client = peer.address.ip().to_canonical();
    match listener.forwarding.proxy_protocol {
        ProxyProtocol::Off | ProxyProtocol::Require => is_in(client),
        ProxyProtocol::Auto => is_in(client) && is_in(peer.sender),
    }
}

fn asks(request: &RequestHead, head: &[u8]) -> bool {
    request.fields.iter().any(|field| {
        field.kind == FieldKind::Other
            && field.name.of(head).eq_ignore_ascii_case(FieldName::TIDEGATE_EXPLAIN.as_bytes())
            && field.value.of(head) == b"1"
    })
}

impl Record {
    /// Adds the field with what is known so far where the client asked for it. Elsewhere nothing is allocated.
    pub(crate) fn explain(&self, answer: &mut HeadEdit) {
        if !self.is_explained {
            return;
        }
        let mut line = String::with_capacity(256);
        if let Some(route) = &self.route {
            let (path, origin) = (&route.spec.matches.path, &route.spec.origin);
            // Writing to a String cannot fail.
            let _ = write!(
                line,
                "ingress={}; rule=\"{} {}\"; ",
                plain(&origin.to_string()),
                path.kind(),
                plain(path.path())
            );
            if let Action::Forward(upstream) = &route.spec.action {
                let UpstreamSpec { key, port, for_https: _ } = &**upstream;
                let (service, port) = (key.service.to_string(), port.to_string());
                let _ = write!(line, "service={}:{}; ", plain(&service), plain(&port));
            }
        }
        if let Some(endpoint) = self.endpoint.get() {
            let _ = write!(line, "endpoint={endpoint}; ");
        }
        if let Some(reason) = self.error.get().or(self.answered_by) {
            let _ = write!(line, "answer={reason}; ");
        }
        let _ = write!(line, "attempts={}", self.attempts.get());
        answer.add(FieldName::TIDEGATE_EXPLANATION, line.as_bytes());
    }
}

/// Users choose names and paths: a character that the value must not contain becomes a question mark.
fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';' | ',');
    text.chars().take(LONGEST).map(|c| if is_plain(&c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_and_hold_nothing_that_ends_them() {
        assert_eq!(plain("/a\r\nb\"c;d, ä\\e%20~"), "/a??b?c?d????e%20~");
        assert_eq!(plain(&"x".repeat(1000)).len(), LONGEST);
    }

    /// What the field says.
    fn explained(record: &Record) -> String {
        let mut edit = HeadEdit::default();
        record.explain(&mut edit);
        let Fields { bytes, list } = edit.added();
        list.iter().map(|field| String::from_utf8_lossy(field.value.of(bytes))).collect()
    }

    #[test]
    fn an_answer_of_ours_names_the_filter_that_gave_it_and_nothing_else_is_a_redirect() {
        let mut record = Record::new(tokio::time::Instant::now());
        assert_eq!(explained(&record), "");
        record.is_explained = true;
        assert_eq!(explained(&record), "attempts=0");
        record.answered_by = Some("redirect");
        assert_eq!(explained(&record), "answer=redirect; attempts=0");
        record.error.set(Some("no_route"));
        assert_eq!(explained(&record), "answer=no_route; attempts=0");
    }
}
