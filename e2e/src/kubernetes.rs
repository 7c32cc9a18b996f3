//! Where the programs of Kubernetes are: built by `e2e/cluster/build`, kept per machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The version of Helm that `scripts/setup` builds.
const HELM: &str = "v3.19.5";

/// The version of oauth2-proxy that `scripts/setup` builds.
const OAUTH2_PROXY: &str = "v7.15.6";

/// The directory of etcd, kube-apiserver and so on.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    directory: PathBuf,
}

impl Kubernetes {
    /// Finds the programs, or builds them first, which takes minutes once per machine.
    ///
    /// # Panics
    /// When they cannot be built; the build says why on standard error.
    pub fn get() -> Self {
        static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
        let directory = DIRECTORY.get_or_init(|| {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/build");
            let output = Command::new(script).stderr(Stdio::inherit()).output().expect("e2e/cluster/build runs");
            assert!(output.status.success(), "e2e/cluster/build failed");
            PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
        });
        Self { directory: directory.clone() }
    }

    /// The path of one of the programs, for example `kubectl`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Helm, as `scripts/setup e2e` builds it.
    ///
    /// # Panics
    /// When it is not there.
    pub fn helm(&self) -> PathBuf {
        self.built(&format!("helm-{HELM}/helm"))
    }

    /// oauth2-proxy, as `scripts/setup e2e` builds it.
    ///
    /// # Panics
    /// When it is not there.
    pub fn oauth2_proxy(&self) -> PathBuf {
        self.built(&format!("oauth2-proxy-{OAUTH2_PROXY}/oauth2-proxy"))
    }

    fn built(&self, name: &str) -> PathBuf {
        let cache = self.directory.parent().expect("the programs are in a cache");
        let program = cache.join(name);
        assert!(program.is_file(), "{} is not there: scripts/setup e2e", program.display());
        program
    }
}
