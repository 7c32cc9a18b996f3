//! Access to the API server: its address, our credentials, and single requests.
//!
//! Credentials are files that rotate. The client reads its token again every minute. A client that is refused or keeps failing
//! is replaced by a new one, which reads token, authorities and client certificate.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, RETRY_AFTER, USER_AGENT};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use kube::config::{Config, Kubeconfig};
use tokio::time::{Instant, timeout};

use super::connect;
use super::failure::{Failure, Reason};

/// How long the server may take to begin an answer. Lists of a slow etcd take half a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the rest of a list's page may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest page. 500 objects of the largest size that etcd stores would be longer, but no server sends that. Bytes.
const PAGE_BYTES: usize = 512 << 20;
/// Longest text of an error that is read. Bytes.
const ERROR_BYTES: usize = 64 << 10;
/// Age from which a client that fails is replaced.
const STALE: Duration = Duration::from_secs(20);
/// Age from which a client that is refused is replaced.
const STALE_IF_REFUSED: Duration = Duration::from_secs(1);

/// Why there is no API server to talk to.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The kubeconfig does not lead to a server.
    #[error("the kubeconfig is unusable: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// We run in a pod whose service account is unusable.
    #[error("the pod's service account is unusable: {0}")]
    InCluster(#[from] kube::config::InClusterError),
    /// Neither in a pod nor with a kubeconfig.
    #[error("there is nothing to serve: give --manifests DIR or --kubeconfig FILE, set KUBECONFIG, or run in a pod")]
    Nowhere,
    /// The client cannot be built.
    #[error("the client of the Kubernetes API cannot be made: {0}")]
    Client(#[from] kube::Error),
}

/// Access to one API server.
pub struct Access {
    kubeconfig: Option<PathBuf>,
    server: String,
    namespace: String,
    current: Mutex<(kube::Client, Instant)>,
    /// The server has answered 401 to a request since the credentials were read.
    is_refused: Arc<AtomicBool>,
}

impl Access {
    /// Finds the API server by this kubeconfig, the pod we run in, or the kubeconfig of the user, in this order. Does not
    /// connect yet. Needs a runtime.
    pub fn find(kubeconfig: Option<PathBuf>) -> Result<Arc<Self>, AccessError> {
        let config = configuration(kubeconfig.as_ref())?;
        let server = config.cluster_url.to_string();
        let namespace = config.default_namespace.clone();
        let is_refused = Arc::default();
        let current = Mutex::new((connect::client(config, &is_refused)?, Instant::now()));
        Ok(Arc::new(Self { kubeconfig, server, namespace, current, is_refused }))
    }

    /// Whether there is anything to find.
    pub fn check(kubeconfig: Option<&PathBuf>) -> Result<(), AccessError> {
        configuration(kubeconfig).map(drop)
    }

    /// Where the API server is, as a URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The namespace we are in: that of the service account, or of the kubeconfig's context.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The present client. It must not be kept for long, because credentials rotate.
    pub fn client(&self) -> kube::Client {
        if self.is_refused.load(Ordering::Relaxed) {
            self.renew_from(STALE_IF_REFUSED);
        }
        self.current.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Reads the credentials again and leaves the present connections, unless that was done just now.
    pub(super) fn renew(&self) {
        self.renew_from(STALE);
    }

    /// A failure leaves the client as it is.
    fn renew_from(&self, age: Duration) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1.elapsed() < age {
            return;
        }
        let made = configuration(self.kubeconfig.as_ref())
            .and_then(|config| connect::client(config, &self.is_refused).map_err(AccessError::from));
        self.is_refused.store(false, Ordering::Relaxed);
        current.1 = Instant::now();
        match made {
            Ok(client) => current.0 = client,
            Err(error) => tracing::warn!(%error, "credentials cannot be read again, going on with the old ones"),
        }
    }

    /// Sends a request whose answer is read as a whole.
    pub(super) async fn get(&self, request: http::Request<Vec<u8>>) -> Result<Bytes, Failure> {
        let body = Limited::new(self.open(request).await?, PAGE_BYTES);
        match timeout(BODY_TIMEOUT, body.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(Failure::new(Reason::Connection, format!("the answer broke off: {error}"))),
            Err(_) => Err(Failure::new(Reason::Timeout, format!("no whole answer within {BODY_TIMEOUT:?}"))),
        }
    }

    /// Sends a request and returns the body of the answer if it is a success.
    pub(super) async fn open(&self, mut request: http::Request<Vec<u8>>) -> Result<Body, Failure> {
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let request = request.map(Body::from);
        let answer = match timeout(ANSWER_TIMEOUT, self.client().send(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Failure::of_client(&error)),
            Err(_) => return Err(Failure::new(Reason::Timeout, format!("no answer within {ANSWER_TIMEOUT:?}"))),
        };
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let (status, after) = (answer.status().as_u16(), retry_after(answer.headers()));
        let text = timeout(BODY_TIMEOUT, Limited::new(answer.into_body(), ERROR_BYTES).collect()).await;
        let text = text.ok().and_then(Result::ok).map(|text| text.to_bytes()).unwrap_or_default();
        Err(Failure::of_answer(status, &text).after(after))
    }
}

/// The server's wish for the time of the next try, in seconds. A date is ignored.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads where the API server is and who we are.
fn configuration(kubeconfig: Option<&PathBuf>) -> Result<Config, AccessError> {
    use kube::config::{InClusterError, KubeconfigError};
    let mut config = match kubeconfig {
        Some(path) => Config::try_from(Kubeconfig::read_from(path)?)?,
        None => match Config::incluster() {
            Ok(config) => config,
            Err(InClusterError::ReadEnvironmentVariable(_)) => match Kubeconfig::read() {
                Ok(kubeconfig) => Config::try_from(kubeconfig)?,
                Err(KubeconfigError::FindPath) => return Err(AccessError::Nowhere),
                Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(AccessError::Nowhere);
                }
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        },
    };
    config.headers.push((USER_AGENT, HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")))));
    Ok(config)
}
