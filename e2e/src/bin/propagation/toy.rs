//! The floor of the method: a plain informer that keeps what it needs in maps, and a naive proxy that reads them. No
//! classes, no conflicts, no statuses, no limits, no reuse of connections.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::{StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use rustls::crypto::aws_lc_rs as crypto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::json;

#[derive(Debug, Default)]
struct Maps {
    /// By Ingress: its rules.
    ingresses: HashMap<String, Vec<Rule>>,
    /// By host: its Ingress.
    hosts: HashMap<String, String>,
    /// By Service: the first endpoint of its slice.
    endpoints: HashMap<String, SocketAddr>,
    /// By host.
    certificates: HashMap<String, Arc<CertifiedKey>>,
    /// By Secret: the host of its Ingress.
    secret_hosts: HashMap<String, String>,
    /// By Secret.
    secrets: HashMap<String, Arc<CertifiedKey>>,
}

/// A host, and its paths with their Services.
type Rule = (String, Vec<(String, String)>);
type Shared = Arc<RwLock<Maps>>;

pub(crate) async fn run() -> anyhow::Result<()> {
    let client = Client::try_default().await?;
    let maps = Shared::default();
    let (http, https) = (TcpListener::bind(("127.0.0.1", 0))?, TcpListener::bind(("127.0.0.1", 0))?);
    eprintln!("{}", json!({"http": http.local_addr()?.to_string(), "https": https.local_addr()?.to_string()}));
    let plain = Arc::clone(&maps);
    std::thread::spawn(move || {
        for stream in http.incoming().map_while(Result::ok) {
            let maps = Arc::clone(&plain);
            std::thread::spawn(move || proxy(stream, &maps));
        }
    });
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(crypto::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(Arc::clone(&maps))));
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for mut stream in https.incoming().map_while(Result::ok) {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let mut connection = rustls::ServerConnection::new(config).ok()?;
                while connection.is_handshaking() {
                    connection.complete_io(&mut stream).ok()?;
                }
                Some(())
            });
        }
    });
    tokio::join!(
        follow::<Ingress>(&client, &maps, take_ingress),
        follow::<EndpointSlice>(&client, &maps, take_slice),
        follow::<Secret>(&client, &maps, take_secret),
    );
    Ok(())
}

async fn follow<K>(client: &Client, maps: &Shared, take: fn(&mut Maps, K))
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    let events = watcher(Api::<K>::all(client.clone()), watcher::Config::default()).default_backoff().applied_objects();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        if let Ok(object) = event {
            take(&mut maps.write().unwrap_or_else(PoisonError::into_inner), object);
        }
    }
}

fn take_ingress(maps: &mut Maps, ingress: Ingress) {
    let name = ingress.metadata.name.unwrap_or_default();
    let spec = ingress.spec.unwrap_or_default();
    for tls in spec.tls.into_iter().flatten() {
        if let (Some(secret), Some(host)) = (tls.secret_name, tls.hosts.into_iter().flatten().next()) {
            if let Some(key) = maps.secrets.get(&secret) {
                maps.certificates.insert(host.clone(), Arc::clone(key));
            }
            maps.secret_hosts.insert(secret, host);
        }
    }
    let mut rules = Vec::new();
    for rule in spec.rules.into_iter().flatten() {
        let (host, mut paths) = (rule.host.unwrap_or_default(), Vec::new());
        for path in rule.http.into_iter().flat_map(|http| http.paths) {
            let service = path.backend.service.map(|service| service.name).unwrap_or_default();
            paths.push((path.path.unwrap_or_default(), service));
        }
        maps.hosts.insert(host.clone(), name.clone());
        rules.push((host, paths));
    }
    maps.ingresses.insert(name, rules);
}

fn take_slice(maps: &mut Maps, slice: EndpointSlice) {
    let service = slice.metadata.labels.and_then(|mut labels| labels.remove("kubernetes.io/service-name"));
    let address = slice.endpoints.iter().find_map(|endpoint| endpoint.addresses.first()?.parse().ok());
    let port = slice.ports.and_then(|ports| ports.first()?.port);
    if let (Some(service), Some(address), Some(port)) = (service, address, port) {
        maps.endpoints.insert(service, SocketAddr::new(address, port as u16));
    }
}

fn take_secret(maps: &mut Maps, secret: Secret) {
    let Some(key) = certified_key(&secret) else { return };
    let name = secret.metadata.name.unwrap_or_default();
    let key = Arc::new(key);
    if let Some(host) = maps.secret_hosts.get(&name).cloned() {
        maps.certificates.insert(host, Arc::clone(&key));
    }
    maps.secrets.insert(name, key);
}

fn certified_key(secret: &Secret) -> Option<CertifiedKey> {
    let data = secret.data.as_ref()?;
    let chain = CertificateDer::pem_slice_iter(&data.get("tls.crt")?.0).collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(&data.get("tls.key")?.0).ok()?;
    Some(CertifiedKey::new(chain, crypto::sign::any_supported_type(&key).ok()?))
}

fn proxy(stream: TcpStream, maps: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut line, mut host) = (String::new(), String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.strip_prefix("Host: ") {
                host = value.trim().to_owned();
            }
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let path = head.split(' ').nth(1)?;
        let Some(endpoint) = endpoint(&maps.read().unwrap_or_else(PoisonError::into_inner), &host, path) else {
            writer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok()?;
            continue;
        };
        let mut pod = TcpStream::connect(endpoint).ok()?;
        pod.write_all(head.as_bytes()).ok()?;
        pod.shutdown(std::net::Shutdown::Write).ok()?;
        let mut answer = Vec::new();
        pod.read_to_end(&mut answer).ok()?;
        writer.write_all(&answer).ok()?;
    }
}

fn endpoint(maps: &Maps, host: &str, path: &str) -> Option<SocketAddr> {
    let rules = maps.ingresses.get(maps.hosts.get(host)?)?;
    let (_, paths) = rules.iter().find(|(of, _)| of == host)?;
    let matching = paths.iter().filter(|(prefix, _)| path.starts_with(prefix.as_str()));
    let (_, service) = matching.max_by_key(|(prefix, _)| prefix.len())?;
    maps.endpoints.get(service).copied()
}

#[derive(Debug)]
struct ByName(Shared);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).certificates.get(hello.server_name()?).cloned()
    }
}
