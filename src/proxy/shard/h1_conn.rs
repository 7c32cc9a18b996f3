//! An HTTP/1 connection to an endpoint, between two requests.

use crate::proxy::wire::socket::Socket;

/// An HTTP/1 connection to an endpoint, between two requests.
pub(crate) struct H1Conn {
    /// The connection.
    pub socket: Socket,
}

impl H1Conn {
    /// Whether nothing has arrived since the last answer: neither an end nor bytes, which the next request would take
    /// for its answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.socket.is_quiet()
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
        (H1Conn { socket: Socket::Tcp(ours) }, pod)
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
}
