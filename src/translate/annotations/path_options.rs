//! What annotations can set of how paths are read, and of the paths that pods get.

use std::sync::Arc;

use crate::model::{AskedWhen, Condition, Rewrite, RewriteStep, Template};
use crate::source::objects::PathKind;

use super::rewrite_target::RewriteTarget;
use super::take_over::take_over;

/// Which requests of its paths an object, or a Service, takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Those for which this holds.
    If(Arc<Condition>),
    /// It is not known which: none. Those that no other rule has are answered with 503.
    Never,
}

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathOptions {
    /// Whether paths are patterns.
    pub(super) use_regex: Option<bool>,
    /// The path that pods get.
    pub(super) target: Option<RewriteTarget>,
    /// Changes of paths that are made one after the other, where `target` says nothing.
    pub(super) steps: Option<Arc<[RewriteStep]>>,
    /// Which requests a Service takes, before all rules without a condition.
    pub(super) acl: Option<Taken>,
    /// Which requests the paths of an Ingress take, in their turn.
    pub(super) ends: Option<Taken>,
    /// What pods get as `X-Forwarded-Prefix` where the path is another.
    pub(super) prefix: Option<Template>,
}

impl PathOptions {
    /// What requests must have besides their path, and when they are asked for it; `None`: nothing.
    pub(crate) fn taken(&self) -> Option<(Taken, AskedWhen)> {
        let asked = if self.acl.is_some() { AskedWhen::First } else { AskedWhen::InTurn };
        let taken = match (self.acl.as_ref(), self.ends.as_ref()) {
            (None, None) => return None,
            (Some(Taken::Never), _) | (_, Some(Taken::Never)) => Taken::Never,
            (Some(Taken::If(one)), Some(Taken::If(other))) => Taken::If(Arc::new(one.and(other))),
            (Some(only), None) | (None, Some(only)) => only.clone(),
        };
        Some((taken, asked))
    }

    /// Whether this path makes all paths of its host patterns.
    pub(crate) fn makes_patterns(&self, path: &str, kind: &PathKind) -> bool {
        self.use_regex == Some(true) || self.rewrites(path, kind)
    }

    /// The path that pods get in place of this one.
    pub(crate) fn rewrite(&self, path: &str, kind: &PathKind) -> Option<Arc<Rewrite>> {
        if !self.rewrites(path, kind) {
            let steps = self.steps.clone().filter(|_| self.target.is_none())?;
            let path = Template::plain("");
            return Some(Arc::new(Rewrite { path, query: None, keeps_query: true, prefix: None, steps }));
        }
        let RewriteTarget { path, query, keeps_query, text: _ } = self.target.as_ref()?;
        let (path, query, prefix) = (path.clone(), query.clone(), self.prefix.clone());
        Some(Arc::new(Rewrite { path, query, keeps_query: *keeps_query, prefix, steps: Arc::default() }))
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
        let Self { use_regex, target, steps, acl, ends, prefix } = other;
        let differs = [
            take_over(&mut self.use_regex, use_regex),
            take_over(&mut self.target, target),
            take_over(&mut self.steps, steps),
            take_over(&mut self.acl, acl),
            take_over(&mut self.ends, ends),
            take_over(&mut self.prefix, prefix),
        ];
        differs.contains(&true)
    }
}
