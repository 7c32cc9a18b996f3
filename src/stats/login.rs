//! Who may see the statistics over HTTP: clients on loopback addresses, or whoever knows a password.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::control_http::{Answer, TEXT, respond};
use crate::model::{PasswordAnswer, UserList, Users, basic_credentials};
use crate::password::{Attempt, Passwords};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Longest file of users. Bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// Who may see them.
#[derive(Clone)]
pub enum Login {
    /// Clients on loopback addresses.
    Loopback,
    /// Users of a file.
    Users {
        /// The file.
        file: UserFile,
        /// Who looks at passwords.
        passwords: Passwords,
    },
}

/// A file of users in the form of htpasswd. It is read for each request, so that a mounted Secret may change.
#[derive(Clone, Debug)]
pub struct UserFile(Arc<PathBuf>);

impl UserFile {
    /// The file of this name.
    pub fn new(path: PathBuf) -> Self {
        Self(Arc::new(path))
    }

    /// The users that it has now.
    pub fn read(&self) -> Result<Arc<Users>, String> {
        let mut text = Vec::new();
        let read = std::fs::File::open(&*self.0).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut text));
        read.map_err(|error| format!("cannot read {}: {error}", self.0.display()))?;
        let users = UserList::of_file(&text).users;
        if users.is_empty() {
            return Err(format!("{} has no user whose hash can be used: write it with htpasswd -B", self.0.display()));
        }
        Ok(users)
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unadmitted {
    /// It comes from elsewhere than loopback.
    Elsewhere,
    /// It has no name and password, or wrong ones.
    Unknown,
    /// The file of users cannot be used.
    NoUsers,
    /// Too many passwords are being looked at.
    Busy,
    /// Too many wrong passwords came from its address.
    Limited,
}

impl Login {
    /// The name of the user of a request (empty on loopback), or why it is not let in.
    pub(crate) async fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<String, Unadmitted> {
        match self {
            Self::Loopback if peer.to_canonical().is_loopback() => Ok(String::new()),
            Self::Loopback => Err(Unadmitted::Elsewhere),
            Self::Users { file, passwords } => {
                let (name, password) = credentials(headers).ok_or(Unadmitted::Unknown)?;
                let reader = file.clone();
                let read = tokio::task::spawn_blocking(move || reader.read()).await;
                let users = read.map_err(|error| error.to_string()).and_then(|users| users).map_err(|error| {
                    tracing::error!(error, "nobody can log in to the statistics");
                    Unadmitted::NoUsers
                })?;
                let attempt = Attempt { users: &users, name: &name, password: &password, client: peer };
                match passwords.answer(&attempt).await {
                    PasswordAnswer::Right => Ok(name),
                    PasswordAnswer::Wrong => Err(Unadmitted::Unknown),
                    PasswordAnswer::Busy => Err(Unadmitted::Busy),
                    PasswordAnswer::Limited => Err(Unadmitted::Limited),
                }
            }
        }
    }
}

impl Unadmitted {
    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Elsewhere => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::NoUsers | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Limited => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// In words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Elsewhere => {
                "this is for connections from loopback addresses: ask through kubectl port-forward, or start with --stats-users FILE \
                 to let in who knows a password"
            }
            Self::Unknown => "this needs a name and a password",
            Self::NoUsers => "the file of users cannot be used; the log says why",
            Self::Busy => "too many passwords are being looked at",
            Self::Limited => "too many wrong passwords came from your address",
        }
    }

    /// What asks a client for a name and a password (`WWW-Authenticate`), where that helps.
    pub(crate) fn challenge(self) -> Option<HeaderValue> {
        (self == Self::Unknown).then(|| HeaderValue::from_static("Basic realm=\"Tidegate statistics\""))
    }

    /// The refusal as text.
    pub(super) fn answer(self) -> Answer {
        let mut answer = respond(self.status(), TEXT, format!("{}\n", self.as_str()));
        if let Some(challenge) = self.challenge() {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    basic_credentials(value.as_bytes())
}
