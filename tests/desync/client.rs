//! Clients that do not behave.

use crate::support::{Client, Manifests, Tidegate};

#[test]
fn e02_a_head_that_fills_the_largest_buffer_is_refused_and_not_just_dropped() {
    let server = Tidegate::serve_with(&Manifests::new(), &["--max-head-bytes", "256KiB"]);
    let mut client = Client::connect(server.http);
    // The empty line in front is not part of the head, and so the buffer is full before the head is too large.
    client.send("\r\nGET / HTTP/1.1\r\nHost: a.test\r\nx: ");
    client.send("x".repeat(256 * 1024));
    assert_eq!(client.answer().status(), 431);
}
