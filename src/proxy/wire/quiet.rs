//! Whether anything has arrived on an idle socket.

use std::io::ErrorKind;
use std::mem::MaybeUninit;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Whether nothing has arrived: neither bytes nor the end of the connection.
///
/// This asks the system, because the runtime knows only what it saw when it last polled all sockets.
pub(crate) fn is_quiet(tcp: &TcpStream) -> bool {
    let peeked = SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
