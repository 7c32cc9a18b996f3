//! From hosts to the files of `--certificate-dir` whose certificates name them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::HostPattern;
use crate::source::objects::CertificateFile;

/// The files that name each host.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilesByHost(BTreeMap<HostPattern, BTreeSet<Arc<str>>>);

impl FilesByHost {
    /// All hosts that are named.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostPattern> {
        self.0.keys()
    }

    /// The files that name a host, by name.
    pub(crate) fn files(&self, host: &HostPattern) -> impl Iterator<Item = &Arc<str>> {
        self.0.get(host).into_iter().flatten()
    }

    /// Replaces a version of a file by another one. Returns the hosts that either names.
    pub(crate) fn replace(
        &mut self,
        file: &Arc<str>,
        old: Option<&CertificateFile>,
        new: Option<&CertificateFile>,
    ) -> BTreeSet<HostPattern> {
        let (former, present) = (hosts_of(old), hosts_of(new));
        for host in &former {
            if let Some(files) = self.0.get_mut(host) {
                files.remove(file);
                if files.is_empty() {
                    self.0.remove(host);
                }
            }
        }
        for host in &present {
            self.0.entry(host.clone()).or_default().insert(Arc::clone(file));
        }
        former.into_iter().chain(present).collect()
    }
}

/// The hosts that the certificate of a file names.
pub(crate) fn hosts_of(file: Option<&CertificateFile>) -> BTreeSet<HostPattern> {
    let names = file.and_then(CertificateFile::usable).map(|certificate| certificate.names()).unwrap_or_default();
    names.iter().filter_map(|name| host(name)).collect()
}

/// A name of a certificate as a host; `None`: no server name can be it, as a common name that is a text.
fn host(name: &str) -> Option<HostPattern> {
    HostPattern::parse(name).ok().filter(|host| *host != HostPattern::Any)
}
