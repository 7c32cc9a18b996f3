//! What annotations can set that few objects ask for: topics that share one allocation.

use std::sync::Arc;

use super::affinity_options::AffinityOptions;
use super::answer_options::AnswerOptions;
use super::cors_options::CorsOptions;
use super::edit_options::EditOptions;
use super::error_options::ErrorOptions;
use super::exposed::Exposed;
use super::external_auth_options::ExternalAuthOptions;
use super::limit_options::LimitOptions;
use super::mirror_options::MirrorOptions;
use super::service_url::{ServiceUrl, UrlHost};
use super::take_over::take_over;
use super::upstream_options::UpstreamOptions;
use crate::model::Template;

/// What is set, by topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct RareOptions {
    /// Which requests go to the same endpoint.
    pub(crate) affinity: AffinityOptions,
    /// Which pages of other origins may read answers.
    pub(crate) cors: CorsOptions,
    /// How much each client may ask for.
    pub(crate) limits: LimitOptions,
    /// What is rewritten of pods' answers.
    pub(crate) answer_urls: AnswerOptions,
    /// What pods are asked for, where that has variables.
    pub(crate) pod_host: Option<Template>,
    /// Which fields are edited, and which requests are answered at once.
    pub(crate) edits: EditOptions,
    /// Who is asked whether a request is served.
    pub(crate) external_auth: ExternalAuthOptions,
    /// Who answers errors.
    pub(crate) errors: ErrorOptions,
    /// Who gets copies of requests.
    pub(crate) mirror: MirrorOptions,
    /// Health of endpoints, how many requests each has, and who waits.
    pub(crate) upstream: UpstreamOptions,
    /// Ports that are opened. Of a Service alone.
    pub(crate) exposed: Option<Arc<[Exposed]>>,
}

impl RareOptions {
    /// Whether a URL asks at the host of the request.
    pub(crate) fn asks_at_own_host(&self) -> bool {
        let is_it = |url: &ServiceUrl| url.host == UrlHost::OfRequest;
        matches!(self.external_auth.asked(), Some(Ok(url)) if is_it(url))
            || self.mirror.url.as_deref().is_some_and(is_it)
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { affinity, cors, limits, answer_urls, pod_host, edits, .. } = other;
        let Self { external_auth, errors, mirror, upstream, exposed, .. } = other;
        let differs = [
            self.affinity.absorb(affinity),
            self.cors.absorb(cors),
            self.limits.absorb(limits),
            self.answer_urls.absorb(answer_urls),
            take_over(&mut self.pod_host, pod_host),
            self.edits.absorb(edits),
            self.external_auth.absorb(external_auth),
            self.errors.absorb(errors),
            self.mirror.absorb(mirror),
            self.upstream.absorb(upstream),
            take_over(&mut self.exposed, exposed),
        ];
        differs.contains(&true)
    }
}
