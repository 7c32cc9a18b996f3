//! A copy of a request for another service. Its answer is thrown away, and the client waits for none of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aside_head::{self, AsideHead, Told};
use crate::filter;
use crate::http1::Framing;
use crate::model::MirrorBody;
use crate::observe::Mirrored;
use crate::proxy::pods::aside::{self, Aside, Nobody};
use crate::proxy::shard::copies::CopyPlace;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::ClientSource;
use crate::routing::Route;
use crate::upstream::Target;

/// Longest body of a copy. Bytes.
const BODY: usize = 64 * 1024;
/// Longest time that a copy may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Sends a copy, unless too many are under way or its body has not arrived.
pub(super) fn send<S: ClientSource>(walk: &Walk<'_>, route: &Route<Target>, source: &S) {
    let shard = walk.shard;
    let outcome = prepared(walk, route, source);
    let Some((bytes, place)) = outcome else { return shard.metrics.mirrored(Mirrored::Dropped) };
    let Some(backend) = route.target.besides.as_ref().and_then(|besides| besides.mirror.clone()) else { return };
    let (shard, policy, method) = (Rc::clone(shard), Arc::clone(&route.spec.policy), walk.work.request.method);
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

/// The copy as bytes, and its place among those under way.
fn prepared<S: ClientSource>(walk: &Walk<'_>, route: &Route<Target>, source: &S) -> Option<(Vec<u8>, CopyPlace)> {
    let mirror = filter::mirror(&route.spec.filters)?;
    let place = walk.shard.copies.place()?;
    let work = &*walk.work;
    let body = match (mirror.body, work.request.framing) {
        (MirrorBody::Nothing, _) | (_, Framing::None) => None,
        (MirrorBody::Whole, Framing::Length(0)) => Some(&b""[..]),
        (MirrorBody::Whole, Framing::Length(_)) => Some(source.whole().filter(|body| body.len() <= BODY)?),
        (MirrorBody::Whole, Framing::Chunked | Framing::UntilClose) => return None,
    };
    let mut bytes = aside_head::compose(
        walk,
        &AsideHead {
            method: work.request.method_text.of(&work.head),
            target: &work.request_change.copy,
            host: &mirror.host,
            fields: &[],
            length: body.map(<[u8]>::len),
            told: Told::All,
        },
    );
    bytes.extend_from_slice(body.unwrap_or_default());
    Some((bytes, place))
}
