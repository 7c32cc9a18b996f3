//! Who knows the certificate that a client has shown. Decisions ask through it: nothing here knows connections, or the time.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::model::{CertificateNames, ClientFault, ClientTrust};

/// Knows the certificate of a client.
pub trait ClientIdentity: fmt::Debug {
    /// What the client of a request for this host has shown, verified against these authorities, with so many certificates between.
    fn presented(&self, host: &[u8], trust: &Arc<ClientTrust>, depth: u32) -> Presented;
}

/// What a client has shown.
#[derive(Clone, Debug)]
pub enum Presented {
    /// It was not asked: its connection is without TLS, was made for another host, or before a certificate was needed.
    NotAsked,
    /// It was asked and has none.
    Nothing,
    /// A certificate whose key it has.
    Certificate(Rc<ShownCertificate>),
    /// Nobody knows, and everything that follows is to be said as if it were right.
    Anything,
}

/// A certificate that a client has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCertificate {
    /// The certificate as DER.
    pub der: Box<[u8]>,
    /// Its names; `None`: it cannot be read.
    pub names: Option<CertificateNames>,
    /// Whether it is right.
    pub verified: Result<(), ClientFault>,
}

/// For explanations: the client is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assumed;

impl ClientIdentity for Assumed {
    fn presented(&self, _: &[u8], _: &Arc<ClientTrust>, _: u32) -> Presented {
        Presented::Anything
    }
}
