//! Reading a cluster once: lists, and nothing but lists. What our rights do not allow is told, and the rest is used.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use crate::args::MigrateArgs;
use crate::migrate::{self, Found, Origin, SELECTOR};
use crate::model::ObjectKind;
use crate::source::api::{self, Access, Listing, Unlisted};
use crate::source::manifests::{self, Holder, Loaded, Written};

/// Field selector that leaves out the Secrets in which Helm keeps releases: they are large, and no Ingress names one.
const NO_RELEASES: &str = "type!=helm.sh/release.v1";

/// The pages that were read, and what was not.
#[derive(Default)]
struct Pages {
    holders: Vec<Holder>,
    unread: Vec<String>,
    /// Kinds of which all objects that were asked for are there.
    listed: BTreeSet<ObjectKind>,
}

/// Reads everything that the report needs.
pub(super) fn read(args: &MigrateArgs) -> anyhow::Result<Found> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let access = Access::find(args.kubeconfig.clone())
            .context("no cluster to read: give --kubeconfig FILE, or --manifests PATH")?;
        let mut cluster = Cluster { access, namespaces: args.namespace.clone(), pages: Pages::default() };
        cluster.ingresses().await?;
        cluster.others(args.read_secrets).await;
        let installations = cluster.controllers().await?;
        let Cluster { pages: Pages { holders, unread, listed }, .. } = cluster;
        let (loaded, mut written) = parsed(holders)?;
        written.extend(installations);
        Ok(Found { loaded, written, listed, unread, origin: Origin::Cluster })
    })
}

fn parsed(holders: Vec<Holder>) -> anyhow::Result<(Loaded, Vec<Written>)> {
    Ok(manifests::load_all(holders, &migrate::is_wanted)?)
}

struct Cluster {
    access: Arc<Access>,
    /// Empty for all.
    namespaces: Vec<Arc<str>>,
    pages: Pages,
}

impl Cluster {
    /// The Ingresses, in the newest version that the server has. Without them there is nothing to tell.
    async fn ingresses(&mut self) -> anyhow::Result<()> {
        for group in ["networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1"] {
            match self.list("apis", group, "ingresses", None).await {
                Ok(()) => return Ok(()),
                Err(Unlisted::Absent) => {}
                Err(Unlisted::Forbidden) => {
                    anyhow::bail!(
                        "Ingresses of {} cannot be listed: the rights of the kubeconfig do not allow it",
                        self.access.server()
                    )
                }
                Err(Unlisted::Failed(why)) => anyhow::bail!("cannot list Ingresses of {}: {why}", self.access.server()),
            }
        }
        anyhow::bail!("{} has no Ingresses in any version", self.access.server())
    }

    /// What Ingresses refer to.
    async fn others(&mut self, read_secrets: bool) {
        let classes = self.all("apis", "networking.k8s.io/v1", "ingressclasses", None).await;
        let follows = "whether an Ingress is of the class is judged by the name of its class";
        self.listed(ObjectKind::IngressClass, classes, "IngressClasses", follows);
        let services = self.list("api", "v1", "services", None).await;
        let follows = "ports of Services are not checked, and the values have no Service";
        self.listed(ObjectKind::Service, services, "Services", follows);
        if read_secrets {
            let secrets = self.list("api", "v1", "secrets", Some(NO_RELEASES)).await;
            self.listed(ObjectKind::Secret, secrets, "Secrets", "certificates and passwords are not checked");
        }
    }

    fn listed(&mut self, kind: ObjectKind, outcome: Result<(), Unlisted>, what: &str, follows: &str) {
        if outcome.is_ok() {
            self.pages.listed.insert(kind);
        }
        self.told(outcome, what, follows);
    }

    /// The workloads of ingress-nginx, in whatever namespace, and the ConfigMaps that they name.
    async fn controllers(&mut self) -> anyhow::Result<Vec<Written>> {
        let mut found = self.workloads(Some(SELECTOR)).await?;
        if !migrate::has_controller(&found) {
            found = self.workloads(None).await?;
        }
        // Not the same objects twice.
        let mut pages = Pages::default();
        std::mem::swap(&mut pages, &mut self.pages);
        for (namespace, name) in migrate::config_maps(&found) {
            let listing = Listing {
                path: format!("/api/v1/namespaces/{namespace}/configmaps"),
                fields: Some(format!("metadata.name={name}")),
                labels: None,
            };
            let outcome = self.take(listing, "configmaps").await;
            self.told(outcome, &format!("ConfigMap {namespace}/{name}"), "what it sets is not in this report");
        }
        // The Services of all namespaces were listed, or only those of some.
        let elsewhere = |namespace: &String| self.namespaces.iter().all(|listed| **listed != **namespace);
        let namespaces = if self.namespaces.is_empty() { BTreeSet::new() } else { migrate::namespaces(&found) };
        for namespace in namespaces.into_iter().filter(elsewhere).collect::<Vec<_>>() {
            let path = format!("/api/v1/namespaces/{namespace}/services");
            let outcome = self.take(Listing { path, ..Listing::default() }, "services").await;
            self.told(outcome, &format!("Services of namespace {namespace}"), "the values have no Service");
        }
        std::mem::swap(&mut pages, &mut self.pages);
        self.pages.unread.extend(pages.unread);
        found.extend(parsed(pages.holders)?.1);
        Ok(found)
    }

    async fn workloads(&mut self, labels: Option<&str>) -> anyhow::Result<Vec<Written>> {
        let mut pages = Pages::default();
        std::mem::swap(&mut pages, &mut self.pages);
        for (group, plural, name) in [
            ("apps/v1", "deployments", "Deployments"),
            ("apps/v1", "daemonsets", "DaemonSets"),
            ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscalers"),
        ] {
            let outcome = self.all("apis", group, plural, labels).await;
            self.told(outcome, name, "ingress-nginx itself may be missing from this report");
        }
        std::mem::swap(&mut pages, &mut self.pages);
        // A second look meets the same refusals.
        for unread in pages.unread {
            if !self.pages.unread.contains(&unread) {
                self.pages.unread.push(unread);
            }
        }
        Ok(parsed(pages.holders)?.1)
    }

    /// Lists a kind in the namespaces that were asked for.
    async fn list(&mut self, root: &str, group: &str, plural: &str, fields: Option<&str>) -> Result<(), Unlisted> {
        let fields = fields.map(str::to_owned);
        if self.namespaces.is_empty() {
            let path = format!("/{root}/{group}/{plural}");
            return self.take(Listing { path, labels: None, fields }, plural).await;
        }
        for namespace in self.namespaces.clone() {
            let path = format!("/{root}/{group}/namespaces/{namespace}/{plural}");
            self.take(Listing { path, labels: None, fields: fields.clone() }, plural).await?;
        }
        Ok(())
    }

    /// Lists a kind of the whole cluster.
    async fn all(&mut self, root: &str, group: &str, plural: &str, labels: Option<&str>) -> Result<(), Unlisted> {
        let path = format!("/{root}/{group}/{plural}");
        self.take(Listing { path, labels: labels.map(str::to_owned), fields: None }, plural).await
    }

    async fn take(&mut self, listing: Listing, plural: &str) -> Result<(), Unlisted> {
        for page in api::list(&self.access, &listing).await? {
            let name = PathBuf::from(format!("{plural}-{}.json", self.pages.holders.len()));
            self.pages.holders.push(Holder::Content(name, page));
        }
        Ok(())
    }

    fn told(&mut self, outcome: Result<(), Unlisted>, what: &str, follows: &str) {
        let why = match outcome {
            Ok(()) => return,
            Err(Unlisted::Forbidden) => "the rights of the kubeconfig do not allow it".to_owned(),
            Err(Unlisted::Absent) => "the server does not have them".to_owned(),
            Err(Unlisted::Failed(why)) => why,
        };
        self.pages.unread.push(format!("{what} could not be listed ({why}): {follows}"));
    }
}
