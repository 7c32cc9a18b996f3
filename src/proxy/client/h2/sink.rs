//! Both directions of an exchange with a client over HTTP/2, as the walk sees them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::http1::{Field, Framing};
use crate::model::RouteTimeouts;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::walk::answer_head::{AnswerHead, travels};
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::BodySink;
use crate::proxy::wire::h2::body::{H2Sink, H2Source, Outlet};
use crate::proxy::wire::h2::reply::Reply;
use crate::proxy::wire::pace::Pace;

impl ClientSource for H2Source<'_> {
    fn whole(&self) -> Option<&[u8]> {
        Self::whole(self)
    }

    fn skip_whole(&mut self) {
        Self::skip_whole(self);
    }

    fn obey(&mut self, timeouts: &RouteTimeouts) {
        self.set_pace(Pace { gap: timeouts.body_gap, rate: timeouts.body_rate });
    }

    fn become_tunnel(&mut self) -> bool {
        false
    }
}

/// The way back over HTTP/2.
pub(super) struct H2ClientSink {
    reply: Rc<RefCell<Reply>>,
    outlet: Outlet,
    head: Option<Response<()>>,
    body: Option<H2Sink>,
    is_head: bool,
    /// Whether the answer has no body, also when the pod sends one.
    is_absent: bool,
    stall: Duration,
}

impl H2ClientSink {
    pub(super) fn new(reply: &Rc<RefCell<Reply>>, outlet: &Outlet, is_head: bool, stall: Duration) -> Self {
        let (reply, outlet) = (Rc::clone(reply), outlet.clone());
        Self { reply, outlet, head: None, body: None, is_head, is_absent: false, stall }
    }

    /// Hands the head over, unless that was done before.
    fn begin(&mut self, has_body: bool) -> Result<(), ProxyError> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let reply = &mut *self.reply.borrow_mut();
        let Reply::Waiting(respond) = reply else { return Ok(()) };
        let stream = respond.send_response(head, !has_body).map_err(|_| ProxyError::ClientClosed)?;
        *reply = if has_body {
            let stream = Rc::new(RefCell::new(stream));
            self.body = Some(H2Sink::new(Rc::clone(&stream), &self.outlet, Side::Client, self.stall));
            Reply::Sending(stream)
        } else {
            Reply::Over
        };
        Ok(())
    }
}

impl ClientSink for H2ClientSink {
    fn respond(&mut self, answer: &AnswerHead<'_>) {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = head.headers_mut();
        headers.reserve(answer.fields.list.len() + 4);
        answer.for_each(|name, value| add(headers, name, value));
        self.is_absent = self.is_head || answer.framing == Framing::None;
        self.head = Some(head);
    }

    fn obey(&mut self, timeouts: &RouteTimeouts) {
        self.stall = timeouts.write;
    }

    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError> {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::PROCESSING);
        for field in fields.iter().filter(|field| travels(field)) {
            add(head.headers_mut(), field.name.of(bytes), field.value.of(bytes));
        }
        match &mut *self.reply.borrow_mut() {
            Reply::Waiting(respond) => respond.send_informational(head).map_err(|_| ProxyError::ClientClosed),
            Reply::Sending(_) | Reply::Over => Ok(()),
        }
    }

    fn has_responded(&self) -> bool {
        !matches!(*self.reply.borrow(), Reply::Waiting(_))
    }

    fn become_tunnel(&mut self) {}
}

fn add(headers: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}

impl BodySink for H2ClientSink {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        if self.is_absent {
            return Ok(());
        }
        self.begin(true)?;
        match &mut self.body {
            Some(body) => body.data(data).await,
            None => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        self.begin(!self.is_absent)?;
        match &mut self.body {
            Some(body) => body.flush().await,
            None => Ok(()),
        }
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.begin(!trailers.is_empty())?;
        if let Some(body) = &mut self.body {
            body.end(trailers).await?;
        }
        *self.reply.borrow_mut() = Reply::Over;
        Ok(())
    }
}
