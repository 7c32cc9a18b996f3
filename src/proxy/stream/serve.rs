//! A shard serves the ports of streams that it is given.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::listening::Listening;
use super::udp::KnownClients;
use super::{tcp, udp};
use crate::lifecycle::Phase;
use crate::model::ListenerKey;
use crate::observe::StreamFailure;
use crate::proxy::client::accepting::{self, Refusals};
use crate::proxy::shard::Shard;
use crate::proxy::shard::connections::Counted;
use crate::proxy::shard::handover::Seat;
use crate::proxy::shard::ports::{PortCommand, PortSockets};

/// Does what it is told until the shard ends. A port is served until it is told to close it.
pub(crate) async fn run(shard: Rc<Shard>, mut commands: mpsc::Receiver<PortCommand>) {
    // To drop one of these closes the port.
    let mut open: HashMap<ListenerKey, oneshot::Sender<()>> = HashMap::new();
    let known = KnownClients::new(&shard);
    while let Some(command) = commands.recv().await {
        match command {
            PortCommand::Open(key, sockets) => {
                let (close, closed) = oneshot::channel();
                open.insert(key, close);
                let listening = Rc::new(Listening { key, metrics: shard.metrics.stream(key) });
                tokio::task::spawn_local(serve(Rc::clone(&shard), listening, sockets, closed, Rc::clone(&known)));
            }
            PortCommand::Close(key) => drop(open.remove(&key)),
        }
    }
    shard.drain.reached(Phase::Aborting).await;
}

async fn serve(
    shard: Rc<Shard>,
    listening: Rc<Listening>,
    sockets: PortSockets,
    closed: oneshot::Receiver<()>,
    known: Rc<KnownClients>,
) {
    let port = listening.key;
    let outcome = match sockets {
        PortSockets::Tcp(listener) => accept(shard, listening, listener, closed).await,
        PortSockets::Udp(sockets) => udp::serve(shard, listening, sockets, closed, known).await,
    };
    if let Err(error) = outcome {
        tracing::error!(%port, %error, "a port of streams cannot be served");
    }
}

/// Accepts connections until the port or, in a drain, everything is closed. Those that were accepted go on.
async fn accept(
    shard: Rc<Shard>,
    listening: Rc<Listening>,
    listener: StdListener,
    mut closed: oneshot::Receiver<()>,
) -> io::Result<()> {
    let _busy = shard.drain.busy();
    // Accepted sockets inherit it.
    SockRef::from(&listener).set_tcp_notsent_lowat(shard.kernel_bytes())?;
    let listener = TcpListener::from_std(listener)?;
    let serve = |tcp, address, seat: Seat, place: Counted| {
        shard.clients.start(seat, |entered| {
            tcp::serve(Rc::clone(&shard), Rc::clone(&listening), tcp, address, (entered, shard.drain.busy(), place))
        });
    };
    let refuse = |tcp: &TcpStream, failure| {
        // Its client learns so at once.
        let _ = tcp.set_zero_linger();
        listening.metrics.failed(failure);
    };
    let stream_place = |tcp: &TcpStream| {
        let place = shard.stream_place();
        if place.is_none() {
            refuse(tcp, StreamFailure::Limit);
        }
        place
    };
    let mut closing = std::pin::pin!(shard.drain.reached(Phase::Closing));
    let mut refusals = Refusals::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.as_mut() => break,
            _ = &mut closed => return Ok(()),
        };
        match accepted {
            Ok((tcp, address)) => {
                let Some(place) = stream_place(&tcp) else { continue };
                let counted = tokio::select! {
                    counted = shard.client_place() => Some(counted),
                    () = closing.as_mut() => None,
                    _ = &mut closed => {
                        // The port has gone before there was a place.
                        refuse(&tcp, StreamFailure::NoStream);
                        return Ok(());
                    }
                };
                let is_closing = counted.is_none();
                // What was accepted is served.
                let counted = counted.unwrap_or_else(|| shard.connections.count());
                serve(tcp, address, shard.neighbours.seat(counted), place);
                if is_closing {
                    break;
                }
            }
            Err(error) => refusals.take(error).await,
        }
    }
    accepting::take_waiting(&listener, |tcp, address| {
        if let Some(place) = stream_place(&tcp) {
            serve(tcp, address, shard.neighbours.seat(shard.connections.count()), place);
        }
    })
    .await;
    Ok(())
}
