//! What annotations can set that few objects ask for: topics that share one allocation.

use super::cors_options::CorsOptions;

/// What is set, by topic.
#[derive(Debug, Default)]
pub(crate) struct RareOptions {
    /// Which pages of other origins may read answers.
    pub(crate) cors: CorsOptions,
}

impl RareOptions {
    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { cors } = other;
        self.cors.absorb(cors)
    }
}
