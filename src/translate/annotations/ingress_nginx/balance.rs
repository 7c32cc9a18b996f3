//! How endpoints are chosen.

use crate::model::Balance;

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "load-balance",
    value: Value::OneOf(&[
        Word {
            text: "ewma",
            set: |draft| {
                draft.options.balance = Some(Balance::LeastInFlight);
                draft.differs(
                    "becomes least in flight, which weighs endpoints by their requests and not by their response times",
                    "Set tidegate.dev/balance to \"least-in-flight\" if that is right",
                );
            },
        },
        Word { text: "round_robin", set: |draft| draft.options.balance = Some(Balance::RoundRobin) },
    ]),
    default: "`--balance` (`least-in-flight`)",
    scopes: &[Scope::Ingress],
    verdict: Verdict::Different(
        "`round_robin` is exact; `ewma` becomes least in flight, which weighs by requests and not by response times",
    ),
    doc: "How the endpoint of a request is chosen, as `tidegate.dev/balance`.",
}];
