//! A connection that has switched to another protocol (WebSocket): bytes both ways.

use tokio::sync::Notify;

use crate::model::RoutePolicy;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::walk::record::Record;
use crate::proxy::wire::body::{BodySink, BodySource, copy};

/// Passes bytes both ways until both directions have ended, one has failed, or nothing has moved for too long. The pod's
/// sides are tunnels already.
pub(super) async fn tunnel<S: ClientSource, K: ClientSink>(
    policy: &RoutePolicy,
    record: &Record,
    source: &mut S,
    sink: &mut K,
    mut from_pod: impl BodySource,
    mut to_pod: impl BodySink,
) {
    source.become_tunnel();
    sink.become_tunnel();
    let (received, sent) = (&record.received, &record.sent);
    let half_closed = Notify::new();
    let upward = async { copy(source, &mut to_pod, received, None).await.map(|()| half_closed.notify_one()) };
    let downward = async { copy(&mut from_pod, sink, sent, None).await.map(|()| half_closed.notify_one()) };
    let ways = async { tokio::try_join!(upward, downward) };
    let watch = async {
        let mut patience = policy.timeouts.tunnel_idle;
        let mut before = (received.get(), sent.get());
        loop {
            tokio::select! {
                () = tokio::time::sleep(patience) => {}
                // One direction has ended: wait for the other only as long as for a send.
                () = half_closed.notified() => {
                    patience = patience.min(policy.timeouts.write);
                    before = (received.get(), sent.get());
                    continue;
                }
            }
            let now = (received.get(), sent.get());
            if now == before {
                return;
            }
            before = now;
        }
    };
    tokio::select! {
        _ = ways => {}
        () = watch => {}
    }
}
