//! A copy of a request for another service. Its answer is thrown away, and the client waits for none of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aside_head::{self, AsideHead, Told};
use crate::filter;
use crate::http1::{Framing, Method, writer};
use crate::model::{MirrorBody, RoutePolicy};
use crate::observe::Mirrored;
use crate::proxy::pods::aside::{self, Aside, Nobody};
use crate::proxy::shard::Shard;
use crate::proxy::shard::copies::CopyPlace;
use crate::proxy::walk::Walk;
use crate::proxy::walk::body_copy::{BodyCopy, LONGEST as BODY};
use crate::proxy::walk::client_io::ClientSource;
use crate::routing::Route;
use crate::upstream::{Backend, Target};

/// Longest time that a copy may take.
const LONGEST: Duration = Duration::from_secs(60);

/// A copy that may be sent.
struct Copy {
    shard: Rc<Shard>,
    backend: Backend,
    policy: Arc<RoutePolicy>,
    method: Method,
    /// Its head, without a length.
    bytes: Vec<u8>,
    /// Its place among those under way.
    place: CopyPlace,
}

/// What a copy has of the request's body.
enum Body<'a> {
    /// None, and says nothing of one.
    Nothing,
    /// This.
    Whole(&'a [u8]),
    /// What is still to come, of this length where it is known.
    Coming(Option<u64>),
}

/// Sends a copy, now or when it has its body, unless too many are under way or its body is too long.
pub(super) fn send<S: ClientSource>(walk: &mut Walk<'_>, route: &Route<Target>, source: &S) {
    let prepared = prepared(walk, route, source);
    let Some((copy, body)) = prepared else { return walk.shard.metrics.mirrored(Mirrored::Dropped) };
    match body {
        Body::Nothing => copy.send(None),
        Body::Whole(body) => copy.send(Some(body)),
        Body::Coming(length) => {
            let done = move |body: Option<Vec<u8>>| match body {
                Some(body) => copy.send(Some(&body)),
                None => copy.shard.metrics.mirrored(Mirrored::Dropped),
            };
            let waiting = Box::new(BodyCopy::new(length, Box::new(done)));
            walk.record.kept.get_or_insert_default().body_copy.set(Some(waiting));
        }
    }
}

impl Copy {
    /// Sends it, with this body if it has one.
    fn send(self, body: Option<&[u8]>) {
        let Self { shard, backend, policy, method, mut bytes, place } = self;
        if let Some(body) = body {
            writer::framing_field(&mut bytes, Framing::Length(body.len() as u64));
        }
        bytes.extend_from_slice(writer::HEAD_END);
        bytes.extend_from_slice(body.unwrap_or_default());
        tokio::task::spawn_local(async move {
            let deadline = Instant::now() + policy.timeouts.response.min(LONGEST);
            let sent = Aside { backend: &backend, policy: &policy, bytes: &bytes, method, deadline };
            let result = match aside::send(&shard, &sent, &Nobody).await {
                Ok(_) => Mirrored::Answered,
                Err(error) => {
                    tracing::debug!(%error, "a copy of a request has no answer");
                    Mirrored::Failed
                }
            };
            shard.metrics.mirrored(result);
            drop(place);
        });
    }
}

/// The copy, and what it has of the body.
fn prepared<'s, S: ClientSource>(walk: &Walk<'_>, route: &Route<Target>, source: &'s S) -> Option<(Copy, Body<'s>)> {
    let mirror = filter::mirror(&route.spec.filters)?;
    let place = walk.shard.copies.place()?;
    let work = &*walk.work;
    let body = match (mirror.body, work.request.framing) {
        (MirrorBody::Nothing, _) | (_, Framing::None) => Body::Nothing,
        (MirrorBody::Whole, Framing::Length(0)) => Body::Whole(b""),
        (MirrorBody::Whole, Framing::Length(length)) if length > BODY as u64 => return None,
        (MirrorBody::Whole, Framing::Length(length)) => source.whole().map_or(Body::Coming(Some(length)), Body::Whole),
        (MirrorBody::Whole, Framing::Chunked) => Body::Coming(None),
        (MirrorBody::Whole, Framing::UntilClose) => return None,
    };
    let (target, host) = filter::copied(mirror, &work.request_change.copy)?;
    let method = work.request.method_text.of(&work.head);
    let head = AsideHead { method, target, host, fields: &[], length: None, told: Told::All };
    let mut bytes = aside_head::compose(walk, &head);
    bytes.truncate(bytes.len() - writer::HEAD_END.len());
    let copy = Copy {
        shard: Rc::clone(walk.shard),
        backend: route.target.besides.as_ref()?.mirror.clone()?,
        policy: Arc::clone(&route.spec.policy),
        method: work.request.method,
        bytes,
        place,
    };
    Some((copy, body))
}
