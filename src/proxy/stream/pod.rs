//! A connection to an endpoint for a stream: the same choice, limits, health and budget of retries as requests have.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use crate::model::{Balance, ListenerKey, Preference, RoutePolicy, StreamAffinity, StreamSpec, Transport, key_of};
use crate::observe::{StreamFailure, UpstreamFailure};
use crate::proxy::error::ProxyError;
use crate::proxy::pods::connect::reach_endpoint;
use crate::proxy::pods::ejection;
use crate::proxy::pods::pick::{pick, pick_in_line};
use crate::proxy::shard::Shard;
use crate::proxy::shard::connections::Counted;
use crate::routing::{Draw, Route};
use crate::upstream::{Backend, Destination, InFlight, Target, Unpicked, Wanted};

/// Where connections to a port go at this moment.
pub(super) struct Current {
    pub(super) spec: Arc<StreamSpec>,
    pub(super) route: Arc<Route<Target>>,
    pub(super) affinity: StreamAffinity,
}

/// What the table says of a port; `None`: nothing, it was closed.
pub(super) fn current(shard: &Shard, key: &ListenerKey) -> Option<Current> {
    let table = shard.table.load();
    let stream = table.stream(key)?;
    let (of, route) = stream.route()?;
    let route = route.choose(&Draw { random: &|| shard.random() as u64, asks: &|_| None, lives: &has_endpoint });
    Some(Current { spec: Arc::clone(stream.spec()), route: Arc::clone(route), affinity: of.affinity })
}

fn has_endpoint(target: &Target) -> bool {
    backend(target).is_some_and(|backend| !backend.upstream.endpoints().is_empty())
}

/// The upstream of a target; `None`: there is none.
pub(super) fn backend(target: &Target) -> Option<&Backend> {
    match &target.destination {
        Destination::Forward(backend) => Some(backend),
        Destination::Reply(_) => None,
    }
}

/// Whether an endpoint is a port of streams of our own: what is sent there would go round for ever.
pub(super) fn leads_back(shard: &Shard, endpoint: SocketAddr, transport: Transport) -> bool {
    let key = ListenerKey { transport, port: endpoint.port() };
    shard.ports.are_at(endpoint.ip()) && shard.table.load().stream(&key).is_some()
}

/// The endpoint that a client prefers.
pub(super) fn preference(affinity: StreamAffinity, client: IpAddr) -> Option<Preference> {
    let key = match (affinity, client.to_canonical()) {
        (StreamAffinity::None, _) => return None,
        (StreamAffinity::ClientAddress, IpAddr::V4(ip)) => key_of(&ip.octets()),
        (StreamAffinity::ClientAddress, IpAddr::V6(ip)) => key_of(&ip.octets()),
    };
    Some(Preference::OfKey { key, among: 1, moves: true })
}

/// A connection to an endpoint. The stream counts there as in flight for as long as it is held.
pub(super) struct Reached {
    pub(super) tcp: TcpStream,
    pub(super) endpoint: InFlight,
    pub(super) _place: Counted,
}

/// What was tried, whatever came of it.
#[derive(Default)]
pub(super) struct Tried {
    pub(super) attempts: u8,
    pub(super) last: Option<SocketAddr>,
}

/// Reaches an endpoint. One that cannot be reached is followed by others, as often as the policy allows.
pub(super) async fn reach(
    shard: &Shard,
    backend: &Backend,
    policy: &RoutePolicy,
    preference: Option<Preference>,
    so_far: &mut Tried,
) -> Result<Reached, StreamFailure> {
    let Backend { upstream, metrics, .. } = backend;
    let (mut tried, mut failure) = (Vec::new(), StreamFailure::NoEndpoint);
    for number in 0..policy.attempts.max(1) {
        let began = Instant::now();
        if number > 0 && !upstream.withdraw_retry(began) {
            break;
        }
        let picked = match number {
            0 => pick_in_line(upstream, policy, preference, began),
            _ => pick(upstream, policy, preference, &tried, began),
        };
        let picked = match (picked, policy.queue) {
            (Err(Unpicked::Full), Some(queue)) if number == 0 => {
                let _waiting = metrics.waits();
                upstream.wait(&Wanted::of(policy, preference, &tried, began), queue).await
            }
            (picked, _) => picked,
        };
        let endpoint = match picked {
            Ok(endpoint) => endpoint,
            Err(why) => {
                // The failure of an attempt tells more.
                if number == 0 {
                    let (reason, of_stream) = match why {
                        Unpicked::NoEndpoint => (UpstreamFailure::NoEndpoint, StreamFailure::NoEndpoint),
                        Unpicked::Full => (UpstreamFailure::Full, StreamFailure::Full),
                        Unpicked::Waited => (UpstreamFailure::Waited, StreamFailure::Full),
                    };
                    metrics.failure(reason);
                    failure = of_stream;
                }
                break;
            }
        };
        if leads_back(shard, endpoint.address(), Transport::Tcp) {
            tried.push(endpoint.id());
            continue;
        }
        metrics.attempt();
        if number > 0 {
            metrics.retry();
        }
        so_far.attempts = so_far.attempts.saturating_add(1);
        so_far.last = Some(endpoint.address());
        match reach_endpoint(shard, &endpoint, policy.timeouts.connect, metrics).await {
            Ok((tcp, place)) => {
                endpoint.connect_succeeded();
                if policy.balance == Balance::Ewma {
                    let now = Instant::now();
                    upstream.took(&endpoint, now.saturating_duration_since(began), now);
                }
                if policy.ejection.is_some() {
                    upstream.served(&endpoint);
                }
                return Ok(Reached { tcp, endpoint, _place: place });
            }
            Err(error) => {
                let (reason, of_stream) = match error {
                    ProxyError::ConnectRefused => (UpstreamFailure::ConnectRefused, StreamFailure::Connect),
                    ProxyError::ConnectTimeout => (UpstreamFailure::ConnectTimeout, StreamFailure::ConnectTimeout),
                    _ => (UpstreamFailure::ConnectOther, StreamFailure::ConnectOther),
                };
                metrics.failure(reason);
                failure = of_stream;
                if let Some(rule) = policy.ejection {
                    ejection::failed(backend, &endpoint, (rule, 0), &error);
                }
                tried.push(endpoint.id());
            }
        }
    }
    Err(failure)
}

/// How long something took.
pub(super) fn since(began: Instant) -> Duration {
    Instant::now().saturating_duration_since(began)
}
