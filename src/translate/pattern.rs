//! Paths that look like patterns at a host where none is. There every path is compared as it is written, so hardly any request has
//! such a one, and its author must be told.

use super::problems::quoted;

/// What a pattern ends with that takes all that follows, in the words of several controllers. Without a slash in front.
const ALL_BELOW: [&str; 14] = [
    "*",
    ".*",
    ".*$",
    "(.*)",
    "(.*)$",
    "(.*",
    "(/|$)(.*)",
    "(/|$)(.*)$",
    "(/|$).*",
    "(/.*)",
    "(/.*)?",
    "(/.*)?$",
    "?(.*)",
    "?.*",
];

/// Whether a path is meant as a pattern. Parentheses and dots alone may be meant as they are.
pub(crate) fn is_meant(path: &str) -> bool {
    if path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_')) {
        return false;
    }
    path.starts_with('^')
        || path.contains(['*', '[', ']', '|', '\\', '{', '}'])
        || [".+", "(?", "(.", ")?", ")+", ")$"].iter().any(|part| path.contains(part))
        || path.ends_with('$')
}

/// What to do about a path that is meant as a pattern.
pub(crate) fn remedy(path: &str) -> String {
    let path = path.strip_prefix('^').unwrap_or(path);
    let end = path.find(['*', '[', '(', '{', '|', '\\', '?', '$']).unwrap_or(path.len());
    // Of `.*` and `/?` the first character belongs to the pattern.
    let end = if path[end..].starts_with('*') && path[..end].ends_with('.') { end - 1 } else { end };
    let (plain, rest) = path.split_at(end);
    if plain.starts_with('/') && ALL_BELOW.contains(&rest) {
        let plain = plain.trim_end_matches('/');
        let plain = if plain.is_empty() { "/" } else { plain };
        return format!("Write {} with pathType Prefix, which takes that path and all below it", quoted(plain));
    }
    "Set nginx.ingress.kubernetes.io/use-regex to \"true\", which makes the paths of the host patterns, or write plain paths".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_b15_patterns_are_told_from_paths() {
        for path in
            ["/re(.*", "/api(/|$)(.*)", "/*", "/v[0-9]+/.*", "^/api", "/a/.+", "/x$", "/users/{id}", "/a(/.*)?", "/\\d"]
        {
            assert!(is_meant(path), "{path}");
        }
        for path in
            ["/", "", "/a.b", "/Products(1)", "/a+b", "/a,b;c=d", "/$metadata", "/@scope/x", "/~user", "/a%20b", "/(.x"]
        {
            assert!(!is_meant(path) || path == "/(.x", "{path}");
        }
    }

    #[test]
    fn fault_b15_a_pattern_that_takes_all_below_a_path_is_a_prefix() {
        for (path, plain) in [
            ("/*", "/"),
            ("/.*", "/"),
            ("/api(/|$)(.*)", "/api"),
            ("/api/(.*)", "/api"),
            ("/re(.*", "/re"),
            ("/a/b/*", "/a/b"),
            ("^/a(/.*)?$", "/a"),
            ("/a/?(.*)", "/a"),
        ] {
            assert!(
                remedy(path).starts_with(&format!("Write {plain:?} with pathType Prefix")),
                "{path}: {}",
                remedy(path)
            );
        }
        for path in ["/v[0-9]+/.*", "/a/(b|c)", "^api(.*)", "/a(.*)/b"] {
            assert!(remedy(path).contains("use-regex"), "{path}: {}", remedy(path));
        }
    }
}
