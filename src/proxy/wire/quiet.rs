//! Whether a socket is as it was left.

use std::io::ErrorKind;
use std::mem::MaybeUninit;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Whether nothing has arrived: neither bytes nor the end of the connection.
///
/// The system is asked, because what the runtime knows is as old as its last look at all sockets: one call for each
/// request on a kept connection.
pub(crate) fn is_quiet(tcp: &TcpStream) -> bool {
    let peeked = SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
