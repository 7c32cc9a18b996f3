//! What annotations can set of where requests are sent instead of to a pod.

use std::sync::Arc;

use crate::model::{ClientPort, Location, PortInUrl, Redirect, RedirectKind, Template};

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocationOptions {
    /// Path that requests for `/` are sent to.
    pub(super) app_root: Option<Arc<str>>,
    /// Where all requests are sent for good: a URL, or a path.
    pub(super) permanent: Option<Template>,
    /// The status for that.
    pub(super) permanent_status: Option<u16>,
    /// Where all requests are sent for now: a URL.
    pub(super) temporal: Option<Template>,
    /// The status for that.
    pub(super) temporal_status: Option<u16>,
    /// Whether a path is sent as a path, and not as a URL.
    pub(super) relative: Option<bool>,
    /// Whether the host with or without `www.` in front leads here.
    pub(super) with_www: Option<bool>,
}

impl LocationOptions {
    /// Path that requests for `/` are sent to.
    pub(crate) fn app_root(&self) -> Option<&Arc<str>> {
        self.app_root.as_ref()
    }

    /// The redirect of all requests. Of two the temporal one wins.
    pub(crate) fn redirect(&self, port: Option<PortInUrl>) -> Option<Redirect> {
        let permanent =
            || Some((RedirectKind::Permanent, self.permanent.as_ref()?, self.permanent_status.unwrap_or(301)));
        let temporal = self.temporal.as_ref();
        let temporal = temporal.map(|url| (RedirectKind::Temporal, url, self.temporal_status.unwrap_or(302)));
        let (kind, target, status) = temporal.or_else(permanent)?;
        let location = if target.start().starts_with('/') && !self.is_relative() {
            Location::OnHost { path: target.clone(), port: client_port(port) }
        } else {
            Location::Fixed(target.clone())
        };
        Some(Redirect { kind, status, location })
    }

    /// Whether a path is sent as a path, and not as a URL.
    pub(crate) fn is_relative(&self) -> bool {
        self.relative.unwrap_or(false)
    }

    /// Whether the host with or without `www.` in front leads here.
    pub(crate) fn is_with_www(&self) -> bool {
        self.with_www.unwrap_or(false)
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { app_root, permanent, permanent_status, temporal, temporal_status, relative, with_www } = other;
        let differs = [
            take_over(&mut self.app_root, app_root),
            take_over(&mut self.permanent, permanent),
            take_over(&mut self.permanent_status, permanent_status),
            take_over(&mut self.temporal, temporal),
            take_over(&mut self.temporal_status, temporal_status),
            take_over(&mut self.relative, relative),
            take_over(&mut self.with_www, with_www),
        ];
        differs.contains(&true)
    }
}

/// Whether a URL that is made of a path has the port that the client gave.
pub(crate) fn client_port(port: Option<PortInUrl>) -> ClientPort {
    match port {
        Some(PortInUrl::Always) => ClientPort::Kept,
        Some(PortInUrl::IfUnusual | PortInUrl::Never) | None => ClientPort::Dropped,
    }
}
