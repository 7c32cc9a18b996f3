//! Options of the run-time API: its address, its certificate, and whose certificates let clients in.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::source::SourceArgs;
use super::stats::StatsArgs;

/// The run-time API.
#[derive(Debug, Clone, Args)]
pub struct RuntimeApiArgs {
    /// Address that serves the run-time API: JSON that reads the statistics, drains and weighs endpoints, and tells of changes. Default: none.
    ///
    /// HTTPS with --runtime-api-certificate, which all but loopback addresses need. Users are those of --stats-users, or have
    /// certificates of --runtime-api-client-ca; without either, connections from loopback addresses alone are answered.
    /// As HAProxy's Data Plane API.
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_RUNTIME_API")]
    pub runtime_api: Option<SocketAddr>,

    /// File with the certificate of --runtime-api, PEM, its chain behind it; the private key in it too, unless --runtime-api-key is given. Read anew as it changes.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_RUNTIME_API_CERTIFICATE", requires = "runtime_api")]
    pub runtime_api_certificate: Option<PathBuf>,

    /// File with the private key of --runtime-api-certificate, PEM.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_RUNTIME_API_KEY", requires = "runtime_api_certificate")]
    pub runtime_api_key: Option<PathBuf>,

    /// File with authorities, PEM: clients with a certificate of theirs may use --runtime-api without a password. Read anew as it changes.
    ///
    /// The common name of the certificate's subject is the user: where --stats-admins is given, the users that it names may act, else all may.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_RUNTIME_API_CLIENT_CA", requires = "runtime_api_certificate")]
    pub runtime_api_client_ca: Option<PathBuf>,
}

impl RuntimeApiArgs {
    /// Whether the options go together with those of the statistics.
    pub(super) fn check(&self, stats: &StatsArgs, source: &SourceArgs) -> Result<(), String> {
        self.check_durable(stats, source)?;
        if let Some(address) = self.runtime_api
            && !address.ip().to_canonical().is_loopback()
            && self.runtime_api_certificate.is_none()
        {
            return Err(format!(
                "--runtime-api {address}: passwords would travel in clear text; give --runtime-api-certificate, or a loopback address"
            ));
        }
        if stats.stats_users.is_some() && stats.stats.is_none() && self.runtime_api.is_none() {
            return Err("--stats-users is for the addresses of --stats and --runtime-api: give one of them too".into());
        }
        if !stats.stats_admins.is_empty() && stats.stats_users.is_none() && self.runtime_api_client_ca.is_none() {
            return Err(
                "--stats-admins names users of --stats-users or --runtime-api-client-ca: give one of them too".into()
            );
        }
        Ok(())
    }

    fn check_durable(&self, stats: &StatsArgs, source: &SourceArgs) -> Result<(), String> {
        if !stats.stats_durable_actions {
            return Ok(());
        }
        if source.manifests.is_some() {
            return Err("--stats-durable-actions writes annotations of Services by a Kubernetes API, and with --manifests there is none: write tidegate.dev/endpoint-overrides into the files".into());
        }
        if !stats.are_asked_for() && self.runtime_api.is_none() {
            return Err(
                "--stats-durable-actions is for what --stats, --stats-socket and --runtime-api do: give one of them too"
                    .into(),
            );
        }
        Ok(())
    }
}
