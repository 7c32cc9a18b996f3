//! What a connection holds.

use super::support::{GET, Rig, head};
use crate::http2::connection::stream::Stream;
use crate::http2::connection::{Config, Connection, Role};
use crate::http2::frame::flag;
use crate::http2::hpack::{Decoder, Encoder};

#[test]
fn an_idle_connection_is_small() {
    let codes = size_of::<Decoder>() + size_of::<Encoder>();
    let own = size_of::<Connection>() - codes;
    assert!(own <= 768, "{own} bytes beside {codes} of header compression");
    assert!(size_of::<Stream>() <= 56, "{}", size_of::<Stream>());
    let mut rig = Rig::server();
    for stream in (1..200).step_by(2) {
        rig.feed(&head(stream, flag::END_STREAM, GET)).unwrap();
    }
    for key in std::mem::take(&mut rig.keys) {
        rig.connection.respond(key, 200, true, |_| {});
        rig.connection.release(key);
    }
    let memory = rig.connection.take_output();
    assert!(rig.connection.is_idle());
    rig.connection.rest();
    assert_eq!(rig.connection.heap(), 0);
    rig.connection.lend_output(memory);
    assert!(rig.connection.heap() > 0);
    let fresh = Connection::new(Role::Client, &Config::default());
    assert!(fresh.heap() <= 128, "{}", fresh.heap());
}

impl Connection {
    /// Bytes on the heap, without the tables of header compression.
    fn heap(&self) -> usize {
        self.out.capacity() + self.block.capacity() + self.streams.heap() + self.remembered.heap()
    }
}
