//! A backend that does as it is told and keeps every byte it gets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use socket2::{Domain, SockRef, Socket, Type};

use super::wire::{Message, Wire};
use super::{DEADLINE, eventually};

/// A listening pod. Each connection runs the script on a thread of its own.
#[derive(Debug)]
pub struct Pod {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_closed: AtomicBool,
    connections: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    requests: Mutex<Vec<Message>>,
    faults: Mutex<Vec<String>>,
}

/// One connection of a pod.
#[derive(Debug)]
pub struct PodConnection {
    wire: Wire,
    /// How many came before it.
    pub index: usize,
    shared: Arc<Shared>,
}

impl Pod {
    /// A pod whose connections each run `script`; they close when it returns.
    pub fn scripted(script: impl Fn(PodConnection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        // Hundreds may come at once: with the 128 of the standard library the kernel would let the others wait for a second.
        SockRef::from(&listener).listen(1024).unwrap();
        Self::listening(listener, script)
    }

    /// The same on a listener that is there already.
    pub fn listening(listener: TcpListener, script: impl Fn(PodConnection) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, &shared, &Arc::new(script)))
        };
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// A pod that holds each request until it is told to answer one, and holds none once the sender is dropped.
    pub fn held() -> (Self, Sender<()>) {
        let (release, held) = channel();
        let held = Mutex::new(held);
        let pod = Self::scripted(move |mut connection| {
            while connection.request().is_some() {
                let _ = held.lock().unwrap().recv();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        (pod, release)
    }

    /// A pod that reads requests and answers each with these bytes.
    pub fn answering(response: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::scripted(move |mut connection| {
            while connection.request().is_some() {
                connection.send(&response);
            }
        })
    }

    /// A pod that answers every request with 200 and its name.
    pub fn named(name: &str) -> Self {
        Self::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()))
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
    }

    /// All bytes that came on a connection.
    pub fn received(&self, connection: usize) -> Vec<u8> {
        let connection = Arc::clone(&self.shared.connections.lock().unwrap()[connection]);
        let received = connection.lock().unwrap();
        received.clone()
    }

    /// All bytes that came on any connection.
    pub fn received_in_all(&self) -> Vec<u8> {
        (0..self.connections()).flat_map(|connection| self.received(connection)).collect()
    }

    /// The requests that were read, of all connections, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Message> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The only request there was.
    #[track_caller]
    pub fn only_request(&self) -> Message {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    /// Stops listening: from now on connections are refused. Open ones go on.
    pub fn close(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        if let Some(acceptor) = self.acceptor.take() {
            // Wakes it.
            let _ = TcpStream::connect_timeout(&self.address, DEADLINE);
            acceptor.join().unwrap();
        }
    }

    /// Waits until so many connections were accepted.
    pub fn wait_for_connections(&self, count: usize) {
        eventually("connections to the pod", || (self.connections() >= count).then_some(()));
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.close();
        let faults = self.shared.faults.lock().unwrap();
        assert!(faults.is_empty() || thread::panicking(), "the pod's script failed: {faults:?}");
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, script: &Arc<impl Fn(PodConnection) + Send + Sync + 'static>) {
    loop {
        let (stream, _) = listener.accept().expect("a connection");
        if shared.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let record = Arc::<Mutex<Vec<u8>>>::default();
        let index = {
            let mut connections = shared.connections.lock().unwrap();
            connections.push(Arc::clone(&record));
            connections.len() - 1
        };
        let (script, shared) = (Arc::clone(script), Arc::clone(shared));
        thread::spawn(move || {
            let faults = Arc::clone(&shared);
            let connection = PodConnection { wire: Wire::recorded(stream, record), index, shared };
            if let Err(fault) = catch_unwind(AssertUnwindSafe(|| script(connection))) {
                let text = fault.downcast::<String>().map_or_else(|_| "a panic".to_owned(), |text| *text);
                faults.faults.lock().unwrap().push(text);
            }
        });
    }
}

impl PodConnection {
    /// The next request with its body; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<Message> {
        let request = self.wire.request()?;
        self.shared.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        self.wire.reset();
    }
}

impl Deref for PodConnection {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for PodConnection {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// An address that refuses connections for as long as the socket lives.
pub fn refusing() -> (SocketAddr, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap(), socket)
}

/// An address that leaves connection attempts without an answer for as long as the sockets live: its queue is full.
pub fn not_accepting() -> (SocketAddr, Vec<Socket>) {
    let (address, listener) = refusing();
    listener.listen(0).unwrap();
    let mut held = vec![listener];
    loop {
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let connected = filler.connect_timeout(&address.into(), std::time::Duration::from_millis(100)).is_ok();
        held.push(filler);
        if !connected {
            return (address, held);
        }
        assert!(held.len() < 64, "the queue does not fill");
    }
}
