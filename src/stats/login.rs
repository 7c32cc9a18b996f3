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

impl Login {
    /// The refusal of a request, or the name of its user (empty on loopback).
    pub(super) async fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<String, Answer> {
        match self {
            Self::Loopback if peer.to_canonical().is_loopback() => Ok(String::new()),
            Self::Loopback => Err(respond(
                StatusCode::FORBIDDEN,
                TEXT,
                "statistics are for connections from loopback addresses: ask through kubectl port-forward, or start with \
                 --stats-users FILE to let in who knows a password\n"
                    .to_owned(),
            )),
            Self::Users { file, passwords } => {
                let Some((name, password)) = credentials(headers) else { return Err(challenge()) };
                let reader = file.clone();
                let read = tokio::task::spawn_blocking(move || reader.read()).await;
                let users = read.map_err(|error| error.to_string()).and_then(|users| users).map_err(|error| {
                    tracing::error!(error, "nobody can log in to the statistics");
                    let text = "the file of users cannot be used; the log says why\n".to_owned();
                    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
                })?;
                let attempt = Attempt { users: &users, name: &name, password: &password, client: peer };
                match passwords.answer(&attempt).await {
                    PasswordAnswer::Right => Ok(name),
                    PasswordAnswer::Wrong => Err(challenge()),
                    PasswordAnswer::Busy => {
                        let text = "too many passwords are being looked at\n".to_owned();
                        Err(respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text))
                    }
                    PasswordAnswer::Limited => {
                        let text = "too many wrong passwords came from your address\n".to_owned();
                        Err(respond(StatusCode::TOO_MANY_REQUESTS, TEXT, text))
                    }
                }
            }
        }
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    basic_credentials(value.as_bytes())
}

fn challenge() -> Answer {
    let mut answer = respond(StatusCode::UNAUTHORIZED, TEXT, "this needs a name and a password\n".to_owned());
    let value = HeaderValue::from_static("Basic realm=\"Tidegate statistics\"");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    answer
}
