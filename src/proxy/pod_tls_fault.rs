//! Why a TLS handshake with a pod failed, in so few kinds that each has a text that helps.

use rustls::{AlertDescription, CertificateError, Error};

use crate::observe::PodHandshake;

/// Why there is no TLS connection to a pod. One byte: every result on the way of a request has room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PodTlsFault {
    /// The handshake was not complete when the time for connecting was over.
    #[error("the backend did not finish the TLS handshake in time")]
    Timeout,
    /// The pod closed or reset the connection.
    #[error("the backend closed the connection during the TLS handshake, so perhaps it does not speak TLS there")]
    Closed,
    /// What the pod sent is no TLS.
    #[error("the backend does not speak TLS there, though appProtocol of its Service says so")]
    NotTls,
    /// The certificate is of no authority that is trusted.
    #[error("the backend's certificate is not signed by an authority that is trusted for it")]
    Untrusted,
    /// The certificate is not valid any more.
    #[error("the backend's certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("the backend's certificate is not valid yet")]
    NotYetValid,
    /// The certificate has other names.
    #[error("the backend's certificate is for another name")]
    WrongName,
    /// The certificate cannot be verified for another reason.
    #[error("the backend's certificate cannot be verified")]
    Unverifiable,
    /// The pod takes no protocol that was offered to it.
    #[error("the backend speaks through TLS none of the versions of HTTP that were offered (ALPN)")]
    NoProtocol,
    /// The pod wants to be asked for another name.
    #[error("the backend refused the TLS handshake because of its server name (SNI)")]
    NameRefused,
    /// The pod wants a certificate of ours.
    #[error("the backend asks for a client certificate, and there is none for it")]
    CertificateWanted,
    /// The pod refused for another reason.
    #[error("the backend refused the TLS handshake")]
    Refused,
    /// The two sides have no version or cipher in common.
    #[error("the backend has no version or cipher of TLS in common with this proxy")]
    Incompatible,
    /// The pod breaks the protocol, or something failed here.
    #[error("the TLS handshake with the backend failed")]
    Broken,
}

impl PodTlsFault {
    /// A short stable name for logs.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "tls_timeout",
            Self::Closed => "tls_closed",
            Self::NotTls => "tls_not_spoken",
            Self::Untrusted | Self::Expired | Self::NotYetValid | Self::WrongName | Self::Unverifiable => {
                "tls_certificate"
            }
            Self::NoProtocol | Self::NameRefused | Self::CertificateWanted | Self::Refused => "tls_refused",
            Self::Incompatible | Self::Broken => "tls_failed",
        }
    }

    /// What it is counted as.
    pub(crate) fn result(self) -> PodHandshake {
        match self {
            Self::Timeout => PodHandshake::TimedOut,
            Self::Closed => PodHandshake::Closed,
            Self::NotTls => PodHandshake::NotTls,
            Self::Untrusted | Self::Expired | Self::NotYetValid | Self::WrongName | Self::Unverifiable => {
                PodHandshake::Certificate
            }
            Self::NoProtocol | Self::NameRefused | Self::CertificateWanted | Self::Refused => PodHandshake::Refused,
            Self::Incompatible | Self::Broken => PodHandshake::Failed,
        }
    }
}

impl From<&Error> for PodTlsFault {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => certificate(error),
            Error::NoCertificatesPresented => Self::Unverifiable,
            Error::AlertReceived(alert) => refused(*alert),
            Error::NoApplicationProtocol => Self::NoProtocol,
            Error::PeerIncompatible(_) => Self::Incompatible,
            _ => Self::Broken,
        }
    }
}

fn certificate(error: &CertificateError) -> PodTlsFault {
    match error {
        CertificateError::UnknownIssuer => PodTlsFault::Untrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => PodTlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => PodTlsFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => PodTlsFault::WrongName,
        _ => PodTlsFault::Unverifiable,
    }
}

fn refused(alert: AlertDescription) -> PodTlsFault {
    match alert {
        AlertDescription::NoApplicationProtocol => PodTlsFault::NoProtocol,
        AlertDescription::UnrecognisedName => PodTlsFault::NameRefused,
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => PodTlsFault::CertificateWanted,
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => PodTlsFault::Incompatible,
        _ => PodTlsFault::Refused,
    }
}

#[cfg(test)]
pub(crate) const ALL: [PodTlsFault; 14] = [
    PodTlsFault::Timeout,
    PodTlsFault::Closed,
    PodTlsFault::NotTls,
    PodTlsFault::Untrusted,
    PodTlsFault::Expired,
    PodTlsFault::NotYetValid,
    PodTlsFault::WrongName,
    PodTlsFault::Unverifiable,
    PodTlsFault::NoProtocol,
    PodTlsFault::NameRefused,
    PodTlsFault::CertificateWanted,
    PodTlsFault::Refused,
    PodTlsFault::Incompatible,
    PodTlsFault::Broken,
];
