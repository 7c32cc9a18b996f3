//! What is known about an exchange when it ends. It is counted and logged once, however the exchange ends.

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::body_copy::BodyCopy;
use super::peer::{Peer, Scheme};
use super::tallied::{self, Fate, Outcome, TalliedCell};
use super::termination::{self, Progress};
use crate::filter::{self, AuthCookies, Session};
use crate::http1::{FieldKind, RequestError, Version};
use crate::model::LogLines;
use crate::observe::{
    AnswerCaptures, Details, Entry, Listener, ListenerTally, Refusal, RouteDetail, RoutePart, Served, TlsPart,
    UpstreamPart,
};
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::wire::tls::stream::TlsVersion;
use crate::routing::Route;
use crate::upstream::{Destination, Target};

/// The facts of one exchange. The phases fill them in.
pub(crate) struct Record {
    started: Instant,
    /// The route that took it.
    pub route: Option<Arc<Route<Target>>>,
    /// Whether its listener stands for https.
    pub is_https: bool,
    /// What filters of the route keep for the answer. Few do.
    pub kept: Option<Box<Kept>>,
    /// The session of the client, where a filter of the route keeps one.
    pub session: Option<Session>,
    /// Status of the final answer; 0 before there is one.
    pub status: Cell<u16>,
    /// Bytes of the request's body.
    pub received: Cell<u64>,
    /// Bytes of the answer's body.
    pub sent: Cell<u64>,
    /// The endpoint of the last attempt.
    pub endpoint: Cell<Option<SocketAddr>>,
    /// From when the connection had the request of the last attempt to the head of its answer.
    pub head_after: Cell<Option<Duration>>,
    /// When the last attempt began.
    pub attempted: Cell<Option<Instant>>,
    /// When the connection of the last attempt had the request, if it got that far.
    pub handed_over: Cell<Option<Instant>>,
    /// How long it has waited for an endpoint that is not full. Milliseconds.
    pub queued: Cell<u32>,
    /// Attempts.
    pub attempts: Cell<u8>,
    /// Whether the client waits for 100 (Continue) before it sends its body, and nobody has said it.
    pub awaits_go_on: Cell<bool>,
    /// The version of TLS of the last attempt's connection, if it has one.
    pub pod_tls: Cell<Option<TlsVersion>>,
    /// Whether the answer carries an explanation.
    pub is_explained: bool,
    /// The filter that answered.
    pub answered_by: Option<&'static str>,
    /// The status for which another backend answers; 0: none does.
    pub replaced: Cell<u16>,
    /// Whether the client's connection ends behind the answer, whatever the answer says.
    pub must_close: Cell<bool>,
    /// Why it went wrong.
    pub error: Cell<Option<&'static str>>,
    /// The rule of HTTP/2 that the pod's answer broke.
    pub broken_rule: Cell<Option<&'static str>>,
    /// How an error ended it, as HAProxy tells it.
    ended: Cell<[u8; 2]>,
    /// The status that a client was told which then left; 0 where it left before.
    told: Cell<u16>,
    /// Whether the client is to blame for the answer.
    pub is_refused: Cell<bool>,
    /// What it has begun where it is counted in the manner of HAProxy.
    pub tallied: TalliedCell,
}

/// What filters keep of a request for its answer.
#[derive(Default)]
pub(crate) struct Kept {
    /// The origin of the page that asks, where a filter decides by it.
    pub origin: Option<Box<[u8]>>,
    /// What variables in fields for the client come to.
    pub values: Option<Box<[Box<[u8]>]>>,
    /// What it says for what is rewritten of URLs in answers.
    pub url_values: Option<Box<[Box<[u8]>]>>,
    /// Cookies of an authentication service, for the client.
    pub cookies: Option<AuthCookies>,
    /// A copy of the request that waits for its body.
    pub body_copy: Cell<Option<Box<BodyCopy>>>,
    /// What a line of the log shows of the answer, where it shows something.
    pub captured: Option<Captured>,
}

/// What a line of the log shows of an answer.
pub(crate) struct Captured {
    fields: AnswerCaptures,
    block: OnceCell<Box<[u8]>>,
}

impl Captured {
    /// Of these fields, once there is an answer.
    pub(crate) fn of(fields: AnswerCaptures) -> Self {
        Self { fields, block: OnceCell::new() }
    }

    /// Keeps what is shown of an answer with this head.
    pub(crate) fn keep(&self, fields: filter::Fields<'_>) {
        // The first answer is the one that the client gets.
        self.block.get_or_init(|| self.fields.block(|name| fields.last(name)));
    }
}

/// Times of an attempt, each since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// To when its connection had the request.
    pub(crate) connect: Option<Duration>,
    /// To the head of the answer.
    pub(crate) head: Option<Duration>,
    /// To the end of the answer.
    pub(crate) response: Option<Duration>,
}

impl Record {
    /// An exchange whose first byte came at `started`.
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            route: None,
            kept: None,
            session: None,
            is_https: false,
            status: Cell::new(0),
            received: Cell::new(0),
            sent: Cell::new(0),
            endpoint: Cell::new(None),
            head_after: Cell::new(None),
            attempted: Cell::new(None),
            handed_over: Cell::new(None),
            queued: Cell::new(0),
            attempts: Cell::new(0),
            awaits_go_on: Cell::new(false),
            pod_tls: Cell::new(None),
            is_explained: false,
            answered_by: None,
            replaced: Cell::new(0),
            must_close: Cell::new(false),
            error: Cell::new(None),
            broken_rule: Cell::new(None),
            ended: Cell::new(termination::WELL),
            told: Cell::new(0),
            is_refused: Cell::new(false),
            tallied: Cell::new(None),
        }
    }

    /// Whether another backend answers instead of a pod that answers with this status.
    #[inline]
    pub(crate) fn intercepts(&self, status: u16) -> bool {
        status >= 300
            && self.replaced.get() == 0
            && self.route.as_ref().is_some_and(|route| filter::intercepts(&route.spec.filters, status))
    }

    /// Whether another backend answers where no pod does, which is answered with this status.
    pub(crate) fn replaces(&self, status: u16) -> bool {
        status >= 300
            && self.replaced.get() == 0
            && self.route.as_ref().is_some_and(|route| filter::replaces(&route.spec.filters, status))
    }

    /// The copy that waits for the request's body, which is about to be handed out.
    #[inline]
    pub(crate) fn take_body_copy(&self) -> Option<Box<BodyCopy>> {
        self.kept.as_ref()?.body_copy.take()
    }

    /// Keeps the copy that waits for the rest of the body, as another attempt may hand it out.
    pub(crate) fn keep_body_copy(&self, copy: Box<BodyCopy>) {
        if let Some(kept) = &self.kept {
            kept.body_copy.set(Some(copy));
        }
    }

    /// Notes what went wrong.
    pub(crate) fn failed(&self, shard: &Shard, error: &ProxyError) {
        self.error.set(Some(error.reason()));
        self.ended.set(termination::state(error, self.progress()));
        self.is_refused.set(error.side() == Side::Client);
        if self.route.is_none()
            && let Some(refusal) = refusal(error)
        {
            shard.metrics.refused(refusal);
        }
        if error.side() == Side::Client && matches!(error, ProxyError::ClientClosed | ProxyError::ClientStalled) {
            self.told.set(self.status.get());
            self.status.set(error.status());
        }
    }

    /// How far it has come.
    fn progress(&self) -> Progress {
        match (self.attempts.get(), self.handed_over.get(), self.head_after.get()) {
            (0, _, _) => Progress::Request,
            (_, None, _) => Progress::Connection,
            (_, Some(_), None) => Progress::Head,
            (_, Some(_), Some(_)) => Progress::Body,
        }
    }

    /// How long its head took, which was complete then.
    pub(super) fn received_after(&self, ready_at: Instant) -> Duration {
        ready_at.saturating_duration_since(self.started)
    }

    /// How it ended, as HAProxy tells it.
    pub(super) fn state(&self) -> [u8; 2] {
        let is_refusal = self.answered_by.is_some() && self.status.get() >= 400 && self.status.get() != 401;
        match (self.ended.get(), self.attempts.get()) {
            (termination::WELL, 0) if is_refusal => termination::REFUSED,
            (termination::WELL, 0) => termination::ANSWERED,
            (state, _) => state,
        }
    }

    /// The status that the client was told; 0 where it left before.
    pub(super) fn told(&self) -> u16 {
        if self.status.get() == ProxyError::ClientClosed.status() { self.told.get() } else { self.status.get() }
    }

    /// What a line of the log shows of the answer.
    pub(super) fn captured(&self) -> Option<&[u8]> {
        self.kept.as_ref()?.captured.as_ref()?.block.get().map(|block| &**block)
    }

    /// Counts in the manner of ingress-nginx.
    #[cold]
    #[inline(never)]
    fn count_in_detail(&self, detail: &RouteDetail, work: &ExchangeBuffers, now: Instant) {
        let Times { connect, head, response } = self.times(now);
        detail.record(&Served {
            method: if work.head.is_empty() { b"" } else { work.request.method_text.of(&work.head) },
            status: self.status.get(),
            duration: now.saturating_duration_since(self.started),
            connect,
            head,
            response,
            request_bytes: work.head.len() as u64 + self.received.get(),
            response_bytes: self.sent.get(),
            is_canary: self.route.as_ref().is_some_and(|route| route.is_canary),
        });
    }

    /// Counts in the manner of HAProxy: at the listener, and where the exchange has begun something.
    #[cold]
    #[inline(never)]
    fn tally(&self, listener: &ListenerTally, request_bytes: u64, now: Instant) {
        let Times { connect, head, response: _ } = self.times(now);
        let after = head.zip(connect).map(|(head, connect)| head.saturating_sub(connect));
        let queued = Duration::from_millis(self.queued.get().into());
        let total = now.saturating_duration_since(self.started);
        let status = self.status.get();
        let is_left =
            |error: &str| error == ProxyError::ClientClosed.reason() || error == ProxyError::ClientStalled.reason();
        let outcome = Outcome {
            now,
            status,
            request_bytes,
            response_bytes: self.sent.get(),
            times: [queued, connect.unwrap_or_default(), after.unwrap_or_default(), total],
            fate: match self.error.get() {
                Some(error) if is_left(error) => Fate::Left(head.is_some()),
                _ if self.answered_by.is_some() && (400..500).contains(&status) => Fate::Denied,
                Some(_) if self.is_refused.get() => Fate::Refused,
                _ if head.is_some() => Fate::Answered,
                _ => Fate::Unanswered,
            },
        };
        tallied::at_listener(listener, &outcome);
        if let Some(tallied) = self.tallied.take() {
            tallied.end(&outcome);
        }
    }

    /// The times of the last attempt, of a request that is over.
    pub(crate) fn times(&self, now: Instant) -> Times {
        let since = |at: Instant| self.attempted.get().map(|began| at.saturating_duration_since(began));
        let connect = self.handed_over.get().and_then(since);
        let head = self.head_after.get();
        Times { connect, head: connect.and_then(|connect| Some(connect + head?)), response: since(now) }
    }

    /// Counts and logs. `details` are those of the same request.
    pub(crate) fn finish(
        &self,
        shard: &Shard,
        peer: &Peer,
        work: &ExchangeBuffers,
        now: Instant,
        details: &impl Details,
    ) {
        let duration = now.saturating_duration_since(self.started);
        let status = self.status.get();
        let request_bytes = work.head.len() as u64 + self.received.get();
        let metrics = self.route.as_ref().map_or_else(|| shard.metrics.unrouted(), |route| &route.target.metrics);
        metrics.record(status, duration, request_bytes, self.sent.get());
        let detail = match &self.route {
            Some(route) => route.target.detail.as_ref(),
            None => shard.metrics.unrouted_detail(),
        };
        if let Some(detail) = detail {
            self.count_in_detail(detail, work, now);
        }
        let listener = if peer.tls.is_some() { Listener::Https } else { Listener::Http };
        if let Some(tally) = shard.metrics.listener(listener).tally() {
            self.tally(tally, request_bytes, now);
        }
        let log = self.route.as_ref().map_or(LogLines::Written, |route| route.spec.policy.log);
        if !shard.access_log.is_on() || log == LogLines::LeftOut {
            return;
        }
        let request = &work.request;
        let is_known = !work.head.is_empty();
        let of = |kind| request.field(kind).map(|field| field.value.of(&work.head));
        let entry = Entry {
            time: SystemTime::now().checked_sub(duration).unwrap_or(SystemTime::UNIX_EPOCH),
            client: client(peer),
            scheme: peer.scheme.as_str(),
            method: if is_known { request.method_text.of(&work.head) } else { b"" },
            host: if is_known { request.authority.of(&work.head) } else { b"" },
            target: if is_known { request.target.of(&work.head) } else { b"" },
            protocol: match (peer.is_http2, request.version) {
                (true, _) => "HTTP/2.0",
                (false, Version::Http11) => "HTTP/1.1",
                (false, Version::Http10) => "HTTP/1.0",
            },
            status,
            request_bytes,
            response_bytes: self.sent.get(),
            duration,
            upstream: self.endpoint.get().map(|address| UpstreamPart {
                address,
                head: self.head_after.get(),
                attempts: self.attempts.get(),
                tls: self.pod_tls.get().map(TlsVersion::as_str),
            }),
            route: self.route.as_ref().map(|route| RoutePart {
                namespace: &route.spec.origin.label().namespace,
                ingress: &route.spec.origin.label().name,
                service: match &route.target.destination {
                    Destination::Forward(backend) => &backend.upstream.key().service.name,
                    Destination::Reply(_) => "",
                },
            }),
            request_id: work.request_id.as_bytes(),
            user_agent: if is_known { of(FieldKind::UserAgent) } else { None },
            referer: if is_known { of(FieldKind::Referer) } else { None },
            tls: peer
                .tls
                .as_ref()
                .map(|tls| TlsPart { version: tls.version.as_str(), sni: tls.server_name.as_deref() }),
            error: self.error.get(),
        };
        shard.access_log.log(&entry, details);
    }
}

fn client(peer: &Peer) -> IpAddr {
    debug_assert!(peer.scheme == Scheme::Https || peer.tls.is_none(), "TLS is spoken on its listener only");
    peer.address.ip().to_canonical()
}

/// The counter for requests that never reached a route.
fn refusal(error: &ProxyError) -> Option<Refusal> {
    match error {
        ProxyError::Request(error) => Some(match (error, error.status()) {
            (_, 414) => Refusal::TargetTooLong,
            (_, 431) => Refusal::HeadTooLarge,
            (_, 417) => Refusal::Expectation,
            (_, 405 | 501) => Refusal::Unsupported,
            (_, 505) => Refusal::Version,
            (
                RequestError::Authority(_)
                | RequestError::HostMissing
                | RequestError::HostRepeated
                | RequestError::HostDiffers,
                _,
            ) => Refusal::Host,
            _ => Refusal::Malformed,
        }),
        ProxyError::HeadTimeout => Some(Refusal::Timeout),
        ProxyError::PathInvalid | ProxyError::PathAmbiguous => Some(Refusal::Path),
        ProxyError::Misdirected => Some(Refusal::Misdirected),
        ProxyError::MethodNotAllowed => Some(Refusal::Unsupported),
        ProxyError::BodyTooLarge
        | ProxyError::RequestBody(_)
        | ProxyError::BodyTimeout
        | ProxyError::ClientClosed
        | ProxyError::ClientStalled
        | ProxyError::NoRoute
        | ProxyError::BackendUnavailable
        | ProxyError::NoEndpoints
        | ProxyError::UpstreamFull
        | ProxyError::QueueTimeout
        | ProxyError::ConnectRefused
        | ProxyError::ConnectOther
        | ProxyError::ConnectTimeout
        | ProxyError::PodTls(_)
        | ProxyError::PodSpeaksTls
        | ProxyError::UpstreamClosed
        | ProxyError::UpstreamTruncated
        | ProxyError::Response(_)
        | ProxyError::ResponseBody(_)
        | ProxyError::ResponseRule
        | ProxyError::InterimFlood
        | ProxyError::UpgradeUnsupported
        | ProxyError::PassedOver
        | ProxyError::Replaced
        | ProxyError::UpstreamCancelled
        | ProxyError::UpstreamStream
        | ProxyError::ResponseTimeout
        | ProxyError::ResponseStalled
        | ProxyError::UpstreamStalled => None,
    }
}
