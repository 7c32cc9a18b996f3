//! Who asks, and what they may do.

use std::net::IpAddr;

use http::HeaderMap;

use super::Door;
use super::problem::Problem;
use crate::stats::{Login, is_local_name};

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: IpAddr,
    /// What it showed in the handshake.
    pub(super) shown: Shown,
}

/// What a client showed in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// No certificate.
    Nothing,
    /// A certificate of an authority that is trusted, with this common name of its subject.
    Certificate(String),
    /// One whose subject has no common name.
    Nameless,
}

/// Who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Their name; empty on loopback without login.
    pub(super) user: String,
    /// Where they are.
    pub(super) client: IpAddr,
    /// Whether they may tell endpoints what to do.
    pub(super) is_admin: bool,
}

impl Door {
    /// Who sends a request, or why they are not let in.
    pub(super) async fn admit(&self, headers: &HeaderMap, peer: &Peer) -> Result<Caller, Problem> {
        let user = match (&peer.shown, &self.login) {
            (Shown::Certificate(name), _) => name.clone(),
            (Shown::Nameless, _) => {
                return Err(Problem::forbidden("the subject of the certificate has not exactly one common name"));
            }
            (Shown::Nothing, None) => return Err(Problem::forbidden("this needs a certificate of the client")),
            (Shown::Nothing, Some(login)) => {
                let user = login.admit(headers, peer.address).await.map_err(Problem::unadmitted)?;
                // A page of somebody else could ask by a name of theirs that leads here.
                if matches!(login, Login::Loopback) && !is_local_name(headers) {
                    return Err(Problem::forbidden(
                        "without login the host must be named by its address or as localhost",
                    ));
                }
                user
            }
        };
        let is_admin = self.admins.has(&user);
        Ok(Caller { user, client: peer.address, is_admin })
    }
}
