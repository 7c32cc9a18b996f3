//! Regular expressions of paths and values, compiled. They are matched in time linear in the text, so no author can make a request
//! expensive; in return there is no look-around and no back-reference.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use regex::bytes::{Regex, RegexBuilder};

/// Longest text of one, bytes.
const LONGEST: usize = 1024;

/// Most memory of a compiled one, bytes: `(a{1000}){1000}` is refused.
const LARGEST: usize = 256 * 1024;

/// A regular expression. Cheap to clone. Equal ones that are in use share what they are compiled to.
#[derive(Clone)]
pub struct Pattern(Arc<Compiled>);

struct Compiled {
    text: Arc<str>,
    subject: Subject,
    regex: Regex,
}

/// What is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Subject {
    /// A path: without regard to case, from its start and not to its end (nginx `location ~* "^…"`).
    Path,
    /// A value: any part of it, with regard to case.
    Value,
    /// The same without regard to case.
    ValueInAnyCase,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Look-around or a back-reference.
    #[error("it has look-around or a back-reference, which cannot be matched in linear time")]
    Unsupported,
    /// It is longer than 1,024 bytes, or takes too much memory when compiled.
    #[error("it is too large")]
    TooLarge,
    /// It is no regular expression.
    #[error("it is no regular expression")]
    Syntax,
}

impl Pattern {
    /// Of paths: matched without regard to case, from the start of the path, and not to its end (nginx `location ~* "^…"`).
    pub fn new(text: &Arc<str>) -> Result<Self, PatternError> {
        Self::of(Subject::Path, text)
    }

    /// Of values: matched anywhere in one, with regard to case.
    pub fn of_values(text: &Arc<str>) -> Result<Self, PatternError> {
        Self::of(Subject::Value, text)
    }

    /// Of values: matched anywhere in one, without regard to case.
    pub fn of_values_in_any_case(text: &Arc<str>) -> Result<Self, PatternError> {
        Self::of(Subject::ValueInAnyCase, text)
    }

    /// Whether upper and lower case are the same for it.
    pub fn ignores_case(&self) -> bool {
        self.0.subject != Subject::Value
    }

    fn of(subject: Subject, text: &Arc<str>) -> Result<Self, PatternError> {
        static IN_USE: LazyLock<Mutex<InUse>> = LazyLock::new(Mutex::default);
        let in_use = || IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = in_use().known.get(&(subject, text.clone())).and_then(Weak::upgrade) {
            return Ok(Self(known));
        }
        let compiled = Arc::new(Compiled { text: text.clone(), subject, regex: compile(subject, text)? });
        in_use().add(&compiled);
        Ok(Self(compiled))
    }

    /// The text as the author wrote it.
    pub fn text(&self) -> &Arc<str> {
        &self.0.text
    }

    /// What it is compiled to. It is matched with decoded paths, which may be any bytes.
    pub fn regex(&self) -> &Regex {
        &self.0.regex
    }
}

/// What a pattern of paths is compiled from: the text behind an anchor, as nginx has it, so that only the first of several
/// alternatives without parentheses is bound to the start.
pub fn anchored(text: &str) -> String {
    format!("^{}", with_plain_braces(text))
}

/// PCRE takes a brace that begins no repetition for itself.
fn with_plain_braces(text: &str) -> String {
    let mut plain_braces = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '\\']) {
        let (plain, behind) = rest.split_at(at);
        plain_braces.push_str(plain);
        if behind.starts_with('\\') {
            let end = behind.char_indices().nth(2).map_or(behind.len(), |(end, _)| end);
            plain_braces.push_str(&behind[..end]);
            rest = &behind[end..];
        } else {
            plain_braces.push_str(if is_repetition(behind) { "{" } else { r"\{" });
            rest = &behind[1..];
        }
    }
    plain_braces.push_str(rest);
    plain_braces
}

/// Whether a text begins with `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(text: &str) -> bool {
    let Some((inner, _)) = text[1..].split_once('}') else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

fn compile(subject: Subject, text: &str) -> Result<Regex, PatternError> {
    if text.len() > LONGEST {
        return Err(PatternError::TooLarge);
    }
    let mut builder = match subject {
        Subject::Path => RegexBuilder::new(&anchored(text)),
        Subject::Value | Subject::ValueInAnyCase => RegexBuilder::new(&with_plain_braces(text)),
    };
    builder.case_insensitive(subject != Subject::Value).unicode(false).size_limit(LARGEST);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
        regex::Error::Syntax(why) if why.contains("look-around") || why.contains("backreferences") => {
            PatternError::Unsupported
        }
        _ => PatternError::Syntax,
    })
}

/// The patterns that somebody holds.
#[derive(Default)]
struct InUse {
    known: HashMap<(Subject, Arc<str>), Weak<Compiled>>,
    /// Number at which those that nobody holds are forgotten.
    full: usize,
}

impl InUse {
    fn add(&mut self, compiled: &Arc<Compiled>) {
        if self.known.len() >= self.full {
            self.known.retain(|_, pattern| pattern.strong_count() > 0);
            self.full = (2 * self.known.len()).max(64);
        }
        self.known.insert((compiled.subject, compiled.text.clone()), Arc::downgrade(compiled));
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.0.text).finish()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.0.text, self.0.subject) == (&other.0.text, other.0.subject)
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order in which patterns of one host are asked: the longer text first, of equal lengths in reverse order of bytes, as
/// ingress-nginx writes its locations.
impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, others) = (&*self.0.text, &*other.0.text);
        let by_text = others.len().cmp(&mine.len()).then_with(|| others.cmp(mine));
        by_text.then(self.0.subject.cmp(&other.0.subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern, PatternError> {
        Pattern::new(&text.into())
    }

    #[test]
    fn nginx_a1_a5_patterns_match_from_the_start_in_any_case() {
        for (text, path, expected) in [
            ("/foo", "/FOO/x", true),
            ("/foo", "/foobar", true),
            ("/foo", "/x/foo", false),
            ("/id/[0-9]+", "/id/123a", true),
            ("/id/[0-9]+$", "/id/123a", false),
            ("/$", "/", true),
            ("/$", "/x", false),
            ("/a|/b", "/x/b", true),
            ("/(a|b)", "/x/b", false),
            ("/users/{id}", "/users/{id}/x", true),
            ("/users/{id}", "/users/7", false),
            ("/x{2}$", "/xx", true),
            (r"/x\{2}$", "/x{2}", true),
            (r"/[a-z]{1,}\.{2}", "/abc..", true),
            ("/a{,2}", "/a{,2}", true),
        ] {
            assert_eq!(pattern(text).unwrap().regex().is_match(path.as_bytes()), expected, "{text} {path}");
        }
        assert!(pattern("/é").unwrap().regex().is_match("/é".as_bytes()));
        assert!(pattern("/a.$").unwrap().regex().is_match(b"/a\xff"), "any byte");
    }

    #[test]
    fn a07_what_cannot_be_matched_in_linear_time_or_is_too_large_is_refused() {
        for (text, error) in [
            ("/(?!api)", PatternError::Unsupported),
            ("/(?<=a)b", PatternError::Unsupported),
            (r"/(a)\1", PatternError::Unsupported),
            ("/(a{1000}){1000}", PatternError::TooLarge),
            ("/((((a{99}){99}){99}){99})", PatternError::TooLarge),
            ("/re(.*", PatternError::Syntax),
            ("/*+?", PatternError::Syntax),
            ("/[z-a]", PatternError::Syntax),
            (&"/x".repeat(513), PatternError::TooLarge),
        ] {
            match pattern(text) {
                Err(found) => assert_eq!(found, error, "{text}"),
                Ok(_) => assert_eq!(text, "/*+?"),
            }
        }
    }

    #[test]
    fn nginx_a2_the_longer_pattern_is_asked_first_and_of_two_the_one_with_the_greater_bytes() {
        let mut patterns = ["/a", "/foo/bar/bar", "/b", "/foo/bar/[a-z]{3}"].map(|text| pattern(text).unwrap());
        patterns.sort();
        assert_eq!(
            patterns.map(|pattern| pattern.text().to_string()),
            ["/foo/bar/[a-z]{3}", "/foo/bar/bar", "/b", "/a"]
        );
    }

    #[test]
    fn patterns_of_values_match_anywhere_and_with_regard_to_case() {
        let value = |text: &str| Pattern::of_values(&text.into()).unwrap();
        for (text, subject, expected) in
            [("b+", "abbc", true), ("B", "abc", false), ("^(a|b)$", "a", true), ("^a$", "ab", false)]
        {
            assert_eq!(value(text).regex().is_match(subject.as_bytes()), expected, "{text} {subject}");
        }
        assert_ne!(value("/a"), pattern("/a").unwrap());
        let in_any_case = Pattern::of_values_in_any_case(&"B".into()).unwrap();
        assert!(in_any_case.regex().is_match(b"abc"));
        assert_ne!(in_any_case.cmp(&value("B")), Ordering::Equal, "they are not equal");
    }

    #[test]
    fn equal_texts_share_what_they_are_compiled_to_while_one_is_held() {
        let one = pattern("/shared(.*)").unwrap();
        let other = pattern("/shared(.*)").unwrap();
        assert!(Arc::ptr_eq(&one.0, &other.0));
        let held = Arc::downgrade(&one.0);
        drop((one, other));
        assert!(held.upgrade().is_none());
    }
}
