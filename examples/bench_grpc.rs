//! The gRPC pod that the benchmarks put behind a proxy: HTTP/2 in clear, one thread. Every call is answered with the
//! message that it brought, and with `grpc-status: 0` in trailers.
//!
//! `cargo run --release --example bench_grpc -- 127.0.0.1:8082`

use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1).and_then(|text| text.parse::<SocketAddr>().ok()) else {
        eprintln!("bench_grpc: expected an address such as 127.0.0.1:8082");
        return ExitCode::from(2);
    };
    let Ok(listener) = TcpListener::bind(address).await else {
        eprintln!("bench_grpc: cannot listen on {address}");
        return ExitCode::FAILURE;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // A proxy that closes is how every connection ends.
        tokio::spawn(async move { serve(stream).await });
    }
}

async fn serve(stream: TcpStream) -> Result<(), h2::Error> {
    let _ = stream.set_nodelay(true);
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        tokio::spawn(async move { answer(request, respond).await });
    }
    Ok(())
}

async fn answer(mut request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut head = Response::new(());
    head.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let mut stream = respond.send_response(head, false)?;
    while let Some(data) = request.body_mut().data().await {
        let data = data?;
        request.body_mut().flow_control().release_capacity(data.len())?;
        stream.send_data(data, false)?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}
