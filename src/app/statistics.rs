//! Who serves the statistics: the page, the stats sockets and the run-time API, bound by their options.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinHandle;

use super::bind_one;
use crate::args::{RuntimeApiArgs, StatsArgs};
use crate::password::Passwords;
use crate::runtime_api::{Door, RuntimeApi, TlsFiles};
use crate::stats::socket::{SocketPlace, StatsSocket};
use crate::stats::{Admins, Login, Source, Tokens, UserFile, serve};

/// The sockets of the statistics, bound.
pub(super) struct Statistics {
    page: Option<TcpListener>,
    users: Option<UserFile>,
    admins: Admins,
    sockets: Vec<StatsSocket>,
    api: Option<RuntimeApi>,
    /// Whether certificates let clients of the API in.
    takes_certificates: bool,
    /// `None`: there were no random numbers, so nobody may act by the page.
    tokens: Option<Arc<Tokens>>,
}

impl Statistics {
    /// Binds them, and sees that somebody can log in.
    pub(super) fn bind(stats: &StatsArgs, api: &RuntimeApiArgs) -> anyhow::Result<Self> {
        let users = stats.stats_users.clone().map(UserFile::new);
        if let Some(users) = &users {
            users.read().map_err(|error| anyhow::anyhow!("{error} (--stats-users)"))?;
        }
        let page = stats.stats.map(|address| bind_one(address, "--stats")).transpose()?;
        let bind = |place: &SocketPlace| {
            StatsSocket::bind(place).with_context(|| format!("cannot listen at {:?} (--stats-socket)", place.at))
        };
        let sockets = stats.stats_socket.iter().map(bind).collect::<anyhow::Result<_>>()?;
        let bind = |address| {
            let socket = bind_one(address, "--runtime-api")?;
            RuntimeApi::new(socket, tls_files(api)).context("--runtime-api cannot have TLS")
        };
        let takes_certificates = api.runtime_api_client_ca.is_some();
        let api = api.runtime_api.map(bind).transpose()?;
        let tokens = Tokens::new().inspect_err(|error| tracing::error!(error, "nobody can act by the page"));
        let (admins, tokens) = (Admins::of(&stats.stats_admins), tokens.ok().map(Arc::new));
        Ok(Self { page, users, admins, sockets, api, takes_certificates, tokens })
    }

    /// What tokens in forms of the page are made by.
    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.clone()
    }

    /// Where the page is.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.page.as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// Where the run-time API is.
    pub(super) fn api_address(&self) -> Option<SocketAddr> {
        self.api.as_ref().and_then(|api| api.address().ok())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.page.is_none() && self.sockets.is_empty() && self.api.is_none()
    }

    /// Serves them, until what it returns is aborted.
    pub(super) fn start(self, source: &Source, passwords: &Passwords) -> io::Result<Vec<JoinHandle<()>>> {
        let Self { page, users, admins, sockets, api, takes_certificates, tokens } = self;
        let mut tasks = Vec::new();
        let login = match users {
            None => Login::Loopback,
            Some(file) => Login::Users { file, passwords: passwords.clone() },
        };
        if let Some(api) = api {
            let login = match &login {
                Login::Loopback if takes_certificates => None,
                Login::Loopback | Login::Users { .. } => Some(login.clone()),
            };
            let (source, door) = (source.clone(), Door { login, admins: admins.clone() });
            tasks.push(tokio::spawn(async move {
                if let Err(error) = api.serve(source, door).await {
                    tracing::error!(%error, "the run-time API cannot be served");
                }
            }));
        }
        if let Some(socket) = page {
            let socket = tokio::net::TcpListener::from_std(socket)?;
            tasks.push(tokio::spawn(serve(socket, source.clone(), login, (admins, tokens))));
        }
        for socket in sockets {
            let source = source.clone();
            tasks.push(tokio::spawn(async move {
                if let Err(error) = socket.serve(source).await {
                    tracing::error!(%error, "a stats socket cannot be served");
                }
            }));
        }
        Ok(tasks)
    }
}

fn tls_files(api: &RuntimeApiArgs) -> Option<TlsFiles> {
    let certificate = api.runtime_api_certificate.clone()?;
    Some(TlsFiles { certificate, key: api.runtime_api_key.clone(), client_ca: api.runtime_api_client_ca.clone() })
}
