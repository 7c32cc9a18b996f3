//! Black box over loopback: the server side under test, rustls's buffered client on the other end.

mod certificates;
mod handshake;
mod hostile;
mod support;
mod transfer;
