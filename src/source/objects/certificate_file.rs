//! The plain view of a file of `--certificate-dir`: a certificate chain and its key in one PEM file, as HAProxy's `crt` takes it.

use std::sync::Arc;

use crate::model::{Certificate, CertificateError};

/// A file with a certificate chain and its key. It is parsed on arrival and never kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFile {
    /// The name of the file within its directory: `site.pem`.
    pub name: Arc<str>,
    /// The certificate and key, or why there is none.
    pub certificate: Result<Arc<Certificate>, CertificateError>,
    /// When the present content is unusable: the last usable certificate of this file, which goes on serving.
    pub last_good: Option<Arc<Certificate>>,
}

impl CertificateFile {
    /// The name of the file whose certificate serves clients that name no host with a certificate.
    pub const DEFAULT: &str = "default.pem";

    /// Reads the content of a file. Chain and key may stand in either order: each is looked for by its own kind of section,
    /// and what is neither, such as the "Bag Attributes" of `openssl pkcs12`, is read over.
    pub fn read(name: &str, pem: &[u8]) -> Self {
        Self { name: name.into(), certificate: Certificate::parse(pem, pem).map(Arc::new), last_good: None }
    }

    /// The certificate in use: its own, or the last usable one it had.
    pub fn usable(&self) -> Option<&Arc<Certificate>> {
        self.certificate.as_ref().ok().or(self.last_good.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_and_key_stand_in_either_order_with_text_between() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let bag = "Bag Attributes\r\n    localKeyID: 01 02\nsubject=CN = a.example\n\nissuer=CN = a.example\n\n";
        let key_bag = "Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n";
        let files = [
            format!("{chain}{key}"),
            format!("{key}{chain}"),
            format!("{bag}{chain}{key_bag}{key}"),
            format!("{key_bag}{key}{bag}{chain}"),
            format!("{}{key}", chain.trim_end()),
        ];
        for file in files {
            let read = CertificateFile::read("site.pem", file.as_bytes());
            assert_eq!(
                read.usable().map(|certificate| certificate.names()),
                Some(&["a.example".to_owned()][..]),
                "{file}"
            );
        }
        assert_eq!(CertificateFile::read("a.pem", chain.as_bytes()).certificate, Err(CertificateError::NoKey));
        assert_eq!(CertificateFile::read("a.pem", key.as_bytes()).certificate, Err(CertificateError::NoCertificate));
    }
}
