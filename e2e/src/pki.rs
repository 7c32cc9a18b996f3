//! The certificates of a cluster, made anew for each: one authority, servers and users.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use serde_json::json;

/// A certificate authority with its files in a directory.
pub(crate) struct Pki {
    directory: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Pki {
    /// Makes an authority (`ca.crt`) and the key that signs tokens of service accounts (`sa.key`, `sa.pub`).
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let authority = authority("tidegate-e2e")?;
        fs::write(directory.join("ca.crt"), authority.pem())?;
        fs::write(directory.join("ca.key"), authority.key().serialize_pem())?;
        let tokens = KeyPair::generate()?;
        fs::write(directory.join("sa.key"), tokens.serialize_pem())?;
        fs::write(directory.join("sa.pub"), tokens.public_key_pem())?;
        Ok(Self { directory: directory.to_owned(), authority })
    }

    /// Has a new authority sign from now on. `ca.crt` holds both, the new one first.
    pub(crate) fn rotate(&mut self) -> Result<()> {
        let former = fs::read_to_string(self.directory.join("ca.crt"))?;
        self.authority = authority("tidegate-e2e-2")?;
        fs::write(self.directory.join("ca.crt"), self.authority.pem() + &former)?;
        fs::write(self.directory.join("ca.key"), self.authority.key().serialize_pem())?;
        Ok(())
    }

    /// A file of the authority's directory.
    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Makes `NAME.crt` and `NAME.key` for a server of these names and addresses.
    pub(crate) fn server(
        &self,
        name: &str,
        common_name: &str,
        group: Option<&str>,
        names: &[&str],
        addresses: &[IpAddr],
    ) -> Result<()> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(common_name, group);
        for dns in names {
            params.subject_alt_names.push(SanType::DnsName((*dns).try_into()?));
        }
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(name, params)
    }

    /// Makes `NAME.crt` and `NAME.key` for a user of this group.
    pub(crate) fn user(&self, name: &str, user: &str, group: Option<&str>) -> Result<()> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(name, params)
    }

    /// Makes a certificate for a user and a kubeconfig with it: `NAME.kubeconfig`.
    pub(crate) fn user_kubeconfig(&self, name: &str, user: &str, group: Option<&str>, server: &str) -> Result<PathBuf> {
        self.user(name, user, group)?;
        let user = json!({
            "client-certificate": self.file(&format!("{name}.crt")),
            "client-key": self.file(&format!("{name}.key")),
        });
        self.kubeconfig(name, server, user)
    }

    /// Writes `NAME.kubeconfig` for whoever has these credentials.
    pub(crate) fn kubeconfig(&self, name: &str, server: &str, user: serde_json::Value) -> Result<PathBuf> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": {"server": server, "certificate-authority": self.file("ca.crt")}}],
            "users": [{"name": "e2e", "user": user}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
            "current-context": "e2e",
        });
        let path = self.directory.join(format!("{name}.kubeconfig"));
        // JSON is YAML.
        fs::write(&path, serde_json::to_vec_pretty(&config)?)?;
        Ok(path)
    }

    fn issue(&self, name: &str, params: CertificateParams) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.authority)?;
        fs::write(self.directory.join(format!("{name}.crt")), certificate.pem())?;
        fs::write(self.directory.join(format!("{name}.key")), key.serialize_pem())?;
        Ok(())
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = subject(name, None);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn subject(common_name: &str, group: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    if let Some(group) = group {
        subject.push(DnType::OrganizationName, group);
    }
    subject
}
