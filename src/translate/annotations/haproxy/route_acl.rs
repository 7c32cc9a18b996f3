//! Which requests a Service gets.

use super::super::draft::Draft;
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::acl;
use super::{SERVICE, row};
use crate::model::{ObjectName, Severity, key_of};
use crate::translate::annotations::Taken;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [row(
    "route-acl",
    Value::Text { values: "a condition of HAProxy", read: |draft, text, carrier| route_acl(draft, text, carrier) },
    "the Service gets all requests of its paths",
    SERVICE,
    Verdict::Bounded(
        "`path`, `method`, `hdr(NAME)`, `cookie(NAME)`, `url_param(NAME)`, also with `_beg`, `_end`, `_sub` and `_reg`; `src`; `rand(N)` with \
         `lt`, `le`, `gt`, `ge`, `eq` or a range; `-i` and `-m str`, `beg`, `end`, `sub`, `reg`, `found`; several values, `!`, `||`, `{ … }` side \
         by side, and lines `acl NAME …`. With anything else the Service gets no requests, and those of its paths that no other rule has are \
         answered with 503",
    ),
    "The Service gets those requests of its paths for which the condition holds, before all rules without a condition, whatever their\n\
     paths. Others go on to the next rule: the same path may stand in one more rule, for another Service. Of several such Services the\n\
     one with the longest path is asked first, then that of the oldest Ingress. At a host for which several namespaces have rules they\n\
     are asked where their path stands, and take nothing from a path that an older Ingress of another namespace has. A path is compared as the client sent it, and the client\n\
     is the one that `allow-list` looks at. For a default backend it has no effect.",
)];

fn route_acl(draft: &mut Draft, text: &str, carrier: &ObjectName) -> Option<()> {
    let salt = key_of(format!("{carrier}").as_bytes());
    let taken = match acl::condition(text, salt) {
        Ok(condition) => Taken::If(condition.into()),
        Err(error) => {
            let message = format!(
                "the condition {error}, so the Service gets no requests, and those of its paths that no other rule has are answered with 503"
            );
            let remedy = "Use what docs/annotations.md lists for route-acl";
            draft.finds(Severity::Error, message.into(), remedy.into());
            Taken::Never
        }
    };
    draft.options.of_paths().acl = Some(taken);
    Some(())
}
