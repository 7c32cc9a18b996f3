//! Findings about users' objects. A problem is data that is reported to the object's author, never a Rust error.

use std::fmt;

use super::names::ObjectRef;

/// How bad a finding is for traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Something is ignored or doubtful; everything that was asked for is served.
    Warning,
    /// Part of what the object asks for is not served.
    Error,
}

impl Severity {
    /// Lower-case name, as in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The kind of a finding: stable, so that metrics, Events and alerts can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemCode {
    /// A manifest file or document cannot be read as YAML, JSON or an object of its kind.
    InvalidManifest,
    /// An object lacks a required field, or a value breaks the rules of its field.
    InvalidField,
    /// A rule's or TLS entry's host is not a DNS name or a one-label wildcard.
    InvalidHost,
    /// A path is not absolute, has characters that no request's path can have, or its type is unknown.
    InvalidPath,
    /// A path that is meant as a pattern and is taken as it is written.
    PatternPath,
    /// An annotation's value does not parse.
    InvalidAnnotation,
    /// An annotation with our prefix that we do not know.
    UnknownAnnotation,
    /// Annotations of another controller that have no effect, or another one than there.
    UnsupportedAnnotation,
    /// An annotation whose setting another annotation of the object has, with another value, and wins.
    OverriddenAnnotation,
    /// An older Ingress already has the same host and path, host-wide setting or default backend.
    Conflict,
    /// A canary that has the host, path and type of path of no other Ingress of its namespace.
    CanaryWithoutMain,
    /// A rule or TLS entry for a host in which another namespace has the say.
    HostNotOwned,
    /// The class name that an Ingress asks for names no IngressClass.
    ClassNotFound,
    /// The class has parameters that we do not understand.
    UnsupportedParameters,
    /// A backend of kind `resource`, which we do not serve.
    UnsupportedBackend,
    /// A Service that does not exist.
    ServiceNotFound,
    /// A Service of a type that we do not route to.
    UnsupportedService,
    /// The name or address of an ExternalName Service that is never connected to.
    ExternalNameRefused,
    /// The name of an ExternalName Service that cannot be resolved.
    ExternalNameUnresolved,
    /// A port that the Service does not have.
    PortNotFound,
    /// A port whose protocol is not TCP.
    UnsupportedProtocol,
    /// A port that a stream asks to be opened, and may not.
    PortRefused,
    /// A port that a stream asks to be opened, and that the system does not give.
    PortUnavailable,
    /// An EndpointSlice, or an address in one, that cannot be used.
    EndpointRejected,
    /// EndpointSlices of `--self-service` that our role does not allow reading.
    EndpointsForbidden,
    /// A Service that has had no ready endpoint for a while.
    NoEndpoints,
    /// A Secret that does not exist.
    SecretNotFound,
    /// A Secret that is not among those that this installation may read.
    SecretNotListed,
    /// A Secret that this installation wants to read, but that our role does not allow reading.
    SecretForbidden,
    /// A Secret that is not followed, as annotations name too many.
    TooManySecrets,
    /// A Secret that holds no usable certificate and key, or users that cannot be used.
    InvalidSecret,
    /// A file of `--certificate-dir` that cannot be read, or holds no usable certificate and key.
    InvalidCertificate,
    /// A ConfigMap that does not exist.
    ConfigMapNotFound,
    /// A ConfigMap that is not among those that this installation may read, or is one of another namespace.
    ConfigMapNotListed,
    /// A ConfigMap that this installation wants to read, but that our role does not allow reading.
    ConfigMapForbidden,
    /// A ConfigMap that is not followed, as annotations name too many.
    TooManyConfigMaps,
    /// A ConfigMap with keys or values that cannot be used.
    InvalidConfigMap,
    /// A key of ingress-nginx's ConfigMap that is not known.
    UnknownKey,
    /// A key of ingress-nginx's ConfigMap that has no effect, or another one than there.
    UnsupportedKey,
    /// A key of ingress-nginx's ConfigMap whose setting an option has, and wins.
    OverriddenKey,
    /// The certificate does not cover the host it is asked to serve.
    CertificateMismatch,
    /// The certificate is expired or not yet valid.
    CertificateExpired,
}

impl ProblemCode {
    /// CamelCase name, usable as the reason of an Event and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidManifest => "InvalidManifest",
            Self::InvalidField => "InvalidField",
            Self::InvalidHost => "InvalidHost",
            Self::InvalidPath => "InvalidPath",
            Self::PatternPath => "PatternPath",
            Self::InvalidAnnotation => "InvalidAnnotation",
            Self::UnknownAnnotation => "UnknownAnnotation",
            Self::UnsupportedAnnotation => "UnsupportedAnnotation",
            Self::OverriddenAnnotation => "OverriddenAnnotation",
            Self::Conflict => "Conflict",
            Self::CanaryWithoutMain => "CanaryWithoutMain",
            Self::HostNotOwned => "HostNotOwned",
            Self::ClassNotFound => "ClassNotFound",
            Self::UnsupportedParameters => "UnsupportedParameters",
            Self::UnsupportedBackend => "UnsupportedBackend",
            Self::ServiceNotFound => "ServiceNotFound",
            Self::UnsupportedService => "UnsupportedService",
            Self::ExternalNameRefused => "ExternalNameRefused",
            Self::ExternalNameUnresolved => "ExternalNameUnresolved",
            Self::PortNotFound => "PortNotFound",
            Self::UnsupportedProtocol => "UnsupportedProtocol",
            Self::PortRefused => "PortRefused",
            Self::PortUnavailable => "PortUnavailable",
            Self::EndpointRejected => "EndpointRejected",
            Self::EndpointsForbidden => "EndpointsForbidden",
            Self::NoEndpoints => "NoEndpoints",
            Self::SecretNotFound => "SecretNotFound",
            Self::SecretNotListed => "SecretNotListed",
            Self::SecretForbidden => "SecretForbidden",
            Self::TooManySecrets => "TooManySecrets",
            Self::InvalidSecret => "InvalidSecret",
            Self::InvalidCertificate => "InvalidCertificate",
            Self::ConfigMapNotFound => "ConfigMapNotFound",
            Self::ConfigMapNotListed => "ConfigMapNotListed",
            Self::ConfigMapForbidden => "ConfigMapForbidden",
            Self::TooManyConfigMaps => "TooManyConfigMaps",
            Self::InvalidConfigMap => "InvalidConfigMap",
            Self::UnknownKey => "UnknownKey",
            Self::UnsupportedKey => "UnsupportedKey",
            Self::OverriddenKey => "OverriddenKey",
            Self::CertificateMismatch => "CertificateMismatch",
            Self::CertificateExpired => "CertificateExpired",
        }
    }
}

/// One finding about one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Problem {
    /// The object that carries the fault: where its author will look.
    pub object: ObjectRef,
    /// The field or annotation, as a path into the object: `spec.rules[0].http.paths[1].backend`.
    pub field: String,
    /// What kind of fault it is.
    pub code: ProblemCode,
    /// Whether traffic suffers.
    pub severity: Severity,
    /// What is wrong and what follows from it, one sentence without a final full stop.
    pub message: String,
    /// What to do about it, one sentence without a final full stop.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}: {}: {}. {}.",
            self.severity.as_str(),
            self.object,
            self.field,
            self.code.as_str(),
            self.message,
            self.remedy
        )
    }
}
