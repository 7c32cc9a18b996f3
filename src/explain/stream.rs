//! What would become of a connection, or a datagram, to a port of streams.

use crate::model::{
    Action, HeaderOfClients, HeaderVersion, ListenerKey, Problem, StreamAffinity, StreamRoute, StreamSpec, Transport,
    UnitKey,
};
use crate::translate;

use super::{Explanation, Facts, Outcome, QuestionError, Subject, View, backing, named, shown};

/// A connection, or a datagram, to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamQuestion {
    listener: ListenerKey,
}

impl StreamQuestion {
    /// Reads `tcp://HOST:PORT` and `udp://HOST:PORT`. `None`: the URL is none of these. The host does not matter: a port is the same
    /// at all of our addresses.
    pub fn parse(url: &str) -> Option<Result<Self, QuestionError>> {
        let (scheme, rest) = url.split_once("://")?;
        let transport = match scheme.to_ascii_lowercase().as_str() {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return None,
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let port = authority.rsplit(':').next().filter(|_| authority.contains(':')).and_then(|port| port.parse().ok());
        let port = port.filter(|port| *port != 0).ok_or(QuestionError::NoPort);
        Some(port.map(|port| Self { listener: ListenerKey { port, transport } }))
    }
}

/// Explains what would become of it.
pub fn explain_stream<T>(question: &StreamQuestion, view: &View<'_, T>) -> Explanation {
    let mut explanation =
        Explanation { outcome: Outcome::Refused, status: None, facts: Facts::default(), sections: Vec::new() };
    let key = question.listener;
    let what = match key.transport {
        Transport::Tcp => "a connection",
        Transport::Udp => "a datagram",
    };
    explanation.say(Subject::Request, [format!("{what} to {key}")]);
    let problems = translate::unit(view.input, &UnitKey::Stream(key)).problems;
    match view.table.stream(&key) {
        Some(stream) => {
            if let Some((of, route)) = stream.route() {
                explanation.facts.origin = Some(of.origin.clone());
                explanation.facts.field = of.origin.field();
                explanation.say(Subject::Rule, rule(stream.spec(), of));
                if let Action::Forward(upstream) = &of.action {
                    let living = (view.living)(&route.target);
                    let (lines, has_endpoint) =
                        backing::describe(view.input, upstream, &of.policy, living, &mut explanation.facts);
                    explanation.say(Subject::Upstream, lines);
                    if has_endpoint {
                        explanation.outcome = Outcome::Forwarded;
                    }
                }
            }
            let is_forwarded = explanation.outcome == Outcome::Forwarded;
            explanation.say(Subject::Answer, [answer(key.transport, is_forwarded).into()]);
        }
        None => {
            explanation.say(Subject::Rule, ["no object opens the port for streams".into()]);
            let others: Vec<_> = view.table.streams().map(|(key, _)| key.to_string()).collect();
            if !others.is_empty() {
                explanation.say(Subject::NotTaken, [format!("open are {}", shown(others).join(", "))]);
            }
        }
    }
    let of_objects =
        |problem: &&Problem| explanation.facts.origin.as_ref().is_some_and(|origin| origin.is_object(&problem.object));
    let lines = problems.iter().chain(view.source_problems.iter().filter(of_objects)).map(ToString::to_string);
    let lines = shown(lines.collect());
    explanation.say(Subject::Problems, lines);
    explanation
}

fn rule(spec: &StreamSpec, of: &StreamRoute) -> Vec<String> {
    let StreamSpec { listener: _, from_clients, to_pods, routes: _ } = spec;
    let field = of.origin.field().map(|field| format!(", {field}")).unwrap_or_default();
    let mut lines = vec![format!("{}{field}", named(&of.origin))];
    match from_clients {
        HeaderOfClients::None => {}
        HeaderOfClients::Required => {
            lines.push("connections must begin with a header of the PROXY protocol, from a trusted peer".into());
        }
    }
    match to_pods {
        None => {}
        Some(HeaderVersion::V1) => lines.push("pods get a header of the PROXY protocol, version 1".into()),
        Some(HeaderVersion::V2) => lines.push("pods get a header of the PROXY protocol, version 2".into()),
    }
    match of.affinity {
        StreamAffinity::None => {}
        StreamAffinity::ClientAddress => lines.push("clients stay with a pod by their address".into()),
    }
    lines
}

fn answer(transport: Transport, is_forwarded: bool) -> &'static str {
    match (transport, is_forwarded) {
        (Transport::Tcp, true) => "an endpoint, whose bytes and those of the client are passed on as they are",
        (Transport::Tcp, false) => "the connection is closed: there is no endpoint",
        (Transport::Udp, true) => "an endpoint, to which all datagrams of the client go until it is silent for a while",
        (Transport::Udp, false) => "the datagram is dropped: there is no endpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_streams_have_a_port() {
        let parsed = |url| StreamQuestion::parse(url).map(|parsed| parsed.map(|of| of.listener.to_string()));
        assert_eq!(parsed("tcp://db.example:3306"), Some(Ok("TCP port 3306".into())));
        assert_eq!(parsed("UDP://[::1]:53/"), Some(Ok("UDP port 53".into())));
        assert_eq!(parsed("tcp://:5"), Some(Ok("TCP port 5".into())));
        assert_eq!(parsed("http://a.example:80/"), None);
        for wrong in ["tcp://db.example", "tcp://db.example:0", "tcp://db.example:x", "udp://", "tcp://a:65536"] {
            assert_eq!(parsed(wrong), Some(Err(QuestionError::NoPort)), "{wrong}");
        }
    }
}
