//! The values of a row, by column. What is not known has none: HAProxy leaves such columns empty too.

use std::borrow::Cow;
use std::time::Duration;

use super::columns::Column as C;
use super::rows::{Backend, Check, Frontend, Server, Standing, Stats};
use crate::observe::{Count, Span, TallyNumbers};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A name or a word.
    Text(Cow<'static, str>),
    /// A number.
    Number(u64),
    /// A number of seconds, or -1.
    Signed(i64),
}

/// What kind of row it is, as HAProxy numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A listener.
    Frontend,
    /// An upstream.
    Backend,
    /// An endpoint.
    Server,
}

/// A row with the values of its columns.
#[derive(Debug)]
pub struct Row {
    /// What it is.
    pub kind: RowKind,
    /// HAProxy `iid`.
    pub proxy: u32,
    /// HAProxy `sid`.
    pub id: u32,
    values: [Option<Value>; C::COUNT],
}

/// Which rows are wanted: `show stat IID TYPE SID`. -1 is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// HAProxy `iid`.
    pub proxy: i64,
    /// Sum of 1 for frontends, 2 for backends, 4 for servers.
    pub kinds: i64,
    /// HAProxy `sid`.
    pub server: i64,
}

impl Wanted {
    /// All rows.
    pub const ALL: Self = Self { proxy: -1, kinds: -1, server: -1 };

    fn proxy(self, id: u32) -> bool {
        self.proxy == -1 || self.proxy == i64::from(id)
    }

    fn row(self, row: &Row) -> bool {
        let bit = match row.kind {
            RowKind::Frontend => 1,
            RowKind::Backend => 2,
            RowKind::Server => 4,
        };
        let is_server = row.kind == RowKind::Server;
        self.kinds & bit != 0 && (!is_server || self.server == -1 || self.server == i64::from(row.id))
    }
}

/// The rows that are wanted: frontends, then each upstream's endpoints and behind them itself, as in HAProxy.
pub fn rows(stats: &Stats, wanted: Wanted) -> impl Iterator<Item = Row> {
    let frontends = stats.frontends.iter().filter(move |it| wanted.proxy(it.id)).map(Row::of_frontend);
    let backends = stats.backends.iter().filter(move |it| wanted.proxy(it.id)).flat_map(|backend| {
        let servers = backend.servers.iter().map(|server| Row::of_server(backend, server));
        servers.chain(std::iter::once_with(|| Row::of_backend(backend)))
    });
    frontends.chain(backends).filter(move |row| wanted.row(row))
}

impl RowKind {
    /// HAProxy `type`.
    fn number(self) -> u64 {
        match self {
            Self::Frontend => 0,
            Self::Backend => 1,
            Self::Server => 2,
        }
    }
}

impl Row {
    /// The value of a column.
    pub fn get(&self, column: C) -> Option<&Value> {
        self.values[column as usize].as_ref()
    }

    fn new(kind: RowKind, (name, row_name): (&str, Cow<'static, str>), (proxy, id): (u32, u32)) -> Self {
        let mut row = Self { kind, proxy, id, values: [const { None }; C::COUNT] };
        row.text(C::Pxname, name.to_owned());
        row.text(C::Svname, row_name);
        row.number(C::Pid, 1);
        row.number(C::Iid, proxy.into());
        row.number(C::Sid, id.into());
        row.number(C::Type, kind.number());
        row.text(C::Mode, "http");
        row
    }

    pub(super) fn of_frontend(of: &Frontend) -> Self {
        let Frontend { name, id, connections, limit, requests } = of;
        let mut row = Self::new(RowKind::Frontend, (name, "FRONTEND".into()), (*id, 0));
        row.text(C::Status, "OPEN");
        for (column, value) in [
            (C::Scur, connections.now),
            (C::Smax, connections.most),
            (C::Slim, *limit),
            (C::Stot, connections.total),
            (C::Rate, connections.rate),
            (C::RateLim, 0),
            (C::RateMax, connections.highest_rate),
            (C::ConnRate, connections.rate),
            (C::ConnRateMax, connections.highest_rate),
            (C::ConnTot, connections.total),
            (C::ReqRate, requests.sessions.rate),
            (C::ReqRateMax, requests.sessions.highest_rate),
            (C::ReqTot, requests.sessions.total),
            (C::Dreq, requests.get(Count::Denied)),
            (C::Dresp, 0),
            (C::Ereq, requests.get(Count::BadRequests)),
        ] {
            row.number(column, value);
        }
        row.traffic(requests);
        row
    }

    pub(super) fn of_backend(of: &Backend) -> Self {
        let Backend { name, id, requests, waiting, servers: _ } = of;
        let mut row = Self::new(RowKind::Backend, (name, "BACKEND".into()), (*id, 0));
        let weight = of.up().map(|server| u64::from(server.weight)).sum();
        let up = of.up().count() as u64;
        row.text(C::Status, if up > 0 { "UP" } else { "DOWN" });
        for (column, value) in [
            (C::Qcur, *waiting),
            (C::Qmax, requests.longest_queue.max(*waiting)),
            (C::Weight, weight),
            (C::Uweight, weight),
            (C::Act, up),
            (C::Bck, 0),
        ] {
            row.number(column, value);
        }
        row.requests(requests);
        row
    }

    pub(super) fn of_server(backend: &Backend, of: &Server) -> Self {
        let Server { address, id, requests, standing, is_commanded: _, weight, initial_weight: _, check } = of;
        let mut row = Self::new(RowKind::Server, (&backend.name, of.name().into()), (backend.id, *id));
        row.text(C::Status, standing.as_str());
        row.text(C::Addr, address.to_string());
        for (column, value) in [
            // Requests wait for all endpoints of an upstream together.
            (C::Qcur, 0),
            (C::Qmax, 0),
            (C::Weight, (*weight).into()),
            (C::Uweight, (*weight).into()),
            (C::Act, 1),
            (C::Bck, 0),
            (C::Lastchg, of.unchanged().as_secs()),
        ] {
            row.number(column, value);
        }
        row.requests(requests);
        if let Some(check) = check {
            row.check(check, *standing);
        }
        row
    }

    /// What is counted of requests to upstreams and endpoints.
    fn requests(&mut self, of: &TallyNumbers) {
        let spans = of.spans;
        for (column, value) in [
            (C::Scur, of.sessions.now),
            (C::Smax, of.sessions.most),
            (C::Stot, of.sessions.total),
            (C::Lbtot, of.sessions.total),
            (C::ReqTot, of.sessions.total),
            (C::Rate, of.sessions.rate),
            (C::RateMax, of.sessions.highest_rate),
            (C::Econ, of.get(Count::ConnectErrors)),
            (C::Eresp, of.get(Count::ResponseErrors) + of.get(Count::ServerAborts)),
            (C::Wretr, of.get(Count::Retries)),
            (C::Wredis, of.get(Count::Redispatches)),
            (C::CliAbrt, of.get(Count::ClientAborts)),
            (C::SrvAbrt, of.get(Count::ServerAborts)),
            (C::Qtime, spans.mean(Span::Queue)),
            (C::Ctime, spans.mean(Span::Connect)),
            (C::Rtime, spans.mean(Span::Response)),
            (C::Ttime, spans.mean(Span::Total)),
            (C::QtimeMax, spans.longest(Span::Queue)),
            (C::CtimeMax, spans.longest(Span::Connect)),
            (C::RtimeMax, spans.longest(Span::Response)),
            (C::TtimeMax, spans.longest(Span::Total)),
        ] {
            self.number(column, value);
        }
        let last = of.last.map_or(-1, |last| i64::try_from(last.as_secs()).unwrap_or(i64::MAX));
        self.values[C::Lastsess as usize] = Some(Value::Signed(last));
        self.traffic(of);
    }

    /// What is counted everywhere.
    fn traffic(&mut self, of: &TallyNumbers) {
        for (column, count) in [
            (C::Bin, Count::BytesIn),
            (C::Bout, Count::BytesOut),
            (C::Hrsp1xx, Count::Answers1xx),
            (C::Hrsp2xx, Count::Answers2xx),
            (C::Hrsp3xx, Count::Answers3xx),
            (C::Hrsp4xx, Count::Answers4xx),
            (C::Hrsp5xx, Count::Answers5xx),
            (C::HrspOther, Count::AnswersOther),
        ] {
            self.number(column, of.get(count));
        }
    }

    fn check(&mut self, of: &Check, standing: Standing) {
        let Check { code, reason, status, took, since, bad, downs, down_for, rise, fall } = of;
        self.text(C::CheckStatus, *code);
        self.text(C::CheckDesc, *reason);
        if let Some(status) = status {
            self.number(C::CheckCode, (*status).into());
        }
        let is_down = standing == Standing::Down;
        let down = *down_for + if is_down { *since } else { Duration::ZERO };
        for (column, value) in [
            (C::CheckDuration, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            (C::Chkfail, *bad),
            (C::Chkdown, *downs),
            (C::Downtime, down.as_secs()),
            (C::CheckRise, (*rise).into()),
            (C::CheckFall, (*fall).into()),
            // As HAProxy counts it: full when it is up.
            (C::CheckHealth, if is_down { 0 } else { u64::from(rise.saturating_add(*fall).saturating_sub(1)) }),
        ] {
            self.number(column, value);
        }
    }

    fn number(&mut self, column: C, value: u64) {
        self.values[column as usize] = Some(Value::Number(value));
    }

    fn text(&mut self, column: C, value: impl Into<Cow<'static, str>>) {
        self.values[column as usize] = Some(Value::Text(value.into()));
    }
}
