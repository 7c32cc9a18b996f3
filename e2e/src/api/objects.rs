//! The objects that an API server holds, for tests that block.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::{Handle, Runtime};

/// Requests under way at once when many objects are applied.
const CONCURRENCY: usize = 32;

/// Objects of any kind, by an administrator. Its calls block, also on threads of a test's own tokio runtime.
#[derive(Clone)]
pub struct Objects {
    config: Config,
    client: Client,
    known: Arc<Known>,
}

/// What needs to be asked once only.
#[derive(Default)]
struct Known {
    kinds: Mutex<HashMap<GroupVersionKind, (ApiResource, bool)>>,
    namespaces: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("server", &self.config.cluster_url).finish_non_exhaustive()
    }
}

impl Objects {
    /// Speaks to the API server of a kubeconfig; nothing is sent yet.
    pub fn connect(kubeconfig: &Path) -> Result<Self> {
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let config =
            block_on(
                async move { Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?) },
            )?;
        let client = new_client(&config)?;
        Ok(Self { config, client, known: Arc::default() })
    }

    /// A client with connections of its own, for tests that are async or need typed objects.
    ///
    /// # Panics
    /// When the certificates cannot be read.
    pub fn client(&self) -> Client {
        new_client(&self.config).expect("a client")
    }

    /// Settings of such a client.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// Makes or changes all objects of some YAML (server-side apply, forced). A namespace that is not there is made; an
    /// object without one is in `default`.
    ///
    /// # Panics
    /// When the text is no YAML or the API server refuses an object.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        self.apply_all(parse(yaml));
    }

    /// The same for objects that are values already, many at a time in no order.
    #[track_caller]
    pub fn apply_all(&self, objects: Vec<Value>) {
        let this = self.clone();
        let applied: Result<Vec<()>> = block_on(async move {
            stream::iter(objects).map(|object| this.apply_one(object)).buffered(CONCURRENCY).try_collect().await
        });
        if let Err(error) = applied {
            panic!("{error:#}");
        }
    }

    /// Applies one object; the error tells the API server's refusal.
    pub fn try_apply(&self, yaml: &str) -> Result<()> {
        for object in parse(yaml) {
            let this = self.clone();
            block_on(async move { this.apply_one(object).await })?;
        }
        Ok(())
    }

    /// Deletes the objects that some YAML names, those that are there; not their namespaces.
    #[track_caller]
    pub fn delete(&self, yaml: &str) {
        for object in parse(yaml) {
            let this = self.clone();
            let deleted = block_on(async move {
                let (api, name) = this.api_of(&object).await?;
                match api.delete(&name, &DeleteParams::default()).await {
                    Ok(_) => Ok(()),
                    Err(error) if is_not_found(&error) => Ok(()),
                    Err(error) => Err(error).with_context(|| format!("delete {name}")),
                }
            });
            deleted.expect("the API server deletes it");
        }
    }

    /// Does what the controllers of namespaces do for a deleted one: deletes the objects in it of the kinds that matter
    /// here, one by one, then the namespace itself.
    #[track_caller]
    pub fn delete_namespace(&self, name: &str) {
        let kinds = [
            ("discovery.k8s.io/v1", "EndpointSlice"),
            ("v1", "Service"),
            ("v1", "Secret"),
            ("networking.k8s.io/v1", "Ingress"),
        ];
        for (api_version, kind) in kinds {
            for mut object in self.list(api_version, kind, name) {
                // Lists do not repeat the kind in each object.
                object["apiVersion"] = api_version.into();
                object["kind"] = kind.into();
                self.delete(&object.to_string());
            }
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.delete(&namespace.to_string());
        let mut namespace = namespace;
        namespace["spec"] = json!({"finalizers": []});
        let body = namespace.to_string().into_bytes();
        let request = http::Request::put(format!("/api/v1/namespaces/{name}/finalize"))
            .header("content-type", "application/json")
            .body(body)
            .expect("a request");
        let client = self.client.clone();
        block_on(async move { Ok(client.request_text(request).await?) }).expect("the namespace is finalized");
        self.known.namespaces.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// One object, if it is there: `get("networking.k8s.io/v1", "Ingress", "default", "web")`. The namespace of
    /// cluster-wide kinds is empty.
    #[track_caller]
    pub fn get(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
        let this = self.clone();
        let found = block_on(async move {
            let (api, name) = this.api_of(&object).await?;
            Ok(api.get_opt(&name).await?)
        });
        found.expect("the API server answers").map(|object| serde_json::to_value(object).expect("an object is JSON"))
    }

    /// All objects of a kind in a namespace, or in all if that is empty.
    #[track_caller]
    pub fn list(&self, api_version: &str, kind: &str, namespace: &str) -> Vec<Value> {
        let type_of = json!({"apiVersion": api_version, "kind": kind});
        let (this, namespace) = (self.clone(), namespace.to_owned());
        let found: Result<_> = block_on(async move {
            let (resource, _) = this.kind_of(&type_of).await?;
            let api: Api<DynamicObject> = if namespace.is_empty() {
                Api::all_with(this.client.clone(), &resource)
            } else {
                Api::namespaced_with(this.client.clone(), &namespace, &resource)
            };
            Ok(api.list(&Default::default()).await?)
        });
        let found = found.expect("the API server answers");
        found.items.into_iter().map(|object| serde_json::to_value(object).expect("an object is JSON")).collect()
    }

    /// What the API server answers on a path, if it answers with success.
    pub fn raw(&self, path: &str) -> Option<String> {
        let request = http::Request::get(path).body(Vec::new()).ok()?;
        let client = self.client.clone();
        block_on(async move { Ok(client.request_text(request).await?) }).ok()
    }

    /// A token of a service account that is made if it is not there.
    #[track_caller]
    pub(crate) fn service_account_token(&self, namespace: &str, name: &str) -> String {
        let object =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}});
        if self.get("v1", "ServiceAccount", namespace, name).is_none() {
            self.apply_all(vec![object]);
        }
        let (client, namespace, name) = (self.client.clone(), namespace.to_owned(), name.to_owned());
        let token: Result<TokenRequest> = block_on(async move {
            let accounts: Api<ServiceAccount> = Api::namespaced(client, &namespace);
            let spec = TokenRequestSpec { expiration_seconds: Some(24 * 3600), ..TokenRequestSpec::default() };
            let request = TokenRequest { spec, ..TokenRequest::default() };
            Ok(accounts.create_token_request(&name, &PostParams::default(), &request).await?)
        });
        token.expect("a token").status.expect("a token has a status").token
    }

    async fn apply_one(&self, object: Value) -> Result<()> {
        let (api, name) = self.api_of(&object).await?;
        if let Some(namespace) = object["metadata"]["namespace"].as_str() {
            self.ensure_namespace(namespace).await?;
        }
        let parameters = PatchParams::apply("e2e").force();
        let applied = api.patch(&name, &parameters, &Patch::Apply(&object)).await;
        applied.with_context(|| format!("apply {} {name}", object["kind"]))?;
        Ok(())
    }

    async fn ensure_namespace(&self, name: &str) -> Result<()> {
        let is_known = self.known.namespaces.lock().unwrap_or_else(PoisonError::into_inner).contains(name);
        if is_known {
            return Ok(());
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let (api, _) = self.api_of(&namespace).await?;
        if api.get_opt(name).await?.is_none() {
            let made = api.create(&PostParams::default(), &serde_json::from_value(namespace)?).await;
            match made {
                Ok(_) => {}
                // Another of the objects applied at once made it.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(error).with_context(|| format!("create namespace {name}")),
            }
        }
        self.known.namespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Ok(())
    }

    /// Where an object belongs, and its name.
    async fn api_of(&self, object: &Value) -> Result<(Api<DynamicObject>, String)> {
        let (resource, is_namespaced) = self.kind_of(object).await?;
        let name = object["metadata"]["name"].as_str().context("an object needs a name")?.to_owned();
        let api = if is_namespaced {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        };
        Ok((api, name))
    }

    async fn kind_of(&self, object: &Value) -> Result<(ApiResource, bool)> {
        let api_version = object["apiVersion"].as_str().context("an object needs an apiVersion")?;
        let kind = object["kind"].as_str().context("an object needs a kind")?;
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, kind);
        let known = self.known.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned();
        if let Some(found) = known {
            return Ok(found);
        }
        let (resource, capabilities) =
            kube::discovery::pinned_kind(&self.client, &kind).await.with_context(|| format!("{kind:?}"))?;
        let found = (resource, capabilities.scope == kube::discovery::Scope::Namespaced);
        self.known.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, found.clone());
        Ok(found)
    }
}

/// The objects of some YAML, without empty documents.
#[track_caller]
fn parse(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("the text is YAML");
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn new_client(config: &Config) -> Result<Client> {
    // A client has a task: on the runtime of an async test, or else ours.
    let handle = Handle::try_current().unwrap_or_else(|_| runtime().handle().clone());
    let _entered = handle.enter();
    Ok(Client::try_from(config.clone())?)
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime")
    })
}

/// Runs a future on threads of its own, so that the caller may itself be on a runtime.
fn block_on<T: Send + 'static>(future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    runtime().spawn(async move {
        // Whoever asked waits for it.
        let _ = sender.send(future.await);
    });
    receiver.recv().context("it panicked")?
}
