//! What an author asks of a request besides its path, as an expression: alternatives, each of clauses that must all hold.

use std::fmt;
use std::sync::Arc;

use super::networks::Networks;
use super::pattern::Pattern;

/// An expression. It holds where all clauses of one of the alternatives hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// The alternatives. There is at least one.
    pub any: Box<[Box<[Clause]>]>,
}

/// A clause. It holds where one of its terms does or, negated, where none does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clause {
    /// Whether no term may hold.
    pub is_negated: bool,
    /// The terms.
    pub any: Box<[Term]>,
}

/// A term.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// The request has it, with whatever value.
    Found(Subject),
    /// One of its values is one of these texts, or has one of them.
    Text {
        /// Of what.
        of: Subject,
        /// How they are compared.
        how: Comparison,
        /// Whether upper and lower case (ASCII) are the same.
        ignores_case: bool,
        /// The texts.
        values: Box<[Box<str>]>,
    },
    /// One of its values matches one of these.
    Pattern {
        /// Of what.
        of: Subject,
        /// Of which any part may match.
        patterns: Box<[Pattern]>,
    },
    /// The address of the client is one of these.
    Client(Networks),
    /// A number that is drawn, below `of`, is from `from` and below `to`.
    Random {
        /// How many numbers there are. Above zero.
        of: u32,
        /// The first that counts.
        from: u32,
        /// The first that does not count any more.
        to: u32,
        /// What tells the draws of one request apart.
        salt: u64,
    },
}

/// What of a request is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The method.
    Method,
    /// The path as the client sent it, without the query.
    Path,
    /// A header field, its name in lower case: each member of its lines, with commas between. `host` is the host of the request.
    Field(Arc<str>),
    /// A cookie.
    Cookie(Arc<str>),
    /// A parameter of the query, as the client sent it.
    Parameter(Arc<str>),
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// All of it.
    Equal,
    /// Its begin.
    Begins,
    /// Its end.
    Ends,
    /// Any part of it.
    Contains,
}

impl Condition {
    /// That a path ends with one of these texts.
    pub fn path_ends(suffixes: Box<[Box<str>]>) -> Self {
        let of = Subject::Path;
        let term = Term::Text { of, how: Comparison::Ends, ignores_case: false, values: suffixes };
        let clause = Clause { is_negated: false, any: [term].into() };
        Self { any: [[clause].into()].into() }
    }

    /// That both hold.
    pub fn and(&self, other: &Self) -> Self {
        let both = |one: &[Clause], other: &[Clause]| one.iter().chain(other).cloned().collect();
        let pairs = self.any.iter().flat_map(|one| other.any.iter().map(move |other| both(one, other)));
        Self { any: pairs.collect() }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, clauses) in self.any.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " || " })?;
            for (at, clause) in clauses.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { " && " })?;
                f.write_str(if clause.is_negated { "!(" } else { "(" })?;
                for (at, term) in clause.any.iter().enumerate() {
                    write!(f, "{}{term}", if at == 0 { "" } else { " | " })?;
                }
                f.write_str(")")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(of) => write!(f, "{of} is there"),
            Self::Text { of, how, ignores_case, values } => {
                let how = match how {
                    Comparison::Equal => "is",
                    Comparison::Begins => "begins with",
                    Comparison::Ends => "ends with",
                    Comparison::Contains => "has",
                };
                let case = if *ignores_case { ", in any case," } else { "" };
                write!(f, "{of} {how}{case} {}", values.join(" "))
            }
            Self::Pattern { of, patterns } => {
                write!(f, "{of} matches")?;
                patterns.iter().try_for_each(|pattern| write!(f, " {}", pattern.text()))
            }
            Self::Client(networks) => write!(f, "client is in {networks}"),
            Self::Random { of, from, to, salt: _ } => write!(f, "{from} to {to} of {of} by chance"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method"),
            Self::Path => f.write_str("path"),
            Self::Field(name) => write!(f, "field {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
        }
    }
}
