//! Rules of an author by which some requests are answered at once, with a refusal or a redirect.

use std::fmt;

use super::pattern::Pattern;
use super::template::{Template, Variable};

/// The rules of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rules {
    /// Something that restricts access is not known, as it cannot be read or done: nobody is served (503).
    Closed(RulesBy),
    /// The first whose test holds answers.
    Listed(Box<[Rule]>),
}

/// Where rules come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RulesBy {
    /// The annotation `deny-paths`.
    DenyPaths,
    /// The annotation `redirects`.
    Redirects,
    /// A snippet of nginx's configuration.
    Snippet,
    /// The annotations of ModSecurity.
    Waf,
    /// The annotation `custom-headers`.
    CustomHeaders,
    /// ingress-nginx's own ConfigMap.
    NginxConfigMap,
    /// The ConfigMap of haproxytech's controller.
    HaproxyConfigMap,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Where it comes from.
    pub by: RulesBy,
    /// Which requests it answers.
    pub test: RuleTest,
    /// With what.
    pub answer: RuleAnswer,
}

/// Which requests a rule answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleTest {
    /// All.
    Always,
    /// Those whose path matches. A rule that refuses compares every path that a pod may read the request's path as.
    Path(Pattern),
    /// Those of which a value matches, or does not.
    Value {
        /// The value.
        value: Template,
        /// What it is compared with.
        pattern: Pattern,
        /// Whether it is to match.
        matches: bool,
    },
}

/// What a rule answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleAnswer {
    /// This status, without more. 200 to 299 or 400 to 599.
    Status(u16),
    /// A redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// A URL or a path. It may have variables for what the groups of the test's pattern match.
        to: Template,
    },
}

impl RulesBy {
    /// The annotation, as people know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DenyPaths => "deny-paths",
            Self::Redirects => "redirects",
            Self::Snippet => "snippet",
            Self::Waf => "modsecurity",
            Self::CustomHeaders => "custom-headers",
            Self::NginxConfigMap => "nginx-configmap",
            Self::HaproxyConfigMap => "haproxy-configmap",
        }
    }
}

impl Rules {
    /// The rules; none where nobody is served.
    pub fn listed(&self) -> &[Rule] {
        match self {
            Self::Closed(_) => &[],
            Self::Listed(rules) => rules,
        }
    }
}

impl Rule {
    /// Whether it looks at the path.
    pub fn asks_for_path(&self) -> bool {
        match &self.test {
            RuleTest::Path(_) => true,
            RuleTest::Always | RuleTest::Value { .. } => self.has(&Variable::Uri),
        }
    }

    /// Whether a template of it has this variable.
    pub fn has(&self, variable: &Variable) -> bool {
        let in_test = match &self.test {
            RuleTest::Value { value, .. } => value.has(variable),
            RuleTest::Always | RuleTest::Path(_) => false,
        };
        let in_answer = match &self.answer {
            RuleAnswer::Redirect { to, .. } => to.has(variable),
            RuleAnswer::Status(_) => false,
        };
        in_test || in_answer
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            RuleTest::Always => f.write_str("everything")?,
            RuleTest::Path(pattern) => write!(f, "path {}", pattern.text())?,
            RuleTest::Value { value, pattern, matches } => {
                write!(f, "{value} {} {}", if *matches { "~" } else { "!~" }, pattern.text())?;
            }
        }
        match &self.answer {
            RuleAnswer::Status(status) => write!(f, " -> {status}"),
            RuleAnswer::Redirect { status, to } => write!(f, " -> {status} {to}"),
        }
    }
}
