//! What annotations can set of how paths are read, and of the paths that pods get.

use std::sync::Arc;

use crate::model::{Rewrite, Template};
use crate::source::objects::PathKind;

use super::rewrite_target::RewriteTarget;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathOptions {
    /// Whether paths are patterns.
    pub(super) use_regex: Option<bool>,
    /// The path that pods get.
    pub(super) target: Option<RewriteTarget>,
    /// What pods get as `X-Forwarded-Prefix` where the path is another.
    pub(super) prefix: Option<Template>,
}

impl PathOptions {
    /// Whether this path makes all paths of its host patterns.
    pub(crate) fn makes_patterns(&self, path: &str, kind: &PathKind) -> bool {
        self.use_regex == Some(true) || self.rewrites(path, kind)
    }

    /// The path that pods get in place of this one.
    pub(crate) fn rewrite(&self, path: &str, kind: &PathKind) -> Option<Arc<Rewrite>> {
        if !self.rewrites(path, kind) {
            return None;
        }
        let RewriteTarget { path, query, keeps_query, text: _ } = self.target.as_ref()?;
        let (path, query, prefix) = (path.clone(), query.clone(), self.prefix.clone());
        Some(Arc::new(Rewrite { path, query, keeps_query: *keeps_query, prefix }))
    }

    /// Whether there is another path for pods. ingress-nginx writes a Prefix path with a slash at its end, so that only `/` can be
    /// the same as the target.
    fn rewrites(&self, path: &str, kind: &PathKind) -> bool {
        let Some(target) = &self.target else { return false };
        let path = if path.is_empty() { "/" } else { path };
        let may_be_same = match kind {
            PathKind::Prefix => path == "/",
            PathKind::Exact | PathKind::ImplementationSpecific | PathKind::Unknown(_) => true,
        };
        !(may_be_same && *target.text == *path)
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { use_regex, target, prefix } = other;
        let differs = [
            take_over(&mut self.use_regex, use_regex),
            take_over(&mut self.target, target),
            take_over(&mut self.prefix, prefix),
        ];
        differs.contains(&true)
    }
}
