//! A pod that answers everything with 200.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

/// A pod, which answers until the test's process ends.
pub(crate) struct Pages {
    /// Where it is.
    pub(crate) address: SocketAddr,
}

impl Pages {
    /// On a free port.
    pub(crate) fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let (mut buffer, mut head) = ([0; 4096], Vec::new());
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        head.extend_from_slice(&buffer[..count]);
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n").is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        Self { address }
    }
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
