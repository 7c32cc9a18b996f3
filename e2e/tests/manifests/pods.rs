//! The pods behind the Services of the manifests: two for each, which tell what they were asked, and do what the request asks of
//! them in fields that begin with `x-pod-`.

use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, Certificate};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Of each Service.
const PODS: usize = 2;

/// The port of pods where the Service has its name only.
const NAMED_PORT: u64 = 8080;

/// Where the services are asked that say who somebody is.
const LOGIN_PATHS: [&str; 4] =
    ["/oauth2/auth", "/api/verify", "/outpost.goauthentik.io/auth/nginx", "/sessions/whoami"];

/// Longest head of a request.
const HEAD: usize = 64 << 10;

/// The pods; they end with the runtime.
pub(crate) struct Pods {
    /// The EndpointSlices.
    pub(crate) slices: Vec<Value>,
    /// Addresses by the names of the Services in DNS.
    pub(crate) names: BTreeMap<String, Ipv4Addr>,
}

#[derive(Clone)]
struct Pod {
    identity: Value,
    /// Identifiers of requests that a pod has answered with an error for `x-pod-first-says`.
    failed: Arc<Mutex<HashSet<String>>>,
}

#[derive(Clone)]
enum Protocol {
    Http,
    Https(TlsAcceptor),
    Grpc,
}

impl Pods {
    /// Starts the pods of these Services.
    pub(crate) async fn start<'a>(api: &ApiServer, services: impl Iterator<Item = &'a Value>) -> Self {
        let (failed, acceptor) = (Arc::default(), acceptor());
        let mut pods = Self { slices: Vec::new(), names: BTreeMap::new() };
        for service in services {
            let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
            let ports: Vec<&Value> = service["spec"]["ports"].as_array().into_iter().flatten().collect();
            let mut endpoints = Vec::new();
            for number in 0..PODS {
                let address = api.pod_address();
                let host = format!("{name}.{namespace}.svc.cluster.local");
                pods.names.entry(host).or_insert(address);
                let identity = json!({"namespace": namespace, "service": name, "pod": format!("{name}-{number}")});
                for port in &ports {
                    let protocol = match text(&port["name"]) {
                        "https" => Protocol::Https(acceptor.clone()),
                        "grpc" => Protocol::Grpc,
                        _ => Protocol::Http,
                    };
                    let pod = Pod { identity: identity.clone(), failed: Arc::clone(&failed) };
                    let port = u16::try_from(target(port)).expect("a port");
                    let listener = TcpListener::bind((address, port)).await.expect("a free address");
                    tokio::spawn(pod.listen(listener, protocol));
                }
                endpoints.push(json!({"addresses": [address], "conditions": {"ready": true}}));
            }
            let ports: Vec<_> = ports
                .iter()
                .map(|port| json!({"name": text(&port["name"]), "port": target(port), "protocol": "TCP"}))
                .collect();
            pods.slices.push(json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {
                    "namespace": namespace, "name": format!("{name}-1"), "labels": {"kubernetes.io/service-name": name},
                },
                "ports": ports, "endpoints": endpoints,
            }));
        }
        pods
    }
}

impl Pod {
    async fn listen(self, listener: TcpListener, protocol: Protocol) {
        while let Ok((stream, _)) = listener.accept().await {
            let (pod, protocol) = (self.clone(), protocol.clone());
            tokio::spawn(async move {
                // A peer that breaks off ends the connection.
                let _ = match protocol {
                    Protocol::Http => pod.serve(stream).await,
                    Protocol::Https(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => pod.serve(stream).await,
                        Err(_) => None,
                    },
                    Protocol::Grpc => call(stream).await,
                };
            });
        }
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut rest = Vec::new();
        loop {
            let (mut seen, length) = loop {
                if let Some(head) = parse(&rest)? {
                    break head;
                }
                more(&mut stream, &mut rest).await?;
            };
            rest.drain(..length);
            let field = |name: &str| seen["headers"][name][0].as_str().map(str::to_owned);
            if field("expect").is_some() {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
            }
            drop_body(&mut stream, &mut rest, field("content-length"), field("transfer-encoding").is_some()).await?;
            if field("upgrade").is_some_and(|protocol| protocol == "websocket") {
                let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.ok()?;
                return stream.shutdown().await.ok();
            }
            if let Some(seconds) = field("x-pod-waits").and_then(|seconds| seconds.parse().ok()) {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            let is_head = seen["method"] == "HEAD";
            let (status, fields) = self.answer(&seen);
            seen.as_object_mut()?.extend(self.identity.as_object()?.clone());
            let body = seen.to_string();
            let length = body.len();
            let mut text = format!("HTTP/1.1 {status} Said\r\n{fields}content-length: {length}\r\n\r\n");
            if !is_head {
                text.push_str(&body);
            }
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
        }
    }

    /// The status, and fields of the head.
    fn answer(&self, seen: &Value) -> (u16, String) {
        let field = |name: &str| seen["headers"][name][0].as_str();
        let mut fields = "content-type: application/json\r\n".to_owned();
        if let Some(line) = field("x-pod-answers") {
            fields.push_str(&format!("{line}\r\n"));
        }
        if let Some(length) = field("x-pod-cookie").and_then(|length| length.parse().ok()) {
            fields.push_str(&format!("set-cookie: large={}\r\n", "x".repeat(length)));
        }
        let path = text(&seen["path"]).split('?').next().unwrap_or_default();
        if LOGIN_PATHS.contains(&path) {
            if !field("cookie").is_some_and(|cookies| cookies.contains("session=ada")) {
                return (401, fields);
            }
            for line in [
                "x-auth-request-user: ada",
                "x-auth-request-email: ada@logins.example",
                "remote-user: ada",
                "x-authentik-username: ada",
                "set-cookie: session=ada; Path=/",
            ] {
                fields.push_str(&format!("{line}\r\n"));
            }
            return (if path == "/oauth2/auth" { 202 } else { 200 }, fields);
        }
        let says = field("x-pod-says").or_else(|| {
            let request = field("x-request-id").unwrap_or_default().to_owned();
            let is_first = self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(request);
            field("x-pod-first-says").filter(|_| is_first)
        });
        (says.and_then(|status| status.parse().ok()).unwrap_or(200), fields)
    }
}

/// Answers calls of gRPC with an empty message and the status 0.
async fn call(stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request.ok()?;
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(Ok(part)) = body.data().await {
                body.flow_control().release_capacity(part.len()).ok()?;
            }
            let head = http::Response::builder().header("content-type", "application/grpc").body(()).ok()?;
            let mut stream = respond.send_response(head, false).ok()?;
            stream.send_data(Bytes::from_static(&[0; 5]), false).ok()?;
            let status = [(http::HeaderName::from_static("grpc-status"), http::HeaderValue::from_static("0"))];
            stream.send_trailers(status.into_iter().collect()).ok()
        });
    }
    Some(())
}

/// What a head says, and its length; nothing within while it is not complete.
fn parse(bytes: &[u8]) -> Option<Option<(Value, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 200];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = request.parse(bytes).ok()? else { return Some(None) };
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for field in request.headers.iter() {
        let value = String::from_utf8_lossy(field.value).into_owned();
        headers.entry(field.name.to_ascii_lowercase()).or_default().push(value);
    }
    Some(Some((json!({"method": request.method?, "path": request.path?, "headers": headers}), length)))
}

async fn drop_body(
    stream: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
    length: Option<String>,
    is_chunked: bool,
) -> Option<()> {
    if !is_chunked {
        return skip(stream, rest, length.and_then(|length| length.parse().ok()).unwrap_or(0)).await;
    }
    loop {
        let end = loop {
            if let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
                break end;
            }
            more(stream, rest).await?;
        };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        skip(stream, rest, end + 2 + size + 2).await?;
        if size == 0 {
            return Some(());
        }
    }
}

async fn skip(stream: &mut (impl AsyncRead + Unpin), rest: &mut Vec<u8>, mut length: usize) -> Option<()> {
    loop {
        let taken = length.min(rest.len());
        rest.drain(..taken);
        length -= taken;
        if length == 0 {
            return Some(());
        }
        more(stream, rest).await?;
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), rest: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(rest).await.ok().filter(|count| *count > 0)?;
    (rest.len() < 2 * HEAD).then_some(())
}

/// The pods' port of a port of a Service.
fn target(port: &Value) -> u64 {
    let target = &port["targetPort"];
    let of_service = || port["port"].as_u64().expect("a port has a number");
    target.as_u64().unwrap_or_else(|| if target.is_string() { NAMED_PORT } else { of_service() })
}

fn acceptor() -> TlsAcceptor {
    let secret = Certificate::new(&["pod.invalid"]).secret("default", "pod");
    let part = |key: &str| text(&secret["stringData"][key]).as_bytes().to_vec();
    let certificate = CertificateDer::from_pem_slice(&part("tls.crt")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&part("tls.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider has them").with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).expect("they belong together")))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
