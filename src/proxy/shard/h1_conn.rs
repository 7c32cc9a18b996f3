//! An HTTP/1 connection to an endpoint, between two requests.
//!
//! A pod may answer a request twice, the second time late. A request that was sent meanwhile gets that answer, the next
//! request gets this one's, and so on: nothing in HTTP/1 tells. It ends when the answer that is left over arrives while the
//! connection is idle. So it needs rest, for about as long as an answer takes: connections that had it are preferred, and
//! without it a connection serves only a few requests.

use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::connections::Counted;
use crate::proxy::wire::socket::Socket;
use crate::upstream::Fitness;

/// Most requests without rest.
const RUN: u32 = 8;
/// Shortest rest.
const LEAST_REST: Duration = Duration::from_millis(1);
/// Longest rest.
const MOST_REST: Duration = Duration::from_secs(1);

/// An HTTP/1 connection to an endpoint, between two requests.
pub(crate) struct H1Conn {
    /// The connection.
    pub socket: Socket,
    /// The turn of the runtime in which its last answer ended.
    kept_in: u64,
    /// Requests since it last had rest.
    run: u32,
    /// How long it needs rest: twice as long as the slowest of them took, within bounds.
    rest: Duration,
    /// When it will have had rest.
    settles: Instant,
    /// Its place among the connections to pods.
    _place: Option<Counted>,
}

impl H1Conn {
    /// A connection that was just made for a request. It is in a box, as it goes from hand to hand with each request.
    pub(crate) fn new(socket: Socket, place: Option<Counted>, now: Instant) -> Box<Self> {
        Box::new(Self { socket, kept_in: 0, run: 1, rest: LEAST_REST, settles: now, _place: place })
    }

    /// It was taken for another request.
    pub(crate) fn begin(&mut self, now: Instant) {
        if now >= self.settles {
            (self.run, self.rest) = (0, LEAST_REST);
        }
        self.run += 1;
    }

    /// Its request, which it got at `since`, was answered in this turn of the runtime.
    pub(crate) fn end(&mut self, turn: u64, since: Instant, now: Instant) {
        self.kept_in = turn;
        let took = now.saturating_duration_since(since);
        self.rest = self.rest.max((2 * took).min(MOST_REST));
        self.settles = now + self.rest;
    }

    /// Whether it should get another request now.
    pub(crate) fn fitness(&self, turn: u64, now: Instant) -> Fitness {
        match (now >= self.settles, self.has_rested(turn)) {
            (true, true) => Fitness::Settled,
            (false, true) if self.run < RUN => Fitness::Rested,
            // The runtime may not have looked at it: the system is asked.
            (true, false) => Fitness::Rested,
            (false, false) if self.run < RUN => Fitness::Fresh,
            (false, _) => Fitness::Tired,
        }
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
    fn has_rested(&self, now: u64) -> bool {
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
    async fn waiting() -> (Box<H1Conn>, StdStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut pod, _) = listener.accept().unwrap();
        pod.set_nodelay(true).unwrap();
        pod.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // The runtime learns of readiness by waiting, and of its end by a read that finds nothing more.
        ours.readable().await.unwrap();
        while ours.try_read(&mut [0; 64]).is_ok() {}
        (H1Conn::new(Socket::Tcp(ours), None, Instant::now()), pod)
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

    #[tokio::test(start_paused = true)]
    async fn fault_f12_without_rest_a_connection_serves_only_a_few_requests() {
        let (mut conn, _pod) = waiting().await;
        let (takes, mut now, mut turn) = (Duration::from_millis(20), Instant::now(), 1);
        for number in 1..=RUN {
            now += takes;
            conn.end(turn, now - takes, now);
            assert_eq!(conn.fitness(turn, now), if number < RUN { Fitness::Fresh } else { Fitness::Tired });
            turn += 1;
            assert_eq!(conn.fitness(turn, now), if number < RUN { Fitness::Rested } else { Fitness::Tired });
            if number < RUN {
                conn.begin(now);
            }
        }
        // Twice as long as its slowest answer took.
        assert_eq!(conn.fitness(turn, now + takes), Fitness::Tired);
        now += 2 * takes;
        assert_eq!(conn.fitness(turn, now), Fitness::Settled);
        conn.begin(now);
        conn.end(turn, now, now);
        assert_eq!(conn.fitness(turn + 1, now), Fitness::Rested, "it begins anew");
        assert_eq!(conn.fitness(turn + 1, now + LEAST_REST), Fitness::Settled);
        conn.end(turn, now, now + 9 * MOST_REST);
        assert_eq!(conn.fitness(turn + 1, now + 10 * MOST_REST), Fitness::Settled);
    }
}
