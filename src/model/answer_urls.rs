//! What is rewritten of what pods say about where they are, as data.

use std::sync::Arc;

/// Which parts of pods' answers are rewritten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnswerUrls {
    /// The beginning of URLs in `Location` and `Refresh`.
    pub location: Option<Replacement>,
    /// The domain of cookies, as a whole and in any case.
    pub cookie_domain: Option<Replacement>,
    /// The beginning of the path of cookies.
    pub cookie_path: Option<Replacement>,
}

/// A text that takes the place of another one. Both were read and found to be texts that a field's value may hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Replacement {
    /// What is replaced.
    pub from: Arc<str>,
    /// What stands there instead.
    pub to: Arc<str>,
}
