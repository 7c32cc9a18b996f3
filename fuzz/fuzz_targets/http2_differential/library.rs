//! The `h2` crate reads.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::compare::{CLOSED, Course, Fields, Head, Seen, trimmed};
use crate::{ASKED, Answers};

/// A connection in memory: what was fed is there to read, what is written is thrown away. It never blocks and never
/// ends, so that everything is done when nothing is left to read.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<Vec<u8>>>);

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.0.borrow_mut();
        let length = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..length]);
        bytes.drain(..length);
        if length > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn fields(map: &HeaderMap, edit: impl Fn(&[u8]) -> Vec<u8>) -> Fields {
    let mut fields: Fields = map.iter().map(|(name, value)| (name.to_string(), edit(value.as_bytes()))).collect();
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields
}

/// A request as we mean it: crumbs are one Cookie, and Host is the authority.
fn request_head(request: &http::request::Parts) -> Head {
    let mut all = fields(&request.headers, <[u8]>::to_vec);
    let crumbs: Vec<Vec<u8>> = all.extract_if(.., |(name, _)| name == "cookie").map(|(_, value)| value).collect();
    if !crumbs.is_empty() {
        let crumbs: Vec<Vec<u8>> = crumbs.into_iter().filter(|crumb| !crumb.is_empty()).collect();
        all.push(("cookie".to_owned(), crumbs.join(&b"; "[..])));
    }
    let host = all.extract_if(.., |(name, _)| name == "host").map(|(_, value)| value).next();
    let authority = match request.uri.authority() {
        Some(authority) => authority.as_str().to_owned(),
        None => String::from_utf8_lossy(&host.unwrap_or_default()).into_owned(),
    };
    all.sort_by(|one, other| one.0.cmp(&other.0));
    let path = request.uri.path_and_query().map_or(String::new(), |path| path.as_str().to_owned());
    // We serve two schemes, and do not tell which one was asked for.
    let is_served = |scheme: &str| ["http", "https"].iter().any(|served| scheme.eq_ignore_ascii_case(served));
    let scheme = request.uri.scheme_str().filter(|scheme| !is_served(scheme)).unwrap_or("http");
    Head { start: vec![request.method.to_string(), scheme.to_owned(), path, authority], fields: all }
}

fn response_head<T>(response: &Response<T>) -> Head {
    Head { start: vec![response.status().as_u16().to_string()], fields: fields(response.headers(), trimmed) }
}

/// The end of a stream that receives.
#[derive(Default)]
struct Receiver {
    course: Course,
    body: Option<h2::RecvStream>,
    is_in_trailers: bool,
}

impl Receiver {
    /// Takes what has come. Tells whether that was anything.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_moved = false;
        while let Some(body) = &mut self.body {
            if !self.is_in_trailers {
                match body.poll_data(cx) {
                    Poll::Ready(Some(Ok(bytes))) => {
                        self.course.body.extend_from_slice(&bytes);
                        body.flow_control().release_capacity(bytes.len()).expect("no more than came");
                    }
                    Poll::Ready(Some(Err(_))) => self.cut(),
                    Poll::Ready(None) => self.is_in_trailers = true,
                    Poll::Pending => break,
                }
            } else {
                match body.poll_trailers(cx) {
                    Poll::Ready(Ok(trailers)) => {
                        self.course.trailers = trailers.map(|trailers| fields(&trailers, trimmed));
                        self.course.is_over = true;
                        self.body = None;
                    }
                    Poll::Ready(Err(_)) => self.cut(),
                    Poll::Pending => break,
                }
            }
            has_moved = true;
        }
        has_moved
    }

    fn cut(&mut self) {
        self.course.is_cut = true;
        self.body = None;
    }
}

/// What a server of the library understands of these pieces.
pub fn read_as_server(answers: Answers, pieces: &[Vec<u8>]) -> Seen {
    type Served = (u32, Receiver, Option<h2::server::SendResponse<Bytes>>);
    let cx = &mut Context::from_waker(Waker::noop());
    let pipe = Pipe::default();
    let mut handshake = h2::server::Builder::new().max_concurrent_streams(100).handshake(pipe.clone());
    let mut connection = None;
    let mut streams: Vec<Served> = Vec::new();
    let mut ended = None;
    for piece in pieces {
        pipe.0.borrow_mut().extend(piece);
        let mut has_moved = true;
        while has_moved && ended.is_none() {
            let Some(connection) = &mut connection else {
                match Pin::new(&mut handshake).poll(cx) {
                    Poll::Ready(Ok(made)) => connection = Some(made),
                    Poll::Ready(Err(error)) => ended = Some(error.to_string()),
                    Poll::Pending => has_moved = false,
                }
                continue;
            };
            has_moved = match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, mut respond)))) => {
                    let (head, body) = request.into_parts();
                    if answers == Answers::AtHead {
                        let _ = respond.send_response(Response::new(()), true);
                    }
                    let course = Course { heads: vec![request_head(&head)], ..Course::default() };
                    let receiver = Receiver { course, body: Some(body), is_in_trailers: false };
                    streams.push((respond.stream_id().as_u32(), receiver, Some(respond)));
                    true
                }
                Poll::Ready(Some(Err(error))) => {
                    ended = Some(error.to_string());
                    false
                }
                Poll::Ready(None) => {
                    ended = Some(CLOSED.to_owned());
                    false
                }
                Poll::Pending => false,
            };
            for (_, receiver, respond) in &mut streams {
                has_moved |= receiver.poll(cx);
                if receiver.course.is_over && answers == Answers::AtEnd {
                    respond.iter_mut().for_each(|respond| drop(respond.send_response(Response::new(()), true)));
                }
                if receiver.course.is_cut || receiver.course.is_over && answers != Answers::Never {
                    has_moved |= respond.take().is_some();
                }
            }
        }
    }
    let courses = streams.into_iter().map(|(id, receiver, _)| (id, receiver.course)).collect();
    Seen { courses, ended, ..Seen::default() }
}

/// What a client of the library understands of these pieces.
pub fn read_as_client(pieces: &[Vec<u8>]) -> Seen {
    type Asked = (u32, Receiver, Option<h2::client::ResponseFuture>, Option<h2::SendStream<Bytes>>);
    let cx = &mut Context::from_waker(Waker::noop());
    let pipe = Pipe::default();
    let mut builder = h2::client::Builder::new();
    let handshake = std::pin::pin!(builder.enable_push(false).handshake(pipe.clone()));
    let Poll::Ready(Ok((mut client, mut connection))) = handshake.poll(cx) else { panic!("the pipe is ready") };
    let mut streams: Vec<Asked> = Vec::new();
    for (method, is_end) in ASKED {
        let request = Request::builder().method(method).uri("http://a.example/").body(()).expect("a sound request");
        let (response, sender) = client.send_request(request, is_end).expect("so many streams may be open");
        streams.push((response.stream_id().as_u32(), Receiver::default(), Some(response), Some(sender)));
    }
    let mut ended = poll_end(cx, &mut connection);
    for piece in pieces {
        pipe.0.borrow_mut().extend(piece);
        let mut has_moved = true;
        while has_moved && ended.is_none() {
            ended = poll_end(cx, &mut connection);
            has_moved = false;
            for (_, receiver, response, sender) in &mut streams {
                has_moved |= poll_head(cx, receiver, response);
                has_moved |= receiver.poll(cx);
                if receiver.course.is_cut {
                    has_moved |= sender.take().is_some();
                }
            }
        }
    }
    let courses = streams.into_iter().map(|(id, receiver, ..)| (id, receiver.course)).collect();
    Seen { courses, ended, ..Seen::default() }
}

/// Takes the heads of responses that have come. Tells whether there were any.
fn poll_head(cx: &mut Context<'_>, receiver: &mut Receiver, response: &mut Option<h2::client::ResponseFuture>) -> bool {
    let Some(future) = response else { return false };
    let mut has_moved = false;
    while let Poll::Ready(Some(Ok(interim))) = future.poll_informational(cx) {
        receiver.course.heads.push(response_head(&interim));
        has_moved = true;
    }
    match Pin::new(future).poll(cx) {
        Poll::Ready(Ok(came)) => {
            receiver.course.heads.push(response_head(&came));
            receiver.body = Some(came.into_body());
        }
        Poll::Ready(Err(_)) => receiver.cut(),
        Poll::Pending => return has_moved,
    }
    *response = None;
    true
}

/// Drives the connection of a client. Tells why it ended if it did.
fn poll_end(cx: &mut Context<'_>, connection: &mut h2::client::Connection<Pipe>) -> Option<String> {
    match Pin::new(connection).poll(cx) {
        Poll::Ready(Ok(())) => Some(CLOSED.to_owned()),
        Poll::Ready(Err(error)) => Some(error.to_string()),
        Poll::Pending => None,
    }
}
