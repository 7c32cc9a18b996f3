//! What a connection holds at one moment, for those who look into it.

use super::Connection;

/// The state of a connection, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Streams that are open on the wire.
    pub open_streams: usize,
    /// Streams that were not released: the open ones, and those that are over and still being cleared away.
    pub held_streams: usize,
    /// Streams that we may have open at a time: the smaller of our limit and the server's. Clients only; 0 for servers.
    pub allowed_streams: u32,
    /// Bytes of heads that the owner holds.
    pub head_bytes: u32,
    /// Bytes of bodies that the peer may still send on the connection.
    pub receive_window: i32,
    /// Bytes of bodies that we may still send on the connection.
    pub send_window: i32,
    /// Bytes that wait to be sent.
    pub output_bytes: usize,
    /// Whether either side has said that no further streams are to be opened, or the connection is over.
    pub is_going_away: bool,
}

impl Connection {
    /// The state at this moment.
    pub fn view(&self) -> View {
        View {
            open_streams: self.open_streams(),
            held_streams: self.held_streams(),
            allowed_streams: match self.role {
                super::Role::Server => 0,
                super::Role::Client => self.stream_limit(),
            },
            head_bytes: self.heads,
            receive_window: self.receive_window.left(),
            send_window: self.send_window.size(),
            output_bytes: self.output().len(),
            is_going_away: self.farewell.is_begun(),
        }
    }
}
