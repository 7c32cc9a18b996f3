//! A phase of the walk for few routes: somebody else is asked whether the request is served, and the request waits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::aside_head::{self, AsideHead, Told};
use super::auth_life::{Lasting, lasting, variant};
use crate::filter::{self, AuthReply, Fields, Question, Response};
use crate::http1::{Field, Method};
use crate::model::{AuthMemoryRule, RoutePolicy};
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
    let of_request = |vary: &[u8]| variant(vary, Fields { bytes: &walk.work.head, list: &walk.work.request.fields });
    let remembered = key.and_then(|(key, _)| memory.get(&route.spec, key, of_request, Instant::now()));
    let reply = match remembered {
        Some(reply) => Some(reply),
        None => match answer(walk, route, &question, key.map(|(_, rule)| rule), sink).await {
            Ok((reply, lasting)) => {
                let reply = Arc::new(reply);
                let lasting = lasting.filter(|lasting| !depends_on_ours(&lasting.vary, &question));
                if let Some(((key, _), Lasting { life, vary })) = key.zip(lasting) {
                    let depends = (&*vary, &*of_request(&vary));
                    memory.put(&route.spec, key, depends, Arc::clone(&reply), (Instant::now(), life));
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

/// Whether an answer depends on a field that we say ourselves: it differs for requests that are alike in all that clients say.
fn depends_on_ours(vary: &[u8], question: &Question<'_>) -> bool {
    let is_ours = |name: &[u8]| {
        let begins = |start: &[u8]| name.get(..start.len()).is_some_and(|of| of.eq_ignore_ascii_case(start));
        let is_said = |(of, _): &(filter::FieldName<'_>, Vec<u8>)| of.as_bytes().eq_ignore_ascii_case(name);
        begins(b"x-forwarded-") || begins(b"x-original-") || begins(b"x-real-ip") || question.fields.iter().any(is_said)
    };
    vary.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).any(is_ours)
}

/// What the service says, and by a rule how long that is remembered.
async fn answer(
    walk: &Walk<'_>,
    route: &Route<Target>,
    question: &Question<'_>,
    rule: Option<&AuthMemoryRule>,
    sink: &impl BodySink,
) -> Result<(AuthReply, Option<Lasting>), ProxyError> {
    let backend = route.target.besides.as_ref().and_then(|besides| besides.auth.as_ref());
    let backend = backend.ok_or(ProxyError::BackendUnavailable)?;
    let policy: &RoutePolicy = &route.spec.policy;
    let text = question.service.method.as_deref().unwrap_or("GET").as_bytes();
    let method = Method::of(text);
    let (target, host, fields) = (&*question.target, &*question.service.host, &*question.fields);
    let length = if method.is_safe() { None } else { Some(0) };
    let bytes =
        aside_head::compose(walk, &AsideHead { method: text, target, host, fields, length, told: Told::Client });
    let deadline = Instant::now() + policy.timeouts.response.min(LONGEST);
    let sent = Aside { backend, policy, bytes: &bytes, method, deadline };
    let AsideAnswer { bytes, head } = aside::send(walk.shard, &sent, sink).await?;
    let of = |field: &Field| (field.name.of(&bytes), field.value.of(&bytes));
    let travels = |field: &&Field| !field.hop && !field.kind.is_hop_by_hop();
    let kept = head.fields.iter().filter(travels).map(of).filter(|(name, _)| question.keeps(name));
    let reply =
        AuthReply { status: head.status, fields: kept.map(|(name, value)| (name.into(), value.into())).collect() };
    let lasting = rule.and_then(|rule| lasting(rule, head.status, head.fields.iter().map(of), SystemTime::now()));
    Ok((reply, lasting))
}
