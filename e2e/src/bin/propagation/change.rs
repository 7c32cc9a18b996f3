//! The changes: what is written, and how a response shows that it has arrived.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::bail;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::Instant;

use super::controller::Running;
use super::load::{self, NAMESPACE, Shape};
use super::probe::{self, Probe};
use super::statistics::Times;

/// Longest wait for a change to show.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_micros(200);

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The one endpoint of a Service is replaced by another.
    Endpoint,
    /// A new Ingress with a new host.
    Host,
    /// A path is added to an Ingress, to another Service.
    Path,
    /// The rule of an Ingress goes to another Service.
    Backend,
    /// An annotation of an Ingress gets another value.
    Annotation,
    /// A Secret gets a new certificate.
    Certificate,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Endpoint, Self::Host, Self::Path, Self::Backend, Self::Annotation, Self::Certificate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Host => "new host",
            Self::Path => "path",
            Self::Backend => "backend",
            Self::Annotation => "annotation",
            Self::Certificate => "certificate",
        }
    }
}

/// How a change shows.
enum Sign {
    /// A GET is answered 200 from one of these addresses.
    From { host: String, path: String, addresses: Vec<String> },
    /// A GET is answered with this value in the field `X-Serial`.
    Field { host: String, value: String },
    /// A handshake shows this certificate.
    Certificate { host: String, leaf: Vec<u8> },
}

/// Makes changes to the applications, one after the other.
pub(crate) struct Bench {
    shape: Shape,
    running: Running,
    rate: u32,
    port: u16,
    probe: Probe,
    serial: usize,
    slices: Api<EndpointSlice>,
    ingresses: Api<Ingress>,
    secrets: Api<Secret>,
}

impl Bench {
    pub(crate) fn new(client: Client, shape: Shape, running: Running, port: u16, rate: u32) -> Self {
        Self {
            probe: Probe::new(running.http),
            shape,
            running,
            rate,
            port,
            // Names that no earlier run has used.
            serial: std::process::id() as usize * 10_000,
            slices: Api::namespaced(client.clone(), NAMESPACE),
            ingresses: Api::namespaced(client.clone(), NAMESPACE),
            secrets: Api::namespaced(client, NAMESPACE),
        }
    }

    pub(crate) fn controller(&self) -> &Running {
        &self.running
    }

    /// From the return of each write to the first response that shows it.
    pub(crate) async fn times(&mut self, kind: Kind, changes: usize) -> anyhow::Result<Times> {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.rate);
        let mut times = Times::default();
        for _ in 0..changes {
            tick.tick().await;
            let sign = self.change(kind).await?;
            let written = Instant::now();
            while !self.shows(&sign, &mut times)? {
                if written.elapsed() > PATIENCE {
                    bail!("a change of kind {} does not show after {PATIENCE:?}", kind.name());
                }
                std::thread::sleep(PAUSE);
            }
            times.times.push(written.elapsed());
        }
        Ok(times)
    }

    /// CPU of the controller for each change, ms, when nobody asks it anything.
    pub(crate) async fn cpu(&mut self, kind: Kind, changes: usize) -> anyhow::Result<f64> {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.rate);
        let before = self.running.cpu()?;
        let mut last = None;
        for _ in 0..changes {
            tick.tick().await;
            last = Some(self.change(kind).await?);
        }
        let deadline = Instant::now() + PATIENCE;
        tick.tick().await;
        let used = self.running.cpu()? - before;
        while let Some(sign) = &last {
            if self.shows(sign, &mut Times::default())? {
                break;
            }
            if Instant::now() > deadline {
                bail!("the last change of kind {} does not show", kind.name());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(used.as_secs_f64() * 1e3 / changes as f64)
    }

    fn shows(&mut self, sign: &Sign, times: &mut Times) -> anyhow::Result<bool> {
        match sign {
            Sign::From { host, path, addresses } => {
                let answer = self.probe.get(host, path)?;
                times.failed += usize::from(answer.status >= 500);
                Ok(answer.status == 200 && addresses.contains(&answer.body))
            }
            Sign::Field { host, value } => {
                let answer = self.probe.get(host, "/")?;
                times.failed += usize::from(answer.status >= 500);
                Ok(answer.field("x-serial") == Some(value))
            }
            Sign::Certificate { host, leaf } => Ok(probe::certificate(self.running.https, host)? == *leaf),
        }
    }

    async fn change(&mut self, kind: Kind) -> anyhow::Result<Sign> {
        self.serial += 1;
        let merge = PatchParams::default();
        // A stride that visits all applications in no order of theirs.
        let index = self.serial.wrapping_mul(7919) % self.shape.count;
        // Endpoints change at applications whose rules never do: the even ones.
        let index = match kind {
            Kind::Endpoint => index & !1,
            Kind::Path | Kind::Backend | Kind::Annotation => (index | 1).min(self.shape.count - 1),
            Kind::Host | Kind::Certificate => index,
        };
        let other = (index + 1 + self.serial % (self.shape.count - 1)) % self.shape.count;
        let (name, host) = (format!("app-{index}"), load::host(index));
        match kind {
            Kind::Endpoint => {
                let offset = (self.serial % 60_000) as u32;
                let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 65, 0, 2)) + offset).to_string();
                let patch = json!({
                    "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
                    "ports": [{"name": "http", "port": self.port, "protocol": "TCP"}],
                });
                self.slices.patch(&name, &merge, &Patch::Merge(patch)).await?;
                Ok(Sign::From { host, path: "/".to_owned(), addresses: vec![address] })
            }
            Kind::Host => {
                let (name, host) = (format!("new-{}", self.serial), format!("new-{}.example", self.serial));
                let object = serde_json::from_value(load::ingress(&name, &host, index, false))?;
                let addresses = self.addresses(index).await?;
                self.ingresses.create(&PostParams::default(), &object).await?;
                Ok(Sign::From { host, path: "/".to_owned(), addresses })
            }
            Kind::Path | Kind::Backend => {
                let (path, paths) = if kind == Kind::Path {
                    let path = format!("/p{}", self.serial);
                    let paths = json!([load::path("/", index), load::path(&path, other)]);
                    (path, paths)
                } else {
                    ("/".to_owned(), json!([load::path("/", other)]))
                };
                let addresses = self.addresses(other).await?;
                let patch = json!({"spec": {"rules": [{"host": host, "http": {"paths": paths}}]}});
                self.ingresses.patch(&name, &merge, &Patch::Merge(patch)).await?;
                Ok(Sign::From { host, path, addresses })
            }
            Kind::Annotation => {
                let value = self.serial.to_string();
                let annotation = json!({"tidegate.dev/response-headers": format!("X-Serial: {value}")});
                let patch = json!({"metadata": {"annotations": annotation}});
                self.ingresses.patch(&name, &merge, &Patch::Merge(patch)).await?;
                Ok(Sign::Field { host, value })
            }
            Kind::Certificate => {
                let index = index % self.shape.with_tls();
                let host = load::host(index);
                let made = rcgen::generate_simple_self_signed([host.clone()])?;
                let patch = json!({
                    "stringData": {"tls.crt": made.cert.pem(), "tls.key": made.signing_key.serialize_pem()},
                });
                self.secrets.patch(&format!("tls-{index}"), &merge, &Patch::Merge(patch)).await?;
                Ok(Sign::Certificate { host, leaf: made.cert.der().to_vec() })
            }
        }
    }

    /// The addresses that a Service's slice holds now.
    async fn addresses(&self, index: usize) -> anyhow::Result<Vec<String>> {
        let slice = self.slices.get(&format!("app-{index}")).await?;
        Ok(slice.endpoints.into_iter().flat_map(|endpoint| endpoint.addresses).collect())
    }
}
