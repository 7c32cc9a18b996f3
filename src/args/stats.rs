//! Options of the statistics in the manner of HAProxy: their address, its users, and the stats sockets.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::stats::socket::SocketPlace;

/// Where the chart's stats socket is.
const DEFAULT_SOCKET: &str = "/run/tidegate/stats.sock";

/// Statistics in the manner of HAProxy.
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// Address that serves /stats, /stats;csv and /stats;json: the numbers that operators of HAProxy know. Default: none.
    ///
    /// Without --stats-users it answers connections from loopback addresses alone. As HAProxy stats enable.
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_STATS")]
    pub stats: Option<SocketAddr>,

    /// File of users who may see --stats and --runtime-api, in the form of htpasswd; hashes as for annotations of basic authentication. Read anew as it changes.
    ///
    /// Default: none. There is no default password. As HAProxy stats auth.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_STATS_USERS")]
    pub stats_users: Option<PathBuf>,

    /// Users who may tell endpoints what to do by the page or --runtime-api: ready, drain, maint and weight. Default: all of them.
    ///
    /// Without --stats-users, clients on loopback addresses may. As HAProxy stats admin.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', env = "TIDEGATE_STATS_ADMINS")]
    pub stats_admins: Vec<String>,

    /// Socket that takes HAProxy's run-time commands, as PATH or 127.0.0.1:PORT, then ,level=user|operator|admin and ,mode=0660. May be given more than once.
    ///
    /// What commands change is changed in this process alone, unless --stats-durable-actions is given. Default: none; the level is operator, over TCP user, the mode 0600.
    /// Changing endpoints needs admin. As HAProxy stats socket.
    #[arg(long, value_name = "PLACE", env = "TIDEGATE_STATS_SOCKET")]
    pub stats_socket: Vec<SocketPlace>,

    /// Whether what --stats, --stats-socket and --runtime-api tell an endpoint (ready, drain, maint, weight) is for all replicas and for good.
    ///
    /// It is then written to the annotation tidegate.dev/endpoint-overrides of the Service, as tidegate endpoint does, with the
    /// right to patch Services, and not done where that fails. Otherwise it is done in this process alone.
    /// Not with --manifests, where there is nobody to write to.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_STATS_DURABLE_ACTIONS",
        default_value_t = false,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub stats_durable_actions: bool,
}

impl StatsArgs {
    /// Whether somebody asks for the numbers.
    pub fn are_asked_for(&self) -> bool {
        self.stats.is_some() || !self.stats_socket.is_empty()
    }
}

/// Options of `tidegate socket`.
#[derive(Debug, Clone, Args)]
pub struct SocketArgs {
    /// The command, as show stat or set server BACKEND/SERVER state drain. Several have semicolons between. help lists them.
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        help_heading = "Request"
    )]
    pub command: Vec<String>,

    /// Where the stats socket is: a path, or the address and port of TCP.
    #[arg(long, value_name = "PATH", env = "TIDEGATE_STATS_SOCKET_PATH", default_value = DEFAULT_SOCKET, help_heading = "Request")]
    pub path: String,
}
