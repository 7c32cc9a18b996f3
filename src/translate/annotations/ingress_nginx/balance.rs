//! How endpoints are chosen.

use crate::model::Balance;

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "load-balance",
    value: Value::OneOf(&[
        Word { text: "ewma", set: |draft| draft.options.balance = Some(Balance::Ewma) },
        Word { text: "round_robin", set: |draft| draft.options.balance = Some(Balance::RoundRobin) },
    ]),
    default: "`--balance` (`least-in-flight`)",
    scopes: &[Scope::Ingress],
    verdict: Verdict::Bounded(
        "`ewma` also counts requests in flight, as Peak EWMA does in Finagle, from where ingress-nginx has it",
    ),
    doc: "How the endpoint of a request is chosen, as `tidegate.dev/balance`. `ewma` is Peak EWMA: of two endpoints the one with the\n\
          lower mean of the times that connecting and answers take, in which a time counts for a third after ten seconds. The\n\
          mean counts once more for each request in flight, and a slower answer for an eighth at least, which ingress-nginx does\n\
          not do: else an endpoint that hangs would get its share until a timeout, and one that is slow for seconds. An endpoint\n\
          that comes begins with the mean of the others.",
}];
