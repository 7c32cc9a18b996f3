//! Secret (core/v1). Its certificates and users are parsed when it arrives, and its values are dropped then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1 as core;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::name_of;
use super::manifest;
use super::row::{Kind, OnMalformed, Watched};
use super::secret_keys::SavedKeys;
use super::secret_users::SavedUsers;
use super::wire::{Malformed, Meta, Sent, parse};
use crate::model::{
    CaBundle, Certificate, CertificateError, ClientTrust, CrlError, ObjectKind, ObjectName, Resource, SecretUsers,
    SharedKeys, UserList,
};
use crate::source::objects::{Secret, SecretFault};

/// The type of Secrets that hold a certificate.
const TLS_TYPE: &str = "kubernetes.io/tls";
/// The type of Secrets that state none. They may hold a certificate under the same keys.
const OPAQUE_TYPE: &str = "Opaque";
/// The keys of chain and private key.
const KEYS: [&str; 2] = ["tls.crt", "tls.key"];
/// The key of authorities.
const AUTHORITIES: &str = "ca.crt";
/// The key of revocation lists.
const REVOKED: &str = "ca.crl";
/// The key of a file of users.
const USERS: &str = "auth";
/// Longest text of authorities that is read. Bytes. All public ones take 200 KiB. Whether anybody uses a Secret's authorities is not
/// known when it arrives.
const MOST_AUTHORITIES: usize = 256 * 1024;

pub(in crate::source) static KIND: Kind = Kind {
    object: ObjectKind::Secret,
    resource: Resource::SECRETS,
    outdated: &[],
    renew: None,
    watched: Watched::Secrets,
    // Secrets by name are asked for by name instead, whatever their type. To list Opaque ones too would bring most Secrets of a
    // cluster here, nearly all of which are no certificates.
    field_selector: Some("type=kubernetes.io/tls"),
    label_selector: None,
    on_malformed: OnMalformed::KeepLast,
    is_optional: true,
    hides_values: true,
    unlisted: "Secrets cannot be listed, the default certificate serves instead",
    from_api: |text, _| {
        // The texts of errors quote values.
        let Wire { metadata, data, type_ } = parse(text)
            .map_err(|malformed: Malformed| Malformed { text: "a value is not of its type".into(), ..malformed })?;
        let (version, metadata) = metadata.split();
        Ok(Sent { version, object: convert(core::Secret { metadata, data, type_, ..core::Secret::default() }).into() })
    },
    from_manifest: |value, namespace| {
        unwrap_base64(value);
        manifest::read(value, namespace, convert)
    },
    from_saved: |json| serde_json::from_slice::<SavedSecret>(json).ok()?.into_secret().map(Into::into),
};

/// The parts that an API server's Secret is read for.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    data: Option<BTreeMap<String, ByteString>>,
    #[serde(rename = "type")]
    type_: Option<String>,
}

/// Parses certificates and users and drops the values. `stringData`, which only manifests have, goes before `data`.
pub(super) fn convert(object: core::Secret) -> Secret {
    let core::Secret { data, immutable: _, metadata, string_data, type_ } = object;
    let kind = type_.filter(|t| !t.is_empty()).unwrap_or_else(|| OPAQUE_TYPE.to_owned());
    let (data, text) = (data.unwrap_or_default(), string_data.unwrap_or_default());
    let value = |key: &str| text.get(key).map(String::as_bytes).or_else(|| data.get(key).map(|v| v.0.as_slice()));
    let has_both = || KEYS.iter().all(|key| value(key).is_some());
    let certificate = if kind == TLS_TYPE || kind == OPAQUE_TYPE && has_both() {
        let value = |key: &'static str| value(key).ok_or(SecretFault::Missing(key));
        value("tls.crt").and_then(|chain| Ok(Certificate::parse(chain, value("tls.key")?)?)).map(Arc::new)
    } else {
        Err(SecretFault::Type(kind.clone().into()))
    };
    let may_have = |text: &&[u8]| text.len() <= MOST_AUTHORITIES && (kind == TLS_TYPE || kind == OPAQUE_TYPE);
    let bundle = |pem: Option<&[u8]>| pem.filter(may_have).and_then(|pem| CaBundle::parse(pem).ok()).map(Arc::new);
    let authorities = bundle(value(AUTHORITIES));
    let is_lone = value(AUTHORITIES).is_none() && value("tls.key").is_none();
    let lone_chain = bundle(value("tls.crt").filter(|_| is_lone));
    let clients =
        authorities.as_ref().map(|bundle| ClientTrust::parse(Arc::clone(bundle), value(REVOKED)).map(Arc::new));
    let users = (kind != TLS_TYPE).then(|| {
        let keys: BTreeSet<&str> = data.keys().chain(text.keys()).map(String::as_str).collect();
        let map = UserList::of_map(keys.into_iter().filter_map(|key| Some((key, value(key)?))));
        Arc::new(SecretUsers { file: value(USERS).map(UserList::of_file), map })
    });
    let shared = (kind != TLS_TYPE).then(|| {
        let names: BTreeSet<&str> = data.keys().chain(text.keys()).map(String::as_str).collect();
        SharedKeys::parse(names.into_iter().filter_map(|name| Some((name, value(name)?))))
    });
    Secret { name: name_of(&metadata), certificate, last_good: None, authorities, lone_chain, clients, users, shared }
}

/// Takes line breaks out of a Secret's base64, as the API server does.
fn unwrap_base64(secret: &mut Value) {
    let Some(Value::Object(data)) = secret.get_mut("data") else { return };
    for value in data.values_mut() {
        if let Value::String(text) = value
            && text.contains(['\n', '\r'])
        {
            text.retain(|c| !matches!(c, '\n' | '\r'));
        }
    }
}

/// A Secret with what it takes to make its certificates again.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedSecret {
    name: ObjectName,
    /// The pair, when the Secret has a usable one.
    certificate: Option<Pair>,
    /// Why it has none.
    fault: Option<Fault>,
    /// The pair it had before.
    last_good: Option<Pair>,
    /// The authorities, DER in base64.
    authorities: Option<Vec<ByteString>>,
    /// The certificates of a chain without a key, DER in base64.
    #[serde(default)]
    lone_chain: Option<Vec<ByteString>>,
    /// The revocation lists, DER in base64.
    #[serde(default)]
    revoked: Vec<ByteString>,
    /// Why they cannot be used.
    #[serde(default)]
    crl_fault: Option<CrlFault>,
    /// The users with the hashes of their passwords.
    users: Option<SavedUsers>,
    /// The keys that replicas share.
    shared: Option<SavedKeys>,
}

/// Chain and key, DER in base64.
#[derive(Serialize, Deserialize)]
struct Pair {
    chain: Vec<ByteString>,
    key: ByteString,
}

/// `SecretFault` by name.
#[derive(Serialize, Deserialize)]
enum Fault {
    Type(Arc<str>),
    NoTlsCrt,
    NoTlsKey,
    NoCertificate,
    StrayCertificate,
    ChainTooLong,
    NoKey,
    UnsupportedKey,
    KeyTooShort(usize),
    KeyTooLong,
    KeyMismatch,
    Unreadable,
}

/// `CrlError` by name.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum CrlFault {
    NoList,
    TooLong,
    Unreadable,
}

impl CrlFault {
    fn new(error: &CrlError) -> Self {
        match error {
            CrlError::NoList => Self::NoList,
            CrlError::TooLong => Self::TooLong,
            CrlError::Unreadable => Self::Unreadable,
        }
    }

    fn into_error(self) -> CrlError {
        match self {
            Self::NoList => CrlError::NoList,
            Self::TooLong => CrlError::TooLong,
            Self::Unreadable => CrlError::Unreadable,
        }
    }
}

impl SavedSecret {
    pub(super) fn new(secret: &Secret) -> Self {
        let Secret { name, certificate, last_good, authorities, lone_chain, clients, users, shared } = secret;
        let trust = clients.as_ref().and_then(|clients| clients.as_ref().ok());
        let crl_fault = clients.as_ref().and_then(|clients| clients.as_ref().err());
        let der = |bundle: &CaBundle| bundle.certificates().map(|der| ByteString(der.to_vec())).collect();
        Self {
            name: name.clone(),
            certificate: certificate.as_ref().ok().map(|certificate| Pair::new(certificate)),
            fault: certificate.as_ref().err().map(Fault::new),
            last_good: last_good.as_ref().map(|certificate| Pair::new(certificate)),
            authorities: authorities.as_ref().map(|bundle| der(bundle)),
            lone_chain: lone_chain.as_ref().map(|bundle| der(bundle)),
            revoked: trust
                .map(|trust| trust.revoked().map(|der| ByteString(der.to_vec())).collect())
                .unwrap_or_default(),
            crl_fault: crl_fault.map(CrlFault::new),
            users: users.as_ref().map(|users| SavedUsers::new(users)),
            shared: shared.as_ref().map(SavedKeys::new),
        }
    }

    fn into_secret(self) -> Option<Secret> {
        let Self { name, certificate, fault, last_good, authorities, lone_chain, revoked, crl_fault, users, shared } =
            self;
        let certificate = match (certificate, fault) {
            (Some(pair), _) => Ok(pair.into_certificate()?),
            (None, Some(fault)) => Err(fault.into_fault()),
            (None, None) => return None,
        };
        let last_good = match last_good {
            Some(pair) => Some(pair.into_certificate()?),
            None => None,
        };
        let bundle = |all: Vec<ByteString>| CaBundle::from_der(all.into_iter().map(|der| der.0)).ok().map(Arc::new);
        let authorities = match authorities {
            Some(all) => Some(bundle(all)?),
            None => None,
        };
        let lone_chain = lone_chain.and_then(bundle);
        let revoked = revoked.into_iter().map(|der| der.0);
        let clients = authorities.as_ref().map(|bundle| match crl_fault {
            Some(fault) => Err(fault.into_error()),
            None => ClientTrust::from_der(Arc::clone(bundle), revoked).map(Arc::new),
        });
        let users = users.map(|users| Arc::new(users.into_users()));
        let shared = shared.map(SavedKeys::into_shared);
        Some(Secret { name, certificate, last_good, authorities, lone_chain, clients, users, shared })
    }
}

impl Pair {
    fn new(certificate: &Certificate) -> Self {
        Self {
            chain: certificate.chain().map(|der| ByteString(der.to_vec())).collect(),
            key: ByteString(certificate.private_key().secret_der().to_vec()),
        }
    }

    fn into_certificate(self) -> Option<Arc<Certificate>> {
        let chain = self.chain.into_iter().map(|der| der.0).collect();
        Certificate::from_der(chain, self.key.0).ok().map(Arc::new)
    }
}

impl Fault {
    fn new(fault: &SecretFault) -> Self {
        match fault {
            SecretFault::Type(kind) => Self::Type(Arc::clone(kind)),
            SecretFault::Missing("tls.key") => Self::NoTlsKey,
            SecretFault::Missing(_) => Self::NoTlsCrt,
            SecretFault::Content(error) => match error {
                CertificateError::NoCertificate => Self::NoCertificate,
                CertificateError::StrayCertificate => Self::StrayCertificate,
                CertificateError::ChainTooLong => Self::ChainTooLong,
                CertificateError::Unreadable => Self::Unreadable,
                CertificateError::NoKey => Self::NoKey,
                CertificateError::UnsupportedKey => Self::UnsupportedKey,
                CertificateError::KeyTooShort(bits) => Self::KeyTooShort(*bits),
                CertificateError::KeyTooLong => Self::KeyTooLong,
                CertificateError::KeyMismatch => Self::KeyMismatch,
            },
        }
    }

    fn into_fault(self) -> SecretFault {
        match self {
            Self::Type(kind) => SecretFault::Type(kind),
            Self::NoTlsCrt => SecretFault::Missing("tls.crt"),
            Self::NoTlsKey => SecretFault::Missing("tls.key"),
            Self::NoCertificate => CertificateError::NoCertificate.into(),
            Self::StrayCertificate => CertificateError::StrayCertificate.into(),
            Self::ChainTooLong => CertificateError::ChainTooLong.into(),
            Self::Unreadable => CertificateError::Unreadable.into(),
            Self::NoKey => CertificateError::NoKey.into(),
            Self::UnsupportedKey => CertificateError::UnsupportedKey.into(),
            Self::KeyTooShort(bits) => CertificateError::KeyTooShort(bits).into(),
            Self::KeyTooLong => CertificateError::KeyTooLong.into(),
            Self::KeyMismatch => CertificateError::KeyMismatch.into(),
        }
    }
}
