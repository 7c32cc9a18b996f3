//! An HTTP/1 connection to an endpoint, between two requests.

use std::task::{Context, Waker};

use super::connections::Counted;
use crate::proxy::wire::socket::Socket;

/// An HTTP/1 connection to an endpoint, between two requests.
pub(crate) struct H1Conn {
    /// The connection.
    pub socket: Socket,
    /// The turn of the runtime in which its last answer ended.
    pub kept_in: u64,
    /// Its place among the connections to pods.
    _place: Option<Counted>,
}

impl H1Conn {
    /// A connection that was just made.
    pub(crate) fn new(socket: Socket, place: Option<Counted>) -> Self {
        Self { socket, kept_in: 0, _place: place }
    }

    /// Whether nothing has arrived since the last answer: neither an end nor bytes, which the next request would take
    /// for its answer. The system is asked.
    pub(crate) fn is_quiet(&self) -> bool {
        self.socket.is_quiet()
    }

    /// The same, as the runtime knew it in its turn `now`. The system is asked only if the runtime has not looked at the
    /// socket since the last answer.
    ///
    /// That is enough for a request that may be repeated: if the pod has closed meanwhile, the request is sent again. Bytes
    /// that arrive meanwhile can spoil one answer, as they can when they arrive a moment after the system was asked.
    pub(crate) fn was_quiet(&self, now: u64) -> bool {
        self.has_rested(now) && self.socket.poll_readable(&mut Context::from_waker(Waker::noop())).is_pending()
            || self.is_quiet()
    }

    /// Whether the runtime has looked at the socket since the last answer.
    pub(crate) fn has_rested(&self, now: u64) -> bool {
        now != self.kept_in
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream as StdStream};

    use tokio::net::TcpStream;

    use super::*;

    /// Both ends of a connection: ours, whose readiness is known to be none, and the pod's.
    async fn waiting() -> (H1Conn, StdStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut pod, _) = listener.accept().unwrap();
        pod.set_nodelay(true).unwrap();
        pod.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // The runtime learns of readiness by waiting, and of its end by a read that finds nothing more.
        ours.readable().await.unwrap();
        while ours.try_read(&mut [0; 64]).is_ok() {}
        (H1Conn::new(Socket::Tcp(ours), None), pod)
    }

    #[tokio::test]
    async fn b20_what_a_pod_sent_since_the_runtime_last_looked_spoils_its_connection() {
        let (conn, mut pod) = waiting().await;
        assert!(conn.is_quiet());
        // On the loopback these have arrived when the call returns, and nothing here waits in between.
        pod.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").unwrap();
        assert!(!conn.is_quiet());
        let (conn, pod) = waiting().await;
        drop(pod);
        assert!(!conn.is_quiet());
    }

    #[tokio::test]
    async fn b20_the_system_is_asked_unless_the_runtime_has_looked_since_the_last_answer() {
        let evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
        let (conn, mut pod) = waiting().await;
        assert!(conn.was_quiet(conn.kept_in) && conn.was_quiet(conn.kept_in + 1));
        pod.write_all(evil).unwrap();
        assert!(!conn.was_quiet(conn.kept_in), "the answer ended in this turn");
        // A turn later the runtime knows.
        let Socket::Tcp(tcp) = &conn.socket else { panic!("it is in clear") };
        tcp.readable().await.unwrap();
        assert!(!conn.was_quiet(conn.kept_in + 1));
        let (conn, pod) = waiting().await;
        drop(pod);
        let Socket::Tcp(tcp) = &conn.socket else { panic!("it is in clear") };
        tcp.readable().await.unwrap();
        assert!(!conn.was_quiet(conn.kept_in + 1));
    }
}
