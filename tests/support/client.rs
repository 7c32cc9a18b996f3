//! A client that sends bytes and reads strictly.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};

use socket2::{Domain, Socket, Type};

use super::DEADLINE;
use super::wire::{End, Message, Wire};

/// A connection to Tidegate.
#[derive(Debug)]
pub struct Client(Wire);

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        Self(Wire::new(TcpStream::connect_timeout(&address, DEADLINE).expect("Tidegate accepts connections")))
    }

    /// The same from another address of this machine, which there must be.
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(source, 0).into()).expect("an address of this machine");
        socket.connect_timeout(&address.into(), DEADLINE).expect("Tidegate accepts connections");
        Self(Wire::new(socket.into()))
    }

    /// The same where there may be nobody to accept it.
    pub fn try_connect(address: SocketAddr) -> Option<Self> {
        TcpStream::connect_timeout(&address, DEADLINE).ok().map(|stream| Self(Wire::new(stream)))
    }

    /// The bare connection.
    pub fn into_wire(self) -> Wire {
        self.0
    }

    /// Sends a request as it is and reads its response, which must be there.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        let request = request.as_ref();
        self.send(request);
        let method = request.split(|&byte| byte == b' ').next().unwrap_or_default();
        self.answer_to(&String::from_utf8_lossy(method))
    }

    /// The next response, to a request that is not HEAD.
    #[track_caller]
    pub fn answer(&mut self) -> Message {
        self.answer_to("GET")
    }

    /// The next response, to a request with this method.
    #[track_caller]
    pub fn answer_to(&mut self, method: &str) -> Message {
        self.response(method).expect("there is a response")
    }

    /// Tidegate ends the connection in an orderly way, without another byte.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let (rest, end) = self.rest();
        assert_eq!((String::from_utf8_lossy(&rest).into_owned(), end), (String::new(), End::Fin));
    }
}

impl Deref for Client {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.0
    }
}

/// A GET as browsers send it, in short.
pub fn get(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}
