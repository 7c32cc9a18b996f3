//! HTTP/2 by the library: a client, and a pod that speaks it in clear. Both are asynchronous, see [`run`].

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::tls::{Hello, TlsClient};
use super::{DEADLINE, Tidegate};

/// Runs an asynchronous test, for at most twice the deadline. It may block: what it spawns runs on another thread.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async { timeout(2 * DEADLINE, test).await.expect("the test ends in time") });
}

/// Waits within the deadline.
pub async fn soon<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    timeout(DEADLINE, wanted).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

/// A connection to Tidegate that speaks HTTP/2.
#[derive(Debug)]
pub struct H2Client {
    pub sender: SendRequest<Bytes>,
    ended: watch::Receiver<Option<Result<(), String>>>,
    scheme: &'static str,
}

/// An answer with its body.
#[derive(Debug)]
pub struct H2Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
}

impl H2Answer {
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let all: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first().map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl H2Client {
    /// In clear, by prior knowledge.
    pub async fn plain(server: &Tidegate) -> Self {
        Self::over(TcpStream::connect(server.http).await.unwrap(), "http", &h2::client::Builder::new()).await
    }

    /// Over TLS, by ALPN.
    pub async fn tls(server: &Tidegate, name: &str) -> Self {
        let tls = TlsClient::connect(server.https, name, &Hello::of("h2")).await.expect("a handshake");
        assert_eq!(tls.alpn().as_deref(), Some("h2"));
        Self::over(tls, "https", &h2::client::Builder::new()).await
    }

    /// Over any connection, with these settings.
    pub async fn over<T>(io: T, scheme: &'static str, builder: &h2::client::Builder) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = soon("a connection", builder.handshake(io)).await.unwrap();
        let (told, ended) = watch::channel(None);
        tokio::spawn(async move {
            let outcome = connection.await.map_err(|error| error.to_string());
            let _ = told.send(Some(outcome));
        });
        Self { sender, ended, scheme }
    }

    /// A request to this host, without further fields.
    pub fn request(&self, method: &str, host: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}://{host}{path}", self.scheme))
    }

    /// Sends a head and gives what is needed to go on.
    pub async fn open(
        &self,
        request: http::request::Builder,
        is_end: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let mut sender = soon("a stream", self.sender.clone().ready()).await.expect("an open connection");
        sender.send_request(request.body(()).unwrap(), is_end).expect("a stream")
    }

    /// Sends a request and reads the answer to its end.
    pub async fn try_ask(&self, request: http::request::Builder, body: &[u8]) -> Result<H2Answer, h2::Error> {
        let (answer, mut stream) = self.open(request, body.is_empty()).await;
        if !body.is_empty() {
            // The library keeps what has no window yet. An answer may have come that wants no body.
            let _ = stream.send_data(Bytes::copy_from_slice(body), true);
        }
        soon("an answer", read(answer)).await
    }

    /// The same when it must succeed.
    pub async fn ask(&self, request: http::request::Builder, body: &[u8]) -> H2Answer {
        self.try_ask(request, body).await.expect("an answer")
    }

    /// GET.
    pub async fn get(&self, host: &str, path: &str) -> H2Answer {
        self.ask(self.request("GET", host, path), &[]).await
    }

    /// Waits for the end of the connection.
    pub async fn end(&mut self) -> Result<(), String> {
        let ended = soon("the end of the connection", self.ended.wait_for(Option::is_some)).await.unwrap();
        ended.clone().unwrap()
    }
}

/// Reads an answer to its end.
pub async fn read(answer: h2::client::ResponseFuture) -> Result<H2Answer, h2::Error> {
    let (head, mut stream) = answer.await?.into_parts();
    let (body, trailers) = read_body(&mut stream).await?;
    Ok(H2Answer { status: head.status.as_u16(), headers: head.headers, body, trailers })
}

/// Reads a body to its end.
pub async fn read_body(stream: &mut RecvStream) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok((body, stream.trailers().await?.unwrap_or_default()))
}

/// Sends a body of any length as the window allows, and its end if wanted.
pub async fn send(stream: &mut SendStream<Bytes>, data: &[u8], is_end: bool) -> Result<(), h2::Error> {
    let mut data = Bytes::copy_from_slice(data);
    if data.is_empty() && is_end {
        return stream.send_data(data, true);
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        while stream.capacity() == 0 {
            match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(grown) => drop(grown?),
                None => return Err(h2::Reason::CANCEL.into()),
            }
        }
        let part = data.split_to(stream.capacity().min(data.len()));
        // The end comes with the last bytes: a body whose length was told is over with them, and may be answered before
        // a frame that only ends it.
        stream.send_data(part, is_end && data.is_empty())?;
    }
    Ok(())
}

/// A request as a pod gets it.
#[derive(Debug)]
pub struct Call {
    pub request: Request<RecvStream>,
    pub respond: SendResponse<Bytes>,
}

impl Call {
    /// Reads the request's body to its end.
    pub async fn body(&mut self) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
        read_body(self.request.body_mut()).await
    }

    /// Answers with a status and a body.
    pub async fn answer(&mut self, status: u16, body: &[u8]) {
        let mut stream = self.head(Response::builder().status(status), body.is_empty());
        if !body.is_empty() {
            let _ = send(&mut stream, body, true).await;
        }
    }

    /// Sends a head.
    pub fn head(&mut self, head: http::response::Builder, is_end: bool) -> SendStream<Bytes> {
        self.respond.send_response(head.body(()).unwrap(), is_end).expect("the stream is open")
    }

    /// Waits until the other side resets the stream, or the connection ends.
    pub async fn reset(&mut self) {
        let _ = poll_fn(|cx| self.respond.poll_reset(cx)).await;
    }
}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A pod that speaks HTTP/2 in clear. Each request runs the script as a task.
#[derive(Debug)]
pub struct H2Pod {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    open: AtomicUsize,
    heads: Mutex<Vec<(http::Method, http::Uri, HeaderMap)>>,
}

impl H2Pod {
    /// A pod with default settings.
    pub fn scripted<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with(h2::server::Builder::new(), script)
    }

    /// A pod with settings of its own.
    pub fn with<F>(builder: h2::server::Builder, script: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let (stop, stopped) = oneshot::channel();
        let script: Arc<dyn Fn(Call) -> Serving + Send + Sync> = Arc::new(move |call| Box::pin(script(call)));
        let thread = {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    tokio::select! {
                        () = accept(listener, builder, seen, script) => {}
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_timeout(Duration::ZERO);
            })
        };
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// A pod that answers 200 with its name.
    pub fn named(name: &'static str) -> Self {
        Self::scripted(move |mut call| async move {
            let _ = call.body().await;
            call.answer(200, name.as_bytes()).await;
        })
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Requests whose script runs.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// Requests so far.
    pub fn calls(&self) -> usize {
        self.seen.heads.lock().unwrap().len()
    }

    /// Heads of all requests so far.
    pub fn heads(&self) -> Vec<(http::Method, http::Uri, HeaderMap)> {
        self.seen.heads.lock().unwrap().clone()
    }
}

impl Drop for H2Pod {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    builder: h2::server::Builder,
    seen: Arc<Seen>,
    script: Arc<dyn Fn(Call) -> Serving + Send + Sync>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.set_nodelay(true);
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let (builder, seen, script) = (builder.clone(), Arc::clone(&seen), Arc::clone(&script));
        tokio::spawn(async move {
            let Ok(mut connection) = builder.handshake::<_, Bytes>(tcp).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                let head = (request.method().clone(), request.uri().clone(), request.headers().clone());
                seen.heads.lock().unwrap().push(head);
                let running = script(Call { request, respond });
                let seen = Arc::clone(&seen);
                seen.open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let _open = Open(seen);
                    running.await;
                });
            }
        });
    }
}

struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
