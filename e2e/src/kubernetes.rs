//! Where the programs of Kubernetes are: built by `e2e/cluster/build`, kept per machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

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
}
