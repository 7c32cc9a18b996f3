//! The task of an HTTP/2 connection to an endpoint: it takes in what has come and sends what the requests have written.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::connect::speaks_tls;
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Arrival, Event};
use crate::observe::{Http2Limit, Http2Side};
use crate::proxy::shard::Shard;
use crate::proxy::shard::session::{Loss, Session};
use crate::proxy::shard::timer::LazyTimer;
use crate::proxy::wire::h2::broken_rule;
use crate::proxy::wire::h2::transport::Transport;

/// Reads of one poll: then other tasks have their turn.
const READS: usize = 8;
/// A pod from which nothing has come for this time, although a request waits, is asked whether it lives. Servers of gRPC
/// close connections that ask more often than every five minutes.
const QUIET: Duration = Duration::from_secs(310);
/// How long it has to answer.
const PONG: Duration = Duration::from_secs(20);
/// How long a pod is given to take what ends its connection.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Drives the connection to its end. Requests on it notice the end by themselves.
pub(super) async fn drive(shard: Rc<Shard>, session: Rc<Session>, transport: Transport) {
    let roster = Rc::clone(&shard);
    let _listed = roster.h2_pods.list(&session);
    let mut driver = Driver::new(shard, session, transport);
    let is_told = poll_fn(|cx| driver.poll(cx)).await;
    driver.session.give_up();
    driver.session.lost_all();
    if is_told {
        let Driver { session, transport, .. } = &mut driver;
        let said = poll_fn(|cx| transport.poll_send(cx, &mut session.link.codec.borrow_mut()));
        let _ = timeout(LAST_WORDS, said).await;
        transport.socket.close().await;
    }
}

/// A connection to an endpoint.
struct Driver {
    shard: Rc<Shard>,
    session: Rc<Session>,
    transport: Transport,
    began: Instant,
    /// Since when a head is not complete.
    head_since: Option<Instant>,
    /// When something came last.
    heard: Instant,
    /// When the pod was asked whether it lives, if it has not said anything since.
    asked: Option<Instant>,
    timer: LazyTimer,
}

impl Driver {
    fn new(shard: Rc<Shard>, session: Rc<Session>, transport: Transport) -> Self {
        let began = Instant::now();
        Self {
            shard,
            session,
            transport,
            began,
            head_since: None,
            heard: began,
            asked: None,
            timer: LazyTimer::default(),
        }
    }

    /// Ready at the end of the connection: true if the pod is to be told.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let session = Rc::clone(&self.session);
        session.link.driven_by(cx.waker());
        session.link.lend_output();
        let received = self.receive(cx);
        if received.is_ok() && session.is_given_up() && session.leases() == 0 {
            session.link.codec.borrow_mut().goaway(ErrorCode::NO_ERROR);
            return Poll::Ready(true);
        }
        let sent = self.transport.poll_send(cx, &mut session.link.codec.borrow_mut());
        session.link.has_sent();
        session.link.return_output();
        match (received, sent) {
            (Err(is_told), _) => Poll::Ready(is_told),
            (Ok(()), Poll::Ready(Err(_))) => Poll::Ready(false),
            (Ok(()), Poll::Ready(Ok(())) | Poll::Pending) => self.poll_deadlines(cx),
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> Result<(), bool> {
        for _ in 0..READS {
            match self.transport.poll_receive(cx, &self.shard.buffers) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_)) => return Err(false),
                Poll::Ready(Ok(buffer)) => self.take_in(buffer.data())?,
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn take_in(&mut self, mut input: &[u8]) -> Result<(), bool> {
        let now = self.began.elapsed();
        if self.heard == self.began && speaks_tls(input) {
            self.session.met_tls();
            return Err(false);
        }
        (self.heard, self.asked) = (self.began + now, None);
        let shard = Rc::clone(&self.shard);
        let arrival = &mut *shard.arrival.borrow_mut();
        while !input.is_empty() {
            let received = self.session.link.codec.borrow_mut().receive(input, arrival, now);
            let (used, event) = received.map_err(|ending| {
                tracing::debug!(code = %ending.code, reason = ending.reason, "an HTTP/2 connection to a pod ends");
                broke(&shard, broken_rule::of_codec(self.session.link.codec.borrow().limit()));
                true
            })?;
            input = &input[used..];
            match event {
                Some(event) => happened(&shard, &self.session, event, arrival),
                None => break,
            }
        }
        let is_in_head = self.session.link.codec.borrow().is_in_head();
        if !is_in_head {
            self.head_since = None;
        } else if self.head_since.is_none() {
            self.head_since = Some(Instant::now());
        }
        Ok(())
    }

    /// Ready with false when the pod has taken nothing for too long, does not finish a head, or does not say that it lives.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            let patience = self.shard.sessions.stall();
            let [head, stall] =
                [self.head_since, self.transport.stall.since()].map(|since| since.map(|at| at + patience));
            let is_waiting = self.session.leases() > 0;
            let silence = is_waiting.then(|| self.asked.map_or(self.heard + QUIET, |asked| asked + PONG));
            let Some(deadline) = [head, stall, silence].into_iter().flatten().min() else { return Poll::Pending };
            ready!(self.timer.poll_past(cx, deadline));
            let now = Instant::now();
            let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
            if is_over(head) || is_over(stall) || self.asked.is_some() {
                let is_head = is_over(head) && !is_over(stall);
                broke(&self.shard, if is_head { Http2Limit::HeadTimeout } else { Http2Limit::Stalled });
                return Poll::Ready(false);
            }
            self.asked = Some(now);
            self.session.link.lend_output();
            self.session.link.codec.borrow_mut().ping();
            // The question is to be sent.
            cx.waker().wake_by_ref();
        }
    }
}

/// The pod went beyond a limit or broke another rule.
#[cold]
fn broke(shard: &Shard, limit: Http2Limit) {
    shard.metrics.http2_limit(Http2Side::Pod, limit);
}

fn happened(shard: &Shard, session: &Session, event: Event<'_>, arrival: &mut Arrival) {
    let link = &session.link;
    match event {
        Event::Response { stream, is_end, verdict } => {
            if let Err(error) = verdict {
                broke(shard, broken_rule::of_response(error));
            }
            session.answered(stream, verdict, arrival);
            if is_end {
                link.arrived(stream, &[], true);
            }
        }
        Event::Data { stream, bytes, is_end } => link.arrived(stream, bytes, is_end),
        Event::Trailers { stream } => link.ended(stream, &arrival.bytes),
        Event::Reset { stream, code, by_peer, reason, limit } => {
            if !by_peer {
                broke(shard, broken_rule::of_codec(limit));
            }
            session.lost(stream, Loss::of_reset(code, by_peer, reason));
        }
        Event::Writable { stream } => link.offer_room(stream),
        Event::Settings => {
            link.offer_room(None);
            session.offer_streams();
        }
        Event::Goaway { last, .. } => {
            session.give_up();
            session.left_behind(last);
        }
        // No client opens streams here.
        Event::Request { .. } | Event::Rejected { .. } | Event::Pong => {}
    }
}
