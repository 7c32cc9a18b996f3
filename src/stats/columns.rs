//! The columns of HAProxy's statistics, in its order, with what it says of each: those of HAProxy 3.0 that do not depend on how it was
//! built. Source: what Debian's HAProxy answers to `show stat typed`, and its management guide, section 9.1.

/// A column. Its place among the variants is its place in HAProxy's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each has HAProxy's name")]
pub enum Column {
    Pxname,
    Svname,
    Qcur,
    Qmax,
    Scur,
    Smax,
    Slim,
    Stot,
    Bin,
    Bout,
    Dreq,
    Dresp,
    Ereq,
    Econ,
    Eresp,
    Wretr,
    Wredis,
    Status,
    Weight,
    Act,
    Bck,
    Chkfail,
    Chkdown,
    Lastchg,
    Downtime,
    Qlimit,
    Pid,
    Iid,
    Sid,
    Throttle,
    Lbtot,
    Tracked,
    Type,
    Rate,
    RateLim,
    RateMax,
    CheckStatus,
    CheckCode,
    CheckDuration,
    Hrsp1xx,
    Hrsp2xx,
    Hrsp3xx,
    Hrsp4xx,
    Hrsp5xx,
    HrspOther,
    Hanafail,
    ReqRate,
    ReqRateMax,
    ReqTot,
    CliAbrt,
    SrvAbrt,
    CompIn,
    CompOut,
    CompByp,
    CompRsp,
    Lastsess,
    LastChk,
    LastAgt,
    Qtime,
    Ctime,
    Rtime,
    Ttime,
    AgentStatus,
    AgentCode,
    AgentDuration,
    CheckDesc,
    AgentDesc,
    CheckRise,
    CheckFall,
    CheckHealth,
    AgentRise,
    AgentFall,
    AgentHealth,
    Addr,
    Cookie,
    Mode,
    Algo,
    ConnRate,
    ConnRateMax,
    ConnTot,
    Intercepted,
    Dcon,
    Dses,
    Wrew,
    Connect,
    Reuse,
    CacheLookups,
    CacheHits,
    SrvIcur,
    SrcIlim,
    QtimeMax,
    CtimeMax,
    RtimeMax,
    TtimeMax,
    Eint,
    IdleConnCur,
    SafeConnCur,
    UsedConnCur,
    NeedConnEst,
    Uweight,
    AggServerStatus,
    AggServerCheckStatus,
    AggCheckStatus,
    Srid,
    SessOther,
    H1sess,
    H2sess,
    H3sess,
    ReqOther,
    H1req,
    H2req,
    H3req,
    Proto,
}

/// What HAProxy says of a column: its name, then origin, nature and scope as letters of `show stat typed`, then its type.
struct Entry(Column, &'static str, [u8; 3], &'static str);

/// All columns, in order.
const ENTRIES: [Entry; 113] = [
    Entry(Column::Pxname, "pxname", *b"KNS", "str"),
    Entry(Column::Svname, "svname", *b"KNS", "str"),
    Entry(Column::Qcur, "qcur", *b"MGP", "u32"),
    Entry(Column::Qmax, "qmax", *b"MMP", "u32"),
    Entry(Column::Scur, "scur", *b"MGP", "u32"),
    Entry(Column::Smax, "smax", *b"MMP", "u32"),
    Entry(Column::Slim, "slim", *b"CLP", "u32"),
    Entry(Column::Stot, "stot", *b"MCP", "u64"),
    Entry(Column::Bin, "bin", *b"MCP", "u64"),
    Entry(Column::Bout, "bout", *b"MCP", "u64"),
    Entry(Column::Dreq, "dreq", *b"MCP", "u64"),
    Entry(Column::Dresp, "dresp", *b"MCP", "u64"),
    Entry(Column::Ereq, "ereq", *b"MCP", "u64"),
    Entry(Column::Econ, "econ", *b"MCP", "u64"),
    Entry(Column::Eresp, "eresp", *b"MCP", "u64"),
    Entry(Column::Wretr, "wretr", *b"MCP", "u64"),
    Entry(Column::Wredis, "wredis", *b"MCP", "u64"),
    Entry(Column::Status, "status", *b"SGP", "str"),
    Entry(Column::Weight, "weight", *b"MaP", "u32"),
    Entry(Column::Act, "act", *b"SGP", "u32"),
    Entry(Column::Bck, "bck", *b"SGP", "u32"),
    Entry(Column::Chkfail, "chkfail", *b"MCP", "u64"),
    Entry(Column::Chkdown, "chkdown", *b"MCP", "u64"),
    Entry(Column::Lastchg, "lastchg", *b"MAP", "u32"),
    Entry(Column::Downtime, "downtime", *b"MCP", "u32"),
    Entry(Column::Qlimit, "qlimit", *b"CLS", "u32"),
    Entry(Column::Pid, "pid", *b"KGP", "u32"),
    Entry(Column::Iid, "iid", *b"KGS", "u32"),
    Entry(Column::Sid, "sid", *b"KGS", "u32"),
    Entry(Column::Throttle, "throttle", *b"MaP", "u32"),
    Entry(Column::Lbtot, "lbtot", *b"MCP", "u64"),
    Entry(Column::Tracked, "tracked", *b"CNS", "str"),
    Entry(Column::Type, "type", *b"CGS", "u32"),
    Entry(Column::Rate, "rate", *b"MRP", "u32"),
    Entry(Column::RateLim, "rate_lim", *b"CLP", "u32"),
    Entry(Column::RateMax, "rate_max", *b"MMP", "u32"),
    Entry(Column::CheckStatus, "check_status", *b"MOP", "str"),
    Entry(Column::CheckCode, "check_code", *b"MOP", "u32"),
    Entry(Column::CheckDuration, "check_duration", *b"MDP", "u64"),
    Entry(Column::Hrsp1xx, "hrsp_1xx", *b"MCP", "u64"),
    Entry(Column::Hrsp2xx, "hrsp_2xx", *b"MCP", "u64"),
    Entry(Column::Hrsp3xx, "hrsp_3xx", *b"MCP", "u64"),
    Entry(Column::Hrsp4xx, "hrsp_4xx", *b"MCP", "u64"),
    Entry(Column::Hrsp5xx, "hrsp_5xx", *b"MCP", "u64"),
    Entry(Column::HrspOther, "hrsp_other", *b"MCP", "u64"),
    Entry(Column::Hanafail, "hanafail", *b"MOP", "str"),
    Entry(Column::ReqRate, "req_rate", *b"MRP", "u32"),
    Entry(Column::ReqRateMax, "req_rate_max", *b"MMP", "u32"),
    Entry(Column::ReqTot, "req_tot", *b"MCP", "u64"),
    Entry(Column::CliAbrt, "cli_abrt", *b"MCP", "u64"),
    Entry(Column::SrvAbrt, "srv_abrt", *b"MCP", "u64"),
    Entry(Column::CompIn, "comp_in", *b"MCP", "u64"),
    Entry(Column::CompOut, "comp_out", *b"MCP", "u64"),
    Entry(Column::CompByp, "comp_byp", *b"MCP", "u64"),
    Entry(Column::CompRsp, "comp_rsp", *b"MCP", "u64"),
    Entry(Column::Lastsess, "lastsess", *b"MAP", "s32"),
    Entry(Column::LastChk, "last_chk", *b"MOP", "str"),
    Entry(Column::LastAgt, "last_agt", *b"MOP", "str"),
    Entry(Column::Qtime, "qtime", *b"MaP", "u32"),
    Entry(Column::Ctime, "ctime", *b"MaP", "u32"),
    Entry(Column::Rtime, "rtime", *b"MaP", "u32"),
    Entry(Column::Ttime, "ttime", *b"MaP", "u32"),
    Entry(Column::AgentStatus, "agent_status", *b"MOP", "str"),
    Entry(Column::AgentCode, "agent_code", *b"MOP", "u32"),
    Entry(Column::AgentDuration, "agent_duration", *b"MDP", "u64"),
    Entry(Column::CheckDesc, "check_desc", *b"MOP", "str"),
    Entry(Column::AgentDesc, "agent_desc", *b"MOP", "str"),
    Entry(Column::CheckRise, "check_rise", *b"CLP", "u32"),
    Entry(Column::CheckFall, "check_fall", *b"CLP", "u32"),
    Entry(Column::CheckHealth, "check_health", *b"MGP", "u32"),
    Entry(Column::AgentRise, "agent_rise", *b"CLP", "u32"),
    Entry(Column::AgentFall, "agent_fall", *b"CLP", "u32"),
    Entry(Column::AgentHealth, "agent_health", *b"MGP", "u32"),
    Entry(Column::Addr, "addr", *b"CGS", "str"),
    Entry(Column::Cookie, "cookie", *b"CNS", "str"),
    Entry(Column::Mode, "mode", *b"CGS", "str"),
    Entry(Column::Algo, "algo", *b"CGS", "str"),
    Entry(Column::ConnRate, "conn_rate", *b"MRP", "u32"),
    Entry(Column::ConnRateMax, "conn_rate_max", *b"MMP", "u32"),
    Entry(Column::ConnTot, "conn_tot", *b"MCP", "u64"),
    Entry(Column::Intercepted, "intercepted", *b"MCP", "u64"),
    Entry(Column::Dcon, "dcon", *b"MCP", "u64"),
    Entry(Column::Dses, "dses", *b"MCP", "u64"),
    Entry(Column::Wrew, "wrew", *b"MCP", "u64"),
    Entry(Column::Connect, "connect", *b"MCP", "u64"),
    Entry(Column::Reuse, "reuse", *b"MCP", "u64"),
    Entry(Column::CacheLookups, "cache_lookups", *b"MCP", "u64"),
    Entry(Column::CacheHits, "cache_hits", *b"MCP", "u64"),
    Entry(Column::SrvIcur, "srv_icur", *b"MGP", "u32"),
    Entry(Column::SrcIlim, "src_ilim", *b"CLP", "u32"),
    Entry(Column::QtimeMax, "qtime_max", *b"MMP", "u32"),
    Entry(Column::CtimeMax, "ctime_max", *b"MMP", "u32"),
    Entry(Column::RtimeMax, "rtime_max", *b"MMP", "u32"),
    Entry(Column::TtimeMax, "ttime_max", *b"MMP", "u32"),
    Entry(Column::Eint, "eint", *b"MCP", "u64"),
    Entry(Column::IdleConnCur, "idle_conn_cur", *b"MGP", "u32"),
    Entry(Column::SafeConnCur, "safe_conn_cur", *b"MGP", "u32"),
    Entry(Column::UsedConnCur, "used_conn_cur", *b"MGP", "u32"),
    Entry(Column::NeedConnEst, "need_conn_est", *b"MGP", "u32"),
    Entry(Column::Uweight, "uweight", *b"MaP", "u32"),
    Entry(Column::AggServerStatus, "agg_server_status", *b"MGP", "u32"),
    Entry(Column::AggServerCheckStatus, "agg_server_check_status", *b"MGP", "u32"),
    Entry(Column::AggCheckStatus, "agg_check_status", *b"MGP", "u32"),
    Entry(Column::Srid, "srid", *b"CGS", "u32"),
    Entry(Column::SessOther, "sess_other", *b"MCP", "u64"),
    Entry(Column::H1sess, "h1sess", *b"MCP", "u64"),
    Entry(Column::H2sess, "h2sess", *b"MCP", "u64"),
    Entry(Column::H3sess, "h3sess", *b"MCP", "u64"),
    Entry(Column::ReqOther, "req_other", *b"MCP", "u64"),
    Entry(Column::H1req, "h1req", *b"MCP", "u64"),
    Entry(Column::H2req, "h2req", *b"MCP", "u64"),
    Entry(Column::H3req, "h3req", *b"MCP", "u64"),
    Entry(Column::Proto, "proto", *b"CNS", "str"),
];

impl Column {
    /// How many there are.
    pub const COUNT: usize = ENTRIES.len();

    /// All, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.0)
    }

    /// HAProxy's name.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The type of its values, as JSON names it.
    pub(super) fn type_name(self) -> &'static str {
        self.entry().3
    }

    /// Origin, nature and scope, as JSON names them.
    pub(super) fn tags(self) -> [&'static str; 3] {
        let [origin, nature, scope] = self.entry().2;
        let origin = match origin {
            b'K' => "Key",
            b'S' => "Status",
            b'C' => "Config",
            _ => "Metric",
        };
        let nature = match nature {
            b'A' => "Age",
            b'C' => "Counter",
            b'D' => "Duration",
            b'L' => "Limit",
            b'M' => "Max",
            b'N' => "Name",
            b'O' => "Output",
            b'R' => "Rate",
            b'a' => "Avg",
            _ => "Gauge",
        };
        [origin, nature, if scope == b'S' { "Service" } else { "Process" }]
    }

    fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_stands_at_its_place() {
        for (at, column) in Column::all().enumerate() {
            assert_eq!(column as usize, at, "{}", column.name());
        }
    }
}
