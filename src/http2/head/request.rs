//! The head of a request (RFC 9113 §8.3.1, RFC 8441 §4).

use super::fault::HeadFault;
use super::{cookies, lines, rules};
use crate::http1::{
    FieldKind, Framing, Limits, MAX_FIELDS, MAX_METHOD_BYTES, Marks, Method, RequestError, RequestHead, Sole, Span,
    SyntaxError, Upgrade, Version, declared, is_token,
};
use crate::http2::hpack::FieldSink;

/// The name of the field that `:authority` becomes.
const HOST: &[u8] = b"host";
/// What a head of HTTP/1 has beside method, target and field lines: it counts, so that limits mean the same.
const HEAD_REST: usize = "  HTTP/1.1\r\n\r\n".len();

/// The pseudo-fields of a request.
#[derive(Clone, Copy, Debug)]
enum Pseudo {
    Method = 1,
    Scheme = 2,
    Authority = 4,
    Path = 8,
    Protocol = 16,
}

/// Takes the fields of one header block over into the head of a request.
///
/// Values of pseudo-fields lie in front; the field lines follow, Host first if it comes as `:authority`. A head that is
/// refused says as much as is known of it: the method, the target, the authority.
#[derive(Debug)]
pub struct RequestReader<'a> {
    bytes: &'a mut Vec<u8>,
    head: &'a mut RequestHead,
    limits: &'a Limits,
    /// How many bytes the head may still grow, counted as in HTTP/1.
    room: usize,
    /// How many fields may still come, all crumbs of Cookie being one; an `:authority` is none.
    fields_left: usize,
    /// The pseudo-fields that came, a bit each.
    seen: u8,
    /// A regular field came.
    in_fields: bool,
    /// `:method` is CONNECT; known once regular fields begin.
    is_connect: bool,
    /// `:scheme` is one that is served.
    is_known_scheme: bool,
    /// `:protocol` may be there: we have offered extended CONNECT.
    has_offered_connect: bool,
    /// Where Host is, or would be, and where length and expectation are.
    marks: Marks,
    /// There are Cookie fields that do not lie together.
    is_crumbled: bool,
    /// There is a Cookie field.
    has_cookie: bool,
    malformed: Option<&'static str>,
    /// The first bound or rule that is broken. What follows is not looked at.
    refused: Option<RequestError>,
}

impl<'a> RequestReader<'a> {
    /// Begins a head. What `bytes` and `head` held before is gone; their memory stays. `has_offered_connect`: whether
    /// the client may use extended CONNECT (RFC 8441 §3).
    pub fn new(
        bytes: &'a mut Vec<u8>,
        head: &'a mut RequestHead,
        limits: &'a Limits,
        has_offered_connect: bool,
    ) -> Self {
        bytes.clear();
        head.clear();
        head.keep_alive = true;
        Self {
            bytes,
            head,
            limits,
            room: limits.head_bytes.saturating_sub(HEAD_REST),
            fields_left: limits.fields.min(MAX_FIELDS),
            seen: 0,
            in_fields: false,
            is_connect: false,
            is_known_scheme: false,
            has_offered_connect,
            marks: Marks::default(),
            is_crumbled: false,
            has_cookie: false,
            malformed: None,
            refused: None,
        }
    }

    /// Ends the head. `is_end`: the stream ends with it (END_STREAM).
    pub fn finish(mut self, is_end: bool) -> Result<(), HeadFault> {
        if !self.in_fields {
            self.begin_fields();
        }
        if let Some(text) = self.malformed.or_else(|| self.missing()) {
            return Err(HeadFault::Malformed(text));
        }
        let method = self.fill_method();
        if let Some(error) = self.refused {
            return Err(error.into());
        }
        method?;
        if self.is_crumbled {
            cookies::gather(self.bytes, &mut self.head.fields);
            // Lines have moved.
            self.marks = Marks::default();
            self.head.fields.iter().for_each(|field| self.marks.note(field.kind, field.value));
        }
        self.fill_target()?;
        self.fill_framing(is_end)?;
        self.head.fill_expectation(self.bytes, &self.marks)?;
        self.head.accepts_trailers = self.marks.has_te || self.head.framing == Framing::Chunked;
        self.head.len = self.bytes.len();
        Ok(())
    }

    fn has(&self, pseudo: Pseudo) -> bool {
        self.seen & pseudo as u8 != 0
    }

    /// Whether the request opens a tunnel through us, as a GET with Upgrade does in HTTP/1 (RFC 8441 §4).
    fn is_extended_connect(&self) -> bool {
        self.is_connect && self.has(Pseudo::Protocol)
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) {
        let pseudo = match name {
            b":method" => Pseudo::Method,
            b":scheme" => Pseudo::Scheme,
            b":authority" => Pseudo::Authority,
            b":path" => Pseudo::Path,
            b":protocol" if self.has_offered_connect => Pseudo::Protocol,
            _ => return self.malformed = Some("a pseudo-field is unknown"),
        };
        if self.in_fields {
            return self.malformed = Some("a pseudo-field is behind a regular field");
        }
        if self.has(pseudo) {
            return self.malformed = Some("a pseudo-field is repeated");
        }
        if !rules::is_sound_value(value) {
            return self.malformed = Some("a pseudo-field has a control character or whitespace around it");
        }
        self.seen |= pseudo as u8;
        match pseudo {
            Pseudo::Method if value.len() > MAX_METHOD_BYTES => self.refuse(RequestError::Method),
            Pseudo::Method => self.head.method_text = self.keep(value, 0),
            Pseudo::Scheme => {
                self.is_known_scheme = value.eq_ignore_ascii_case(b"https") || value.eq_ignore_ascii_case(b"http");
            }
            Pseudo::Authority => self.head.authority = self.keep(value, HOST.len() + lines::LINE_REST),
            Pseudo::Path if value.is_empty() => self.malformed = Some(":path is empty"),
            Pseudo::Path if value.len() > self.limits.target_bytes => self.refuse(RequestError::TargetTooLong),
            Pseudo::Path => self.head.target = self.keep(value, 0),
            Pseudo::Protocol if value.eq_ignore_ascii_case(b"websocket") => {
                self.head.upgrade = Some(Upgrade::WebSocket);
            }
            Pseudo::Protocol => self.refuse(RequestError::Protocol),
        }
    }

    /// Keeps the value of a pseudo-field, which takes so many bytes `more` in a head of HTTP/1.
    fn keep(&mut self, value: &[u8], more: usize) -> Span {
        if self.takes(value.len() + more) { lines::keep(self.bytes, value) } else { Span::EMPTY }
    }

    /// Takes room, or refuses the head.
    fn takes(&mut self, bytes: usize) -> bool {
        let room = self.room.checked_sub(bytes);
        match room {
            Some(room) => self.room = room,
            None => self.refuse(SyntaxError::TooLarge.into()),
        }
        room.is_some()
    }

    fn refuse(&mut self, error: RequestError) {
        self.refused = self.refused.or(Some(error));
    }

    /// Writes the Host field that `:authority` stands for (RFC 9113 §8.3.1), as the first field of all.
    fn begin_fields(&mut self) {
        self.in_fields = true;
        self.is_connect = self.head.method_text.of(self.bytes) == b"CONNECT";
        if self.is_extended_connect() {
            self.head.method_text = lines::keep(self.bytes, b"GET");
        }
        if self.has(Pseudo::Authority) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(b"host: ");
            self.bytes.extend_from_within(self.head.authority.start()..self.head.authority.end());
            self.bytes.extend_from_slice(b"\r\n");
            let field = lines::place(FieldKind::Host, start, HOST.len(), self.bytes.len());
            self.head.authority = field.value;
            self.head.fields.push(field);
        }
    }

    /// A Host beside `:authority` says the same and is not kept.
    fn compare_host(&mut self, value: &[u8]) {
        match self.marks.host {
            Sole::Absent if value.eq_ignore_ascii_case(self.head.authority.of(self.bytes)) => {
                self.marks.note(FieldKind::Host, self.head.authority);
            }
            Sole::Absent => self.refuse(RequestError::HostDiffers),
            Sole::Once(_) | Sole::Repeated => self.refuse(RequestError::HostRepeated),
        }
    }

    /// Looks at a field that the proxy has an opinion about. Says whether it becomes a line of its own.
    fn known_field(&mut self, kind: FieldKind, name: &[u8], value: &[u8]) -> bool {
        if let Some(text) = rules::kind_fault(kind, value) {
            self.malformed = Some(text);
            return false;
        }
        match kind {
            FieldKind::Host if self.has(Pseudo::Authority) => {
                if self.counts() {
                    self.compare_host(value);
                }
                return false;
            }
            FieldKind::Cookie if self.has_cookie => return self.crumb(value),
            FieldKind::Cookie => self.has_cookie = true,
            _ => {}
        }
        let start = self.bytes.len() + name.len() + ": ".len();
        self.marks.note(kind, Span::new(start, start + value.len()));
        true
    }

    /// One more crumb. An empty one takes room as well, or there would be no end to them.
    fn crumb(&mut self, value: &[u8]) -> bool {
        match self.head.fields.last_mut() {
            Some(last) if last.kind == FieldKind::Cookie => {
                match self.room.checked_sub("; ".len() + value.len()) {
                    Some(room) => {
                        self.room = room;
                        cookies::add_crumb(self.bytes, last, value);
                    }
                    None => self.refuse(SyntaxError::TooLarge.into()),
                }
                false
            }
            _ if value.is_empty() => {
                self.takes("; ".len());
                false
            }
            // A line as any other until the end, but one that does not count.
            _ => {
                self.is_crumbled = true;
                self.fields_left += 1;
                true
            }
        }
    }

    /// Counts a field, or refuses the head.
    fn counts(&mut self) -> bool {
        let left = self.fields_left.checked_sub(1);
        match left {
            Some(left) => self.fields_left = left,
            None => self.refuse(SyntaxError::TooManyFields.into()),
        }
        left.is_some()
    }

    /// Says which pseudo-field is missing, or is there and may not be (RFC 9113 §8.3.1, §8.5, RFC 8441 §4).
    fn missing(&self) -> Option<&'static str> {
        if !self.has(Pseudo::Method) {
            return Some(":method is missing");
        }
        if self.has(Pseudo::Protocol) && !self.is_connect {
            return Some(":protocol without CONNECT");
        }
        if self.is_connect && !self.has(Pseudo::Protocol) {
            let is_bare = !self.has(Pseudo::Scheme) && !self.has(Pseudo::Path) && self.has(Pseudo::Authority);
            return (!is_bare).then_some("CONNECT has other pseudo-fields than :authority");
        }
        match (self.has(Pseudo::Scheme), self.has(Pseudo::Path)) {
            (true, true) => None,
            (false, _) => Some(":scheme is missing"),
            (true, false) => Some(":path is missing"),
        }
    }

    fn fill_method(&mut self) -> Result<(), RequestError> {
        let text = self.head.method_text.of(self.bytes);
        self.head.fill_method(text)?;
        if self.head.method == Method::Other && !is_token(text) { Err(RequestError::Method) } else { Ok(()) }
    }

    fn fill_target(&mut self) -> Result<(), RequestError> {
        if !self.is_known_scheme {
            return Err(RequestError::Target);
        }
        self.head.fill_path(self.bytes, self.head.target)?;
        let authority = if self.has(Pseudo::Authority) {
            self.head.authority
        } else {
            match self.marks.host {
                Sole::Once(host) => host,
                Sole::Absent => return Err(RequestError::HostMissing),
                Sole::Repeated => return Err(RequestError::HostRepeated),
            }
        };
        self.head.fill_authority(self.bytes, authority)
    }

    /// A body has a length or is of unknown length, which exchanges call chunked.
    fn fill_framing(&mut self, is_end: bool) -> Result<(), HeadFault> {
        let declared = declared(self.bytes, &self.marks, Version::Http11).map_err(RequestError::from)?;
        self.head.framing = match declared {
            // What follows belongs to the tunnel (RFC 9110 §9.3.6).
            Framing::Length(1..) if self.is_extended_connect() => {
                return Err(HeadFault::Malformed("CONNECT has a body"));
            }
            _ if self.is_extended_connect() => Framing::None,
            Framing::Length(1..) if is_end => {
                return Err(HeadFault::Malformed("content-length announces a body that does not come"));
            }
            Framing::None if !is_end => Framing::Chunked,
            // RFC 9110 §8.6: some servers ask for a length with these methods.
            Framing::None if matches!(self.head.method, Method::Post | Method::Put | Method::Patch) => {
                Framing::Length(0)
            }
            declared => declared,
        };
        Ok(())
    }
}

impl FieldSink for RequestReader<'_> {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.malformed.is_some() {
            return;
        }
        if name.first() == Some(&b':') {
            return self.pseudo(name, value);
        }
        if self.refused.is_some() {
            return;
        }
        if !self.in_fields {
            self.begin_fields();
        }
        if let Some(text) = rules::text_fault(name, value) {
            self.malformed = Some(text);
            return;
        }
        let kind = FieldKind::of(name);
        let is_line = kind == FieldKind::Other || self.known_field(kind, name, value);
        if is_line && self.counts() && self.takes(name.len() + value.len() + lines::LINE_REST) {
            lines::append(self.bytes, &mut self.head.fields, kind, name, value);
        }
    }
}
