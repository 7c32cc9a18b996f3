//! How paths are read, for explanations. `table` decides requests with the same functions.

use super::canonical::{PathRefusal, Slashes, append_canonical, append_raw, checked};
use super::matcher::Matcher;
use crate::model::{PathMatch, RouteMatch};

/// A path in the form that is compared with rules.
pub fn canonical_path(raw_path: &str) -> Result<String, PathRefusal> {
    let mut canonical = String::with_capacity(raw_path.len());
    append_canonical(checked(raw_path)?, Slashes::First, &mut canonical)?;
    Ok(canonical)
}

/// A path as written, in the form that is compared with rules.
pub(super) fn written_path(raw_path: &str) -> Result<String, PathRefusal> {
    let mut written = String::with_capacity(raw_path.len());
    append_raw(checked(raw_path)?, &mut written);
    Ok(written)
}

/// Whether a rule would take a path, in canonical form, if there were no other rule and its predicates held.
pub fn takes(rule: &PathMatch, canonical: &str) -> bool {
    Matcher::build(std::slice::from_ref(&RouteMatch::path(rule.clone())).iter(), None)
        .find(canonical, |_| true)
        .is_some()
}
