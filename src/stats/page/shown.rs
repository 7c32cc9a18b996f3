//! The columns of the page, in groups, as operators of HAProxy know them.

use crate::stats::Column;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Count,
    Bytes,
    Seconds,
}

/// Columns under one title.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) columns: &'static [Shown],
}

/// A column, with its title.
pub(super) struct Shown(pub(super) Column, pub(super) &'static str, pub(super) Form);

const RATE: Group = Group {
    title: "Rate /s",
    columns: &[Shown(Column::Rate, "now", Form::Count), Shown(Column::RateMax, "max", Form::Count)],
};
const BYTES: Group = Group {
    title: "Bytes",
    columns: &[Shown(Column::Bin, "in", Form::Bytes), Shown(Column::Bout, "out", Form::Bytes)],
};
const ANSWERS: Group = Group {
    title: "Answers",
    columns: &[
        Shown(Column::Hrsp1xx, "1xx", Form::Count),
        Shown(Column::Hrsp2xx, "2xx", Form::Count),
        Shown(Column::Hrsp3xx, "3xx", Form::Count),
        Shown(Column::Hrsp4xx, "4xx", Form::Count),
        Shown(Column::Hrsp5xx, "5xx", Form::Count),
    ],
};
const SESSIONS: &[Shown] = &[
    Shown(Column::Scur, "now", Form::Count),
    Shown(Column::Smax, "max", Form::Count),
    Shown(Column::Stot, "total", Form::Count),
];

/// Columns of listeners, behind name and state.
pub(super) const LISTENER: &[Group] = &[
    Group { title: "Connections", columns: SESSIONS },
    RATE,
    Group {
        title: "Requests",
        columns: &[
            Shown(Column::ReqRate, "/s", Form::Count),
            Shown(Column::ReqRateMax, "/s max", Form::Count),
            Shown(Column::ReqTot, "total", Form::Count),
            Shown(Column::Dreq, "denied", Form::Count),
            Shown(Column::Ereq, "bad", Form::Count),
        ],
    },
    BYTES,
    ANSWERS,
];

/// Columns of upstreams and endpoints, behind name, state and check.
pub(super) const UPSTREAM: &[Group] = &[
    Group {
        title: "Server",
        columns: &[
            Shown(Column::Weight, "weight", Form::Count),
            Shown(Column::Lastchg, "last change", Form::Seconds),
            Shown(Column::Chkdown, "downs", Form::Count),
            Shown(Column::Downtime, "downtime", Form::Seconds),
        ],
    },
    Group {
        title: "Queue",
        columns: &[Shown(Column::Qcur, "now", Form::Count), Shown(Column::Qmax, "max", Form::Count)],
    },
    Group { title: "Sessions", columns: SESSIONS },
    RATE,
    BYTES,
    Group {
        title: "Errors",
        columns: &[Shown(Column::Econ, "connect", Form::Count), Shown(Column::Eresp, "answer", Form::Count)],
    },
    Group {
        title: "Again",
        columns: &[Shown(Column::Wretr, "retries", Form::Count), Shown(Column::Wredis, "redispatches", Form::Count)],
    },
    ANSWERS,
];

/// The columns that rows of upstreams can be sorted by.
pub(super) fn sortable() -> impl Iterator<Item = Column> {
    let counted = UPSTREAM.iter().flat_map(|group| group.columns.iter().map(|shown| shown.0));
    [Column::Svname, Column::Status].into_iter().chain(counted)
}
