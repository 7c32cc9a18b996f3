//! Where objects come from: determined at once, opened when the server runs, then followed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::settings;
use crate::args::ServeArgs;
use crate::model::ObjectRef;
use crate::observe::Metrics;
use crate::source::objects::Signature;
use crate::source::{Event, api, manifests};

/// Where objects come from.
pub(super) enum Origin {
    /// A directory, and that of certificates if there is one.
    Manifests(PathBuf, Option<PathBuf>),
    /// A Kubernetes API, found by this kubeconfig if there is one.
    Api(api::Settings, Option<PathBuf>),
}

/// An origin that is open.
pub(super) enum Source {
    /// A directory, and that of certificates if there is one.
    Manifests(PathBuf, Option<PathBuf>),
    /// A Kubernetes API.
    Api(api::Settings, Arc<api::Access>),
}

impl Origin {
    /// The origin that the command line and the environment name. An error says what is missing.
    pub(super) fn of(args: &ServeArgs) -> anyhow::Result<Self> {
        let kubeconfig = &args.source.kubeconfig;
        match &args.source.manifests {
            Some(path) => Ok(Self::Manifests(path.clone(), args.source.certificates.certificate_dir.clone())),
            None => {
                api::Access::check(kubeconfig.as_ref())?;
                Ok(Self::Api(settings::api(&args.source, &args.tls, &args.routing), kubeconfig.clone()))
            }
        }
    }

    /// Opens it. Must be called within the control runtime.
    pub(super) fn open(self) -> anyhow::Result<Source> {
        Ok(match self {
            Self::Manifests(path, certificates) => Source::Manifests(path, certificates),
            Self::Api(settings, kubeconfig) => Source::Api(settings, api::Access::find(kubeconfig)?),
        })
    }
}

impl Source {
    /// The access to the API, if it is one.
    pub(super) fn access(&self) -> Option<Arc<api::Access>> {
        match self {
            Self::Manifests(..) => None,
            Self::Api(_, access) => Some(Arc::clone(access)),
        }
    }

    /// From now on statuses with this signature count as ours.
    pub(super) fn know(&mut self, signature: Signature) {
        match self {
            Self::Manifests(..) => {}
            Self::Api(settings, _) => settings.signature = Some(signature),
        }
    }

    /// Starts to follow the objects.
    pub(super) fn follow(
        self,
        events: mpsc::Sender<Event>,
        wanted: watch::Receiver<BTreeSet<ObjectRef>>,
        metrics: Arc<Metrics>,
    ) -> JoinHandle<anyhow::Result<()>> {
        match self {
            Self::Manifests(path, certificates) => tokio::spawn(async move {
                let outcome = manifests::follow_all(path.clone(), certificates.clone(), events).await;
                let paths = || std::iter::once(&path).chain(&certificates).map(|path| path.display().to_string());
                outcome.with_context(|| format!("cannot read {}", paths().collect::<Vec<_>>().join(" or ")))
            }),
            Self::Api(settings, access) => {
                log(&settings, access.server());
                tokio::spawn(async move {
                    api::follow(settings, access, metrics, events, wanted).await;
                    Ok(())
                })
            }
        }
    }
}

/// Logs the settings for operators, in the words of the options.
fn log(settings: &api::Settings, server: &str) {
    let api::Settings { namespaces, classes, secrets, config_maps, config_maps_of_options: _, signature: _ } = settings;
    let namespaces = if namespaces.is_empty() { "all".to_owned() } else { namespaces.join(",") };
    let classes = match classes {
        api::ClassAccess::Listed => "read",
        api::ClassAccess::None => "not read",
    };
    let secrets = match secrets {
        api::SecretAccess::Cluster => "of all namespaces".to_owned(),
        api::SecretAccess::Namespaces(namespaces) => format!("of namespaces {}", namespaces.join(",")),
        api::SecretAccess::Names(listed) => format!("by name, of {} that are listed", listed.len()),
    };
    let config_maps = match config_maps {
        api::ConfigMapAccess::Cluster => "of all namespaces".to_owned(),
        api::ConfigMapAccess::Namespaces(namespaces) => format!("of namespaces {}", namespaces.join(",")),
        api::ConfigMapAccess::Names(listed) => format!("by name, of {} that are listed", listed.len()),
    };
    tracing::info!(server, namespaces, classes, secrets, config_maps, "following a Kubernetes API");
}
