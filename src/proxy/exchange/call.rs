//! A phase of the walk for few routes: somebody else is asked whether the request is served, and the request waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aside_head::{self, AsideHead};
use crate::filter::{self, AuthReply, Fields, Question, Response};
use crate::http1::{Field, Method};
use crate::model::RoutePolicy;
use crate::proxy::error::ProxyError;
use crate::proxy::pods::aside::{self, Aside, AsideAnswer};
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::wire::body::BodySink;
use crate::routing::Route;
use crate::upstream::Target;

/// Longest time that a request waits to be served or not, whatever its route says.
const LONGEST: Duration = Duration::from_secs(60);

/// Asks. `None`: the request is served, with what its pod gets of the answer.
pub(super) async fn call<'r>(
    walk: &mut Walk<'_>,
    route: &Route<Target>,
    question: Question<'r>,
    sink: &impl BodySink,
) -> Result<Option<Response<'r>>, ProxyError> {
    let memory = &walk.shard.auth_memory;
    let key = question.key.as_deref().zip(question.service.memory.as_ref());
    let remembered = key.and_then(|(key, _)| memory.get(&route.spec, key, Instant::now()));
    let reply = match remembered {
        Some(reply) => Some(reply),
        None => match answer(walk, route, &question, sink).await {
            Ok((reply, may_remember)) => {
                let reply = Arc::new(reply);
                let life = key.filter(|_| may_remember).and_then(|(key, rule)| Some((key, rule.life(reply.status)?)));
                if let Some((key, life)) = life {
                    memory.put(&route.spec, key, Arc::clone(&reply), Instant::now(), life);
                }
                Some(reply)
            }
            Err(error @ ProxyError::ClientClosed) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "an authentication service does not answer");
                None
            }
        },
    };
    if let Some(cookies) = reply.as_ref().and_then(|reply| question.cookies(reply)) {
        walk.record.kept.get_or_insert_default().cookies = Some(cookies);
    }
    let ExchangeBuffers { head, request, request_change, .. } = &mut *walk.work;
    let head = Fields { bytes: head, list: &request.fields };
    Ok(filter::called(&question, reply.as_deref(), head, request_change))
}

/// What the service says, and whether that may be remembered.
async fn answer(
    walk: &Walk<'_>,
    route: &Route<Target>,
    question: &Question<'_>,
    sink: &impl BodySink,
) -> Result<(AuthReply, bool), ProxyError> {
    let backend = route.target.besides.as_ref().and_then(|besides| besides.auth.as_ref());
    let backend = backend.ok_or(ProxyError::BackendUnavailable)?;
    let policy: &RoutePolicy = &route.spec.policy;
    let text = question.service.method.as_deref().unwrap_or("GET").as_bytes();
    let method = Method::of(text);
    let (target, host, fields) = (&*question.target, &*question.service.host, &*question.fields);
    let length = if method.is_safe() { None } else { Some(0) };
    let bytes = aside_head::compose(walk, &AsideHead { method: text, target, host, fields, length });
    let deadline = Instant::now() + policy.timeouts.response.min(LONGEST);
    let sent = Aside { backend, policy, bytes: &bytes, method, deadline };
    let AsideAnswer { bytes, head } = aside::send(walk.shard, &sent, sink).await?;
    let of = |field: &Field| (field.name.of(&bytes), field.value.of(&bytes));
    let travels = |field: &&Field| !field.hop && !field.kind.is_hop_by_hop();
    let kept = head.fields.iter().filter(travels).map(of).filter(|(name, _)| question.keeps(name));
    let reply =
        AuthReply { status: head.status, fields: kept.map(|(name, value)| (name.into(), value.into())).collect() };
    let may_remember = !reply.sets_cookie() && !head.fields.iter().map(of).any(forbids_memory);
    Ok((reply, may_remember))
}

/// Whether a field says that an answer must not be given to another request.
fn forbids_memory((name, value): (&[u8], &[u8])) -> bool {
    let mut words = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let is_one = |word: &[u8]| {
        let name = word.split(|&byte| byte == b'=').next().unwrap_or_default();
        [&b"no-store"[..], b"no-cache", b"private"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    name.eq_ignore_ascii_case(b"cache-control") && words.any(is_one)
        || name.eq_ignore_ascii_case(b"vary") && value == b"*"
}
