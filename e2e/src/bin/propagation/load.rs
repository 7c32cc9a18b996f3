//! The objects: many applications, each an Ingress, a Service and a slice; some have a certificate.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// The namespace all of it is in.
pub(crate) const NAMESPACE: &str = "bench";
/// Applications that have a certificate.
const WITH_TLS: usize = 100;
/// Writes at a time.
const CONCURRENCY: usize = 24;

/// How much.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shape {
    /// Applications.
    #[arg(long, default_value_t = 1000)]
    pub(crate) count: usize,
    /// Endpoints of each Service.
    #[arg(long, default_value_t = 5)]
    pub(crate) endpoints: usize,
    /// Give each Ingress five annotations of ingress-nginx, two of them with values of its own.
    #[arg(long)]
    pub(crate) annotated: bool,
}

impl Shape {
    /// Applications with a certificate.
    pub(crate) fn with_tls(&self) -> usize {
        self.count.min(WITH_TLS)
    }

    /// The addresses of an application's pods: no two applications share one.
    pub(crate) fn addresses(&self, index: usize) -> Vec<String> {
        let first = u32::from(Ipv4Addr::new(100, 64, 0, 2)) + (index * self.endpoints) as u32;
        (0..self.endpoints as u32).map(|k| Ipv4Addr::from(first + k).to_string()).collect()
    }
}

/// The host of an application.
pub(crate) fn host(index: usize) -> String {
    format!("app-{index}.example")
}

/// Writes what is not there yet. Slices point to port 1 until a measurement says where its pods are.
pub(crate) async fn load(client: &Client, shape: &Shape) -> anyhow::Result<()> {
    create::<Namespace>(&Api::all(client.clone()), json!({"metadata": {"name": NAMESPACE}})).await?;
    create::<IngressClass>(
        &Api::all(client.clone()),
        json!({"metadata": {"name": "tidegate"}, "spec": {"controller": "tidegate.dev/ingress-controller"}}),
    )
    .await?;
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), NAMESPACE);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let ingresses: Api<Ingress> = Api::namespaced(client.clone(), NAMESPACE);
    stream::iter(0..shape.count)
        .map(|index| {
            let (services, slices, secrets, ingresses) = (&services, &slices, &secrets, &ingresses);
            async move {
                let has_tls = index < shape.with_tls();
                create(services, service(index)).await?;
                create(slices, slice(index, &shape.addresses(index))).await?;
                if has_tls {
                    create(secrets, secret(index, &host(index))?).await?;
                }
                let mut object = ingress(&format!("app-{index}"), &host(index), index, has_tls);
                if shape.annotated {
                    annotate(&mut object, index);
                }
                create(ingresses, object).await
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await
}

/// The port of the pods is the slices' by way of one Service port: it is in every slice, so it is patched there.
pub(crate) async fn point_to(client: &Client, port: u16) -> anyhow::Result<()> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), NAMESPACE);
    let names: Vec<String> =
        slices.list_metadata(&Default::default()).await?.items.into_iter().filter_map(|s| s.metadata.name).collect();
    let patch = json!({"ports": [{"name": "http", "port": port, "protocol": "TCP"}]});
    stream::iter(names)
        .map(|name| {
            let (slices, patch) = (&slices, &patch);
            async move {
                slices.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop).context("slice")
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await
}

async fn create<K>(api: &Api<K>, object: serde_json::Value) -> anyhow::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    match api.create(&PostParams::default(), &serde_json::from_value(object)?).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn service(index: usize) -> serde_json::Value {
    json!({
        "metadata": {"name": format!("app-{index}")},
        "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]},
    })
}

fn slice(index: usize, addresses: &[String]) -> serde_json::Value {
    let endpoints: Vec<_> =
        addresses.iter().map(|address| json!({"addresses": [address], "conditions": {"ready": true}})).collect();
    json!({
        "metadata": {
            "name": format!("app-{index}"),
            "labels": {"kubernetes.io/service-name": format!("app-{index}")},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 1, "protocol": "TCP"}],
    })
}

/// An Ingress of this name for this host, to the Service of an application.
pub(crate) fn ingress(name: &str, host: &str, to: usize, has_tls: bool) -> serde_json::Value {
    let mut object = json!({
        "metadata": {"name": name, "annotations": {"tidegate.dev/ssl-redirect": "false"}},
        "spec": {
            "ingressClassName": "tidegate",
            "rules": [{"host": host, "http": {"paths": [path("/", to)]}}],
        },
    });
    if has_tls {
        object["spec"]["tls"] = json!([{"hosts": [host], "secretName": format!("tls-{to}")}]);
    }
    object
}

/// The annotations that manifests have most often, besides those that most others share.
fn annotate(ingress: &mut serde_json::Value, index: usize) {
    for (key, value) in [
        ("proxy-body-size", "50m".to_owned()),
        ("proxy-read-timeout", "3600".to_owned()),
        ("enable-cors", "true".to_owned()),
        ("cors-allow-origin", format!("https://app-{index}.front.example")),
        ("whitelist-source-range", format!("127.0.0.0/8,10.{}.{}.0/24", index / 256, index % 256)),
    ] {
        ingress["metadata"]["annotations"][format!("nginx.ingress.kubernetes.io/{key}")] = value.into();
    }
}

/// A path to the Service of an application.
pub(crate) fn path(path: &str, to: usize) -> serde_json::Value {
    json!({
        "path": path,
        "pathType": "Prefix",
        "backend": {"service": {"name": format!("app-{to}"), "port": {"number": 80}}},
    })
}

fn secret(index: usize, host: &str) -> anyhow::Result<serde_json::Value> {
    let made = rcgen::generate_simple_self_signed([host.to_owned()])?;
    Ok(json!({
        "metadata": {"name": format!("tls-{index}")},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": made.cert.pem(), "tls.key": made.signing_key.serialize_pem()},
    }))
}
