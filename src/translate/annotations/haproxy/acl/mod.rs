//! Conditions of HAProxy, as `route-acl` has them: a strict subset, read once. What is outside of it is an error that says what.
//!
//! A value is one term (`path_beg /static`), or several with `||` between; terms in braces, of which those side by side must all
//! hold; or lines `acl NAME TERM`, of which several of one name are alternatives, with a condition of names behind them. Where
//! there is one name and no condition, the name is the condition.

mod term;
mod words;

use crate::model::{Clause, Condition, Term};
use words::words;

/// Longest value. Bytes.
const LONGEST: usize = 8192;
/// Most terms of a value.
const MOST_TERMS: usize = 128;

/// Why a text is no condition that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// It is longer than 8 KiB, or has more than 128 terms.
    #[error("is too long")]
    TooLong,
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// A quotation mark or a brace is left open, or a character cannot be seen.
    #[error("is no list of words")]
    Words,
    /// A name that no line defines, or a term that is not in braces beside others.
    #[error("has a name that no line defines")]
    Name,
    /// What is asked of requests is not known here.
    #[error("asks for something that is not known here")]
    Fetch,
    /// A flag, an operator or a converter that is not known here.
    #[error("has a flag, an operator or a converter that is not known here")]
    Flag,
    /// A value that is missing, or is none of its kind.
    #[error("has a value that is missing or cannot be read")]
    Value,
}

/// Reads a condition. `salt` tells draws by chance of several conditions apart.
pub fn condition(text: &str, salt: u64) -> Result<Condition, AclError> {
    if text.len() > LONGEST {
        return Err(AclError::TooLong);
    }
    let mut reader = Reader { names: Vec::new(), terms: 0, salt };
    let mut found = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words = words(line)?;
        match words.split_first() {
            Some((first, rest)) if first == "acl" => reader.define(rest)?,
            Some(_) if found.is_none() => found = Some(reader.alternatives(&words)?),
            // There is one condition.
            Some(_) | None => return Err(AclError::Name),
        }
    }
    let any = match (found, &mut *reader.names) {
        (Some(any), _) => any,
        (None, [(_, terms)]) => [[Clause { is_negated: false, any: std::mem::take(terms).into() }].into()].into(),
        (None, []) => return Err(AclError::Empty),
        (None, [_, _, ..]) => return Err(AclError::Name),
    };
    Ok(Condition { any })
}

struct Reader {
    /// Names that lines define, with their terms.
    names: Vec<(String, Vec<Term>)>,
    terms: u64,
    salt: u64,
}

impl Reader {
    /// A line `acl NAME TERM`.
    fn define(&mut self, words: &[String]) -> Result<(), AclError> {
        let (name, words) = words.split_first().ok_or(AclError::Name)?;
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if !name.bytes().all(is_of_name) {
            return Err(AclError::Name);
        }
        let term = self.term(words)?;
        match self.names.iter_mut().find(|(known, _)| known == name) {
            Some((_, terms)) => terms.push(term),
            None => self.names.push((name.clone(), vec![term])),
        }
        Ok(())
    }

    /// Alternatives, with `||` or `or` between.
    fn alternatives(&mut self, words: &[String]) -> Result<Box<[Box<[Clause]>]>, AclError> {
        let words = match words.split_first() {
            Some((first, rest)) if first == "if" => rest,
            Some(_) | None => words,
        };
        words.split(|word| word == "||" || word == "or").map(|clauses| self.clauses(clauses)).collect()
    }

    /// Clauses side by side: names, terms in braces, or one term alone.
    fn clauses(&mut self, mut words: &[String]) -> Result<Box<[Clause]>, AclError> {
        let mut clauses = Vec::new();
        while let Some((first, rest)) = words.split_first() {
            let mut bare = first.as_str();
            let mut is_negated = false;
            while let Some(behind) = bare.strip_prefix('!') {
                (bare, is_negated) = (behind, !is_negated);
            }
            if bare.is_empty() {
                let (next, behind) = rest.split_first().ok_or(AclError::Empty)?;
                let negated = if is_negated { format!("!{next}") } else { next.clone() };
                let (clause, left) = self.clause(&negated, behind, clauses.is_empty())?;
                clauses.push(clause);
                words = left;
                continue;
            }
            let (clause, left) = self.clause(first, rest, clauses.is_empty())?;
            clauses.push(clause);
            words = left;
        }
        if clauses.is_empty() { Err(AclError::Empty) } else { Ok(clauses.into()) }
    }

    /// One clause, and the words that are left behind it.
    fn clause<'a>(
        &mut self,
        first: &str,
        rest: &'a [String],
        may_be_bare: bool,
    ) -> Result<(Clause, &'a [String]), AclError> {
        let bare = first.trim_start_matches('!');
        let is_negated = (first.len() - bare.len()) % 2 == 1;
        if bare == "{" {
            let end = rest.iter().position(|word| word == "}").ok_or(AclError::Words)?;
            let any = [self.term(&rest[..end])?].into();
            return Ok((Clause { is_negated, any }, &rest[end + 1..]));
        }
        if let Some((_, terms)) = self.names.iter().find(|(name, _)| name == bare) {
            let any = terms.clone().into();
            let more = terms.len();
            self.count(more)?;
            return Ok((Clause { is_negated, any }, rest));
        }
        if !may_be_bare {
            return Err(AclError::Name);
        }
        if rest.iter().any(|word| matches!(word.as_str(), "{" | "}")) {
            return Err(AclError::Words);
        }
        let words: Vec<_> = std::iter::once(bare.to_owned()).chain(rest.iter().cloned()).collect();
        let any = [self.term(&words)?].into();
        Ok((Clause { is_negated, any }, &[]))
    }

    fn term(&mut self, words: &[String]) -> Result<Term, AclError> {
        self.count(1)?;
        term::read(words, self.salt.wrapping_add(self.terms))
    }

    fn count(&mut self, terms: usize) -> Result<(), AclError> {
        self.terms += terms as u64;
        if self.terms > MOST_TERMS as u64 { Err(AclError::TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
