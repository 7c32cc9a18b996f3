//! nginx's own redirect (`auto_redirect`): where a rule has `/foo/` and none has `/foo`, a request for `/foo` is sent to `/foo/`
//! before anything else is asked. ingress-nginx has it for all types of paths but patterns, so it belongs to its defaults.

use std::sync::{Arc, LazyLock};

use foldhash::HashMap;

use crate::model::{Captures, ClientPort, Filter, Location, PathMatch, PortInUrl, Redirect, RedirectKind, Template};

/// The status that nginx answers with.
const STATUS: u16 = 301;

/// The path without the slash at its end; `None` for `/`, for other paths and for patterns.
pub(super) fn without(path: &PathMatch) -> Option<Arc<str>> {
    match path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::Text(path) => {
            path.strip_suffix('/').filter(|shorter| !shorter.is_empty()).map(Into::into)
        }
        PathMatch::Pattern(_) => None,
    }
}

/// The match of this path alone, unless a rule takes it.
pub(super) fn free<T>(path: Arc<str>, taken: &HashMap<PathMatch, T>) -> Option<PathMatch> {
    let exactly = PathMatch::Exact(Arc::clone(&path));
    let others = [PathMatch::Prefix(Arc::clone(&path)), PathMatch::Text(path)];
    (!taken.contains_key(&exactly) && others.iter().all(|other| !taken.contains_key(other))).then_some(exactly)
}

/// To the path with a slash, with the query.
pub(super) fn redirect(port: Option<PortInUrl>) -> Option<Filter> {
    static TARGET: LazyLock<Option<Template>> =
        LazyLock::new(|| Template::parse("$uri/$is_args$args", Captures::Refused).ok());
    let port = match port {
        Some(PortInUrl::Always) => ClientPort::Kept,
        Some(PortInUrl::IfUnusual | PortInUrl::Never) | None => ClientPort::Dropped,
    };
    let location = Location::OnHost { path: TARGET.clone()?, port };
    Some(Filter::Redirect(Arc::new(Redirect { kind: RedirectKind::Slash, status: STATUS, location })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_that_end_with_a_slash_have_a_shorter_one() {
        let all = [PathMatch::Exact, PathMatch::Prefix, PathMatch::Text];
        for new in all {
            assert_eq!(without(&new("/a/".into())).as_deref(), Some("/a"));
            assert_eq!([new("/".into()), new("/a".into())].map(|path| without(&path)), [None, None]);
        }
    }

    #[test]
    fn a_path_that_a_rule_takes_is_left_to_it() {
        let path = || Arc::<str>::from("/a");
        for new in [PathMatch::Exact, PathMatch::Prefix, PathMatch::Text] {
            let taken = [(new(path()), ())].into_iter().collect();
            assert_eq!(free(path(), &taken), None);
        }
        assert_eq!(free(path(), &HashMap::<_, ()>::default()), Some(PathMatch::Exact(path())));
    }

    #[test]
    fn the_target_is_readable() {
        assert!(redirect(None).is_some());
    }
}
