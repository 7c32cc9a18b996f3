//! A PROXY protocol header before a health check. It is read and ignored.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::proxy_protocol::{MAX_HEADER, Start, parse};

/// What was read of the connection after its header; `None` if the connection ends before that or the header is wrong.
pub(super) async fn skip(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes).ok()? {
            Start::Other => return Some(bytes),
            Start::Header(header) => return Some(bytes.split_off(header.len)),
            Start::Partial => {}
        }
        // Decided at the latest when it is as long as a header may be.
        let room = MAX_HEADER.saturating_sub(bytes.len()) as u64;
        (&mut *socket).take(room).read_buf(&mut bytes).await.ok().filter(|count| *count > 0)?;
    }
}
