//! What commands tell of endpoints: `show servers state`, `show servers conn`, `show backend`, `get weight`; and which endpoint a
//! command names.

use std::fmt::Write as _;

use super::command::{ServerName, Wish};
use crate::stats::{Action, Backend, Server, Standing, Stats};

/// HAProxy's words.
const NO_BACKEND: &str = "Can't find backend.\n";
const NO_SUCH_BACKEND: &str = "No such backend.\n";
const NO_SUCH_SERVER: &str = "No such server.\n";

const STATE_HEAD: &str = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
                          srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
                          srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port \
                          srv_check_addr srv_agent_addr srv_agent_port";
const CONN_HEAD: &str = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim \
                         idle_cur idle_per_thr[1]";

/// `show backend`.
pub(super) fn backends(stats: &Stats) -> String {
    let mut out = String::from("# name\n");
    for backend in &stats.backends {
        out.push_str(&backend.name);
        out.push('\n');
    }
    out
}

/// `show servers state`, version 1.
pub(super) fn states(stats: &Stats, backend: Option<&str>) -> Result<String, String> {
    let mut out = format!("1\n{STATE_HEAD}\n");
    for (backend, server) in servers(stats, backend)? {
        let Server { address, id, standing, is_commanded, weight, initial_weight, check, .. } = server;
        let runs = if standing.is_up() || *standing == Standing::Draining { 2 } else { 0 };
        // HAProxy: forced by an operator, or inherited from what is configured.
        let admin = match (standing, is_commanded) {
            (Standing::Maintenance, true) => 0x01,
            (Standing::Maintenance, false) => 0x02,
            (Standing::Draining, true) => 0x08,
            (Standing::Draining, false) => 0x10,
            (Standing::Unchecked | Standing::Up | Standing::Down | Standing::Ejected, _) => 0,
        };
        let (status, result, health) = match check {
            None => (1, 0, 0),
            Some(check) => {
                let is_up = *standing != Standing::Down;
                let health = if is_up { check.rise.saturating_add(check.fall).saturating_sub(1) } else { 0 };
                (status_number(check.code), if is_up { 3 } else { 2 }, health)
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} {} {id} {} {} {runs} {admin} {weight} {initial_weight} {} {status} {result} {health} {} 0 0 0 - {} - 0 0 - - 0",
            backend.id,
            backend.name,
            server.name(),
            address.ip(),
            server.unchanged().as_secs(),
            // Configured and enabled.
            if check.is_some() { 6 } else { 0 },
            address.port(),
        );
    }
    Ok(out)
}

/// `show servers conn`.
pub(super) fn connections(stats: &Stats, backend: Option<&str>) -> Result<String, String> {
    let mut out = format!("{CONN_HEAD}\n");
    for (backend, server) in servers(stats, backend)? {
        let sessions = server.requests.sessions;
        let _ = writeln!(
            out,
            "{}/{} {}/{} {} {} - 0 {} {} 0 0 0 -1 0 0",
            backend.name,
            server.name(),
            backend.id,
            server.id,
            server.address.ip(),
            server.address.port(),
            sessions.now,
            sessions.most,
        );
    }
    Ok(out)
}

/// `get weight`.
pub(super) fn weight(stats: &Stats, name: &ServerName) -> Result<String, String> {
    let (_, server) = find(stats, name)?;
    Ok(format!("{} (initial {})\n", server.weight, server.initial_weight))
}

/// The endpoint of this name.
pub(super) fn find<'s>(stats: &'s Stats, name: &ServerName) -> Result<(&'s Backend, &'s Server), String> {
    let backend = stats.backend(&name.backend).ok_or(NO_SUCH_BACKEND)?;
    let server = backend.server(&name.server).ok_or(NO_SUCH_SERVER)?;
    Ok((backend, server))
}

/// What a wish comes to, for an endpoint with this share where no operator says anything.
pub(super) fn action(usual_weight: u16, wish: Wish) -> Action {
    match wish {
        Wish::Action(action) => action,
        Wish::Share(100) => Action::Weigh(None),
        Wish::Share(percent) => {
            let weight = u64::from(usual_weight) * u64::from(percent) / 100;
            Action::Weigh(Some(u16::try_from(weight.min(256)).unwrap_or(256)))
        }
    }
}

fn servers<'s>(
    stats: &'s Stats,
    backend: Option<&str>,
) -> Result<impl Iterator<Item = (&'s Backend, &'s Server)>, String> {
    let backends = match backend {
        None => stats.backends.iter().collect(),
        Some(name) => vec![stats.backend(name).ok_or(NO_BACKEND)?],
    };
    Ok(backends.into_iter().flat_map(|backend| backend.servers.iter().map(move |server| (backend, server))))
}

/// HAProxy's number of a check's code.
fn status_number(code: &str) -> u8 {
    match code {
        "L4OK" => 6,
        "L4TOUT" => 7,
        "L4CON" => 8,
        "L6OK" => 9,
        "L6TOUT" => 10,
        "L6RSP" => 11,
        "L7TOUT" => 12,
        "L7RSP" => 13,
        "L7OK" => 15,
        "L7STS" => 17,
        _ => 0,
    }
}
