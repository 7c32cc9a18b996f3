//! A shard's thread: its runtime, its listeners and its housekeeping.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::{Instant, MissedTickBehavior};

use crate::lifecycle::Phase;
use crate::observe::{ConnectionStates, Relief, ShardLog};
use crate::proxy::client::listener::{self, ListenerProtocol};
use crate::proxy::client::serving::Serving;
use crate::proxy::shard::heartbeats::Heartbeat;
use crate::proxy::shard::turns::Turns;
use crate::proxy::shard::{Shard, Shared};
use crate::proxy::stream;
use crate::upstream::RetirementWatch;

/// How often idle connections to pods are checked.
const SWEEP: Duration = Duration::from_secs(1);

/// How often it is noted what connections have done, as those that do nothing may give way to others; and whether the shard
/// runs.
const TICK: Duration = Duration::from_millis(250);

/// A drain closes idle client connections over this time, in so many steps. Up to so many are closed at once.
const CLOSE_SPREAD: Duration = Duration::from_secs(5);
const CLOSE_STEPS: u32 = 50;
const CLOSE_AT_ONCE: usize = 100;

/// The sockets of one shard.
pub type Listeners = Vec<(TcpListener, ListenerProtocol)>;

/// Runs a shard on the calling thread until the drain is over.
pub fn run(shared: Shared, log: ShardLog, listeners: Listeners, retirements: RetirementWatch) -> io::Result<()> {
    let turns = Turns::default();
    let counted = turns.clone();
    let mut builder = Builder::new_current_thread();
    builder.enable_all().on_thread_unpark(move || counted.count());
    let runtime = builder.build_local(LocalOptions::default())?;
    runtime.block_on(serve_in(shared, log, turns, listeners, retirements));
    Ok(())
}

/// The same on a local runtime that is there already.
pub async fn serve(shared: Shared, log: ShardLog, listeners: Listeners, retirements: RetirementWatch) {
    serve_in(shared, log, Turns::default(), listeners, retirements).await;
}

async fn serve_in(shared: Shared, log: ShardLog, turns: Turns, listeners: Listeners, retirements: RetirementWatch) {
    let (questions, heartbeat) = (shared.inspector.join(), shared.heartbeats.begin());
    let (neighbours, handed) = shared.handover.join(listeners.len());
    let ports = shared.ports.join();
    let shard = Shard::new(shared, log, turns, neighbours);
    let serving = Serving::new(&shard);
    tokio::task::spawn_local(housekeeping(Rc::clone(&shard), Rc::clone(&serving), retirements, heartbeat));
    let looked_into = Rc::clone(&shard);
    tokio::task::spawn_local(stream::run(Rc::clone(&shard), ports));
    tokio::task::spawn_local(questions.answer(move |limit| looked_into.look(limit)));
    for (index, (listener, handed)) in listeners.into_iter().zip(handed).enumerate() {
        let (shard, serving) = (Rc::clone(&shard), Rc::clone(&serving));
        tokio::task::spawn_local(async move {
            if let Err(error) = listener::run(shard, serving, listener, index, handed).await {
                tracing::error!(%error, "a listener failed");
            }
        });
    }
    shard.drain.reached(Phase::Closing).await;
    tokio::task::spawn_local(close_idle(Rc::clone(&shard)));
    // Everything has finished, or the drain's time is over: the runtime drops what is left.
    shard.drain.reached(Phase::Aborting).await;
}

/// Wakes the idle connections, which then close. It takes some time over it, so that their clients do not come back all
/// at once.
async fn close_idle(shard: Rc<Shard>) {
    let bound = shard.clients.bound();
    let step = bound.div_ceil(CLOSE_STEPS as usize).max(1);
    for start in (0..bound).step_by(step) {
        shard.clients.wake(start..start + step);
        if bound > CLOSE_AT_ONCE {
            tokio::time::sleep(CLOSE_SPREAD / CLOSE_STEPS).await;
        }
    }
}

/// Closes connections to pods that have left, and connections that were idle for too long.
async fn housekeeping(shard: Rc<Shard>, serving: Rc<Serving>, mut retirements: RetirementWatch, heartbeat: Heartbeat) {
    let mut next = Instant::now() + SWEEP;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let idle = shard.metrics.idle_upstream_connections();
    let mut counted = 0;
    let mut states = ConnectionStates::default();
    loop {
        tokio::select! {
            retired = retirements.next() => {
                shard.pool.forget(retired, Instant::now());
            }
            _ = tick.tick() => {
                heartbeat.beat();
                shard.clients.tick();
                shard.shed_handshakes();
                continue;
            }
            () = shard.ledger.pressed() => {
                let relief = shard.ledger.relief();
                if relief > Relief::None {
                    shard.buffers.free();
                    shard.scratches.free();
                    serving.free();
                    shard.shed(relief);
                }
                continue;
            }
            () = shard.connections.asked() => {
                shard.give_way(1);
                continue;
            }
            () = tokio::time::sleep_until(next) => {
                next = Instant::now() + SWEEP;
                shard.pool.sweep(Instant::now());
                shard.pod_tls.sweep(Instant::now());
                shard.buffers.thin();
                shard.scratches.thin();
                serving.thin();
                // Once a second is enough for a gauge; counting with each request would cost each request.
                let now = i64::try_from(shard.pool.idle_count()).unwrap_or(i64::MAX);
                idle.add(now - counted);
                counted = now;
                if shard.metrics.shows_connection_states() {
                    let now = shard.clients.states();
                    shard.metrics.connection_states_changed(states, now);
                    states = now;
                }
            }
        }
        shard.sessions.sweep();
    }
}
