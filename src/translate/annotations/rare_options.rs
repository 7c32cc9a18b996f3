//! What annotations can set that few objects ask for: topics that share one allocation.

use super::affinity_options::AffinityOptions;
use super::answer_options::AnswerOptions;
use super::cors_options::CorsOptions;
use super::edit_options::EditOptions;
use super::limit_options::LimitOptions;

/// What is set, by topic.
#[derive(Debug, Default)]
pub(crate) struct RareOptions {
    /// Which requests go to the same endpoint.
    pub(crate) affinity: AffinityOptions,
    /// Which pages of other origins may read answers.
    pub(crate) cors: CorsOptions,
    /// How much each client may ask for.
    pub(crate) limits: LimitOptions,
    /// What is rewritten of pods' answers.
    pub(crate) answer_urls: AnswerOptions,
    /// Which fields are edited, and which requests are answered at once.
    pub(crate) edits: EditOptions,
}

impl RareOptions {
    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { affinity, cors, limits, answer_urls, edits } = other;
        let differs = [
            self.affinity.absorb(affinity),
            self.cors.absorb(cors),
            self.limits.absorb(limits),
            self.answer_urls.absorb(answer_urls),
            self.edits.absorb(edits),
        ];
        differs.contains(&true)
    }
}
