//! Tidegate as in a pod as far as its service account goes: with the files that a kubelet would keep for it.

use std::fs;
use std::path::PathBuf;

use crate::{ApiServer, Tidegate};

/// The files of a service account, which the test writes instead of a kubelet. Processes started by it find them where
/// pods do, and nobody else does: they have a mount namespace of their own.
#[derive(Debug)]
pub struct PodFiles {
    /// What such a process has as /run, where /var/run leads to.
    directory: PathBuf,
    environment: [(&'static str, String); 2],
}

impl PodFiles {
    /// The files of a pod with this service account: its token, the namespace, and the authorities of the moment.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn new(api: &ApiServer, namespace: &str, account: &str) -> Self {
        let run = api.run();
        let directory = run.directory().join(format!("pod.{namespace}.{account}"));
        let environment =
            [("KUBERNETES_SERVICE_HOST", run.address(1).to_string()), ("KUBERNETES_SERVICE_PORT", "6443".to_owned())];
        let files = Self { directory, environment };
        fs::create_dir_all(files.folder()).expect("a directory");
        files.replace("namespace", namespace);
        files.replace("token", &api.token(namespace, account));
        files.replace("ca.crt", &api.authorities());
        files
    }

    /// Replaces a file at once, as a kubelet does: `token`, `ca.crt` or `namespace`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn replace(&self, file: &str, content: &str) {
        let new = self.folder().join(format!("..{file}"));
        fs::write(&new, content).expect("it can be written");
        fs::rename(new, self.folder().join(file)).expect("it can be replaced");
    }

    /// Starts Tidegate with these files, and waits until it listens.
    #[track_caller]
    pub fn start(&self, options: &[&str]) -> Tidegate {
        let directory = self.directory.to_str().expect("a path in UTF-8");
        let script = "mount --bind \"$0\" /run && exec \"$@\"";
        let way = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, directory];
        let environment = self.environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        Tidegate::start_by(&way, options, &environment)
    }

    fn folder(&self) -> PathBuf {
        self.directory.join("secrets/kubernetes.io/serviceaccount")
    }
}
