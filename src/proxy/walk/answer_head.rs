//! The head of an answer on its way to a client, whatever protocol the client speaks: which fields of the pod go on, what
//! edits change, and what every answer says.

use std::net::SocketAddr;

use super::record::Record;
use crate::filter::{self, Fields, HeadEdit, ResponseView};
use crate::http1::{Field, FieldKind, Framing, RequestContext, ResponseHead, writer};
use crate::proxy::shard::clock::Date;
use crate::routing::Route;
use crate::upstream::{Destination, Target};

/// The head of a final answer.
#[derive(Clone, Copy)]
pub(crate) struct AnswerHead<'a> {
    /// Status, 200 to 599, or 101.
    pub status: u16,
    /// Reason phrase.
    pub reason: &'a [u8],
    /// The pod's fields, all of them; none in an answer of ours.
    pub fields: Fields<'a>,
    /// What is dropped of them and added to them.
    pub edit: &'a HeadEdit,
    /// How the body will come.
    pub framing: Framing,
    /// The length that `HEAD` and 304 answers tell without having a body. Bytes.
    pub told_length: Option<u64>,
    /// The protocol that the connection switches to: it becomes a tunnel.
    pub upgrade: Option<&'a [u8]>,
    /// Whether the client's connection must close after this answer.
    pub must_close: bool,
    /// For answers without a date.
    pub date: Date<'a>,
}

impl<'a> AnswerHead<'a> {
    /// A pod's answer, whose head lies in `bytes`.
    pub(crate) fn of_pod(
        response: &'a ResponseHead,
        bytes: &'a [u8],
        request: RequestContext,
        edit: &'a HeadEdit,
        date: Date<'a>,
    ) -> Self {
        Self {
            status: response.status,
            reason: response.reason.of(bytes),
            fields: Fields { bytes, list: &response.fields },
            edit,
            framing: response.framing,
            told_length: response.content_length,
            upgrade: response.upgrade.map(|_| response.upgrade_name(bytes)),
            // A client that wanted another protocol and got none may already be speaking it.
            must_close: request.upgrade.is_some() && response.upgrade.is_none(),
            date,
        }
    }

    /// The length that the client is told, bytes. A 204 never tells one (RFC 9110 §8.6).
    pub(crate) fn content_length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::None if self.status != 204 && self.upgrade.is_none() => self.told_length,
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// Appends the fields as lines, without those that say how the body comes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut said = Said::by(self.edit);
        self.edit.write(self.fields, out, |field| said.passes(field));
        if self.lacks(said.server) {
            out.extend_from_slice(b"server: tidegate\r\n");
        }
        if self.lacks(said.date) {
            writer::field(out, b"date", self.date.text().as_bytes());
        }
    }

    /// Gives the fields one by one, with the length.
    pub(crate) fn for_each(&self, mut give: impl FnMut(&[u8], &[u8])) {
        let mut said = Said::by(self.edit);
        self.edit.fields(self.fields, |field| said.passes(field)).for_each(|(_, name, value)| give(name, value));
        if self.lacks(said.server) {
            give(b"server", b"tidegate");
        }
        if self.lacks(said.date) {
            give(b"date", self.date.text().as_bytes());
        }
        if let Some(length) = self.content_length() {
            give(b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
    }

    /// Whether a field that every answer has is missing. A switch of protocols needs none.
    fn lacks(&self, is_said: bool) -> bool {
        !is_said && self.upgrade.is_none()
    }
}

/// What an answer has said of what every answer says.
struct Said {
    server: bool,
    date: bool,
}

impl Said {
    fn by(edit: &HeadEdit) -> Self {
        Self { server: edit.adds(FieldKind::Server), date: edit.adds(FieldKind::Date) }
    }

    /// Whether a field of the pod goes on, and if so, that it has been said.
    fn passes(&mut self, field: &Field) -> bool {
        let passes = travels(field);
        self.server |= passes && field.kind == FieldKind::Server;
        self.date |= passes && field.kind == FieldKind::Date;
        passes
    }
}

/// Whether a field of a pod's answer may go on to the client: those that belong to the pod's connection may not, and the
/// length is told anew.
pub(crate) fn travels(field: &Field) -> bool {
    let stays = field.kind == FieldKind::ContentLength
        || field.kind.is_hop_by_hop() && field.kind != FieldKind::ProxyAuthenticate;
    !field.hop && !stays
}

/// Edits an answer, a pod's or ours: by the filters of its route, and with the explanation where the client asked for one.
pub(crate) fn edit(record: &Record, status: u16, fields: Fields<'_>, edit: &mut HeadEdit) {
    if let Some(route) = &record.route
        && route.spec.filters.needs().answer
    {
        pass_filters(record, route, (status, fields), edit);
    }
    if let Some(kept) = &record.kept {
        if let Some(cookies) = &kept.cookies {
            cookies.add(status, edit);
        }
        if let Some(captured) = &kept.captured {
            captured.keep(fields);
        }
    }
    record.explain(edit);
}

#[inline(never)]
fn pass_filters(record: &Record, route: &Route<Target>, (status, fields): (u16, Fields<'_>), edit: &mut HeadEdit) {
    let kept = record.kept.as_deref();
    let response = ResponseView {
        origin: kept.and_then(|kept| kept.origin.as_deref()),
        values: kept.and_then(|kept| kept.values.as_deref()).unwrap_or_default(),
        url_values: kept.and_then(|kept| kept.url_values.as_deref()).unwrap_or_default(),
        session: record.session,
        is_https: record.is_https,
        endpoint: record.endpoint.get(),
        identity: record.session.and_then(|_| identity(&route.target, record.endpoint.get()?)),
        is_canary: route.is_canary,
        path: route.spec.matches.path.cookie_path(),
        ..ResponseView::new(status, fields)
    };
    filter::response(&route.spec.filters, &response, edit);
}

/// What sessions know an endpoint of the route by. Looked up here, so that only sessions pay for it.
fn identity(target: &Target, address: SocketAddr) -> Option<u64> {
    let Destination::Forward(own) = &target.destination else { return None };
    let backends = [Some(own), own.for_https.as_deref()].into_iter().flatten();
    backends.into_iter().find_map(|backend| backend.upstream.endpoints().identity_of(address))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::filter::FieldName;
    use crate::http1::{Limits, Method, Progress};
    use crate::proxy::shard::clock::Clock;

    /// The fields of an answer with these lines for a client over HTTP/1 and over HTTP/2, names in lower case, without
    /// the date.
    fn fields(lines: &[&str], edit: &HeadEdit) -> [Vec<String>; 2] {
        let bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
        let request = RequestContext { method: Method::Get, upgrade: None };
        let mut response = ResponseHead::new();
        assert_eq!(response.parse(&bytes, request, &Limits::RESPONSE), Ok(Progress::Complete));
        let clock = Clock::default();
        let answer = AnswerHead::of_pod(&response, &bytes, request, edit, clock.date(Instant::now()));
        let mut out = Vec::new();
        answer.write(&mut out);
        if let Some(length) = answer.content_length() {
            writer::framing_field(&mut out, Framing::Length(length));
        }
        let mut given = Vec::new();
        answer.for_each(|name, value| {
            writer::field(&mut given, name, value);
        });
        [out, given].map(|lines| {
            let text = String::from_utf8(lines).unwrap();
            let fields = text.lines().map(|line| line.split_once(':').expect("a field"));
            let fields = fields.filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
            fields.map(|(name, value)| format!("{}: {}", name.to_lowercase(), value.trim())).collect()
        })
    }

    #[test]
    fn clients_over_http_1_and_http_2_get_the_same_fields() {
        let one = ["HTTP/1.1 200 OK", "X-One:  1", "Connection: X-Hop", "X-Hop: 1", "Content-Length: 3"];
        let served = ["HTTP/1.1 204 No", "Server: pod", "Date: yesterday", "Keep-Alive: timeout=1"];
        let hidden =
            ["HTTP/1.1 304 No", "Connection: server, date", "Server: pod", "Date: yesterday", "Content-Length: 7"];
        for (pod, expected) in [
            (&one[..], &["x-one: 1", "server: tidegate", "content-length: 3"][..]),
            (&served, &["server: pod"]),
            (&hidden, &["server: tidegate", "content-length: 7"]),
        ] {
            let [http_1, http_2] = fields(pod, &HeadEdit::default());
            assert_eq!(http_1, expected);
            assert_eq!(http_2, expected);
        }
    }

    #[test]
    fn an_edit_that_gives_a_server_leaves_no_room_for_ours_and_one_that_drops_it_does() {
        let pod = ["HTTP/1.1 204 No", "Server: pod", "X-One: 1"];
        let bytes = format!("{}\r\n\r\n", pod.join("\r\n")).into_bytes();
        let mut response = ResponseHead::new();
        let request = RequestContext { method: Method::Get, upgrade: None };
        assert_eq!(response.parse(&bytes, request, &Limits::RESPONSE), Ok(Progress::Complete));
        let head = Fields { bytes: &bytes, list: &response.fields };
        let server = FieldName::parse(b"Server").unwrap();
        let mut edit = HeadEdit::default();
        edit.remove(head, server);
        for over in fields(&pod, &edit) {
            assert_eq!(over, ["x-one: 1", "server: tidegate"]);
        }
        edit.add(server, b"edge");
        for over in fields(&pod, &edit) {
            assert_eq!(over, ["x-one: 1", "server: edge"]);
        }
    }
}
