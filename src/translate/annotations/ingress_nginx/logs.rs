//! Which requests are logged.

use crate::model::LogLines;

use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "enable-access-log",
    value: Value::LooseBoolean(|draft, is_set| {
        let log = if is_set { LogLines::Written } else { LogLines::LeftOut };
        draft.options.of_policy().log = Some(log);
    }),
    default: "`true`",
    scopes: &[Scope::Ingress],
    verdict: Verdict::Exact,
    doc: "Whether requests get a line in the access log, where `--access-log` has one. Metrics count them in any case.",
}];
