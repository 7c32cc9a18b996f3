//! The path that pods get, as an author writes it.

use std::sync::Arc;

use crate::model::{Part, Template};

/// A target, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RewriteTarget {
    /// As it is written.
    pub(super) text: Arc<str>,
    /// The part in front of its query.
    pub(super) path: Template,
    /// Its query.
    pub(super) query: Option<Template>,
    /// Whether the query of the request goes on. A question mark at the end of a target leaves it out (nginx `rewrite`).
    pub(super) keeps_query: bool,
}

impl RewriteTarget {
    pub(super) fn new(text: &str, template: &Template) -> Self {
        let keeps_query = !matches!(template.parts().last(), Some(Part::Text(last)) if last.ends_with('?'));
        let (path, query) = template.split_query();
        let query = if keeps_query { query } else { query.map(|query| query.without_end('?')) };
        let query = query.filter(|query| !query.parts().is_empty());
        Self { text: text.into(), path, query, keeps_query }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Captures;

    #[test]
    fn a_question_mark_at_the_end_leaves_the_query_of_the_request_out() {
        for (text, path, query, keeps_query) in [
            ("/x", "/x", None, true),
            ("/x?", "/x", None, false),
            ("/x?a=b", "/x", Some("a=b"), true),
            ("/x?a=b?", "/x", Some("a=b"), false),
        ] {
            let target = RewriteTarget::new(text, &Template::parse(text, Captures::Allowed).unwrap());
            let (path, query) = (Template::plain(path), query.map(Template::plain));
            assert_eq!(target, RewriteTarget { text: text.into(), path, query, keeps_query });
        }
    }
}
