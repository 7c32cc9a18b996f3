//! One term of a condition: what is asked for, flags, and values.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::super::super::value::number;
use super::AclError;
use crate::model::{Comparison, Networks, Pattern, Subject, Term};

/// Longest name of a field, a cookie or a parameter.
const LONGEST_NAME: usize = 128;

/// What a term asks for.
enum Fetch {
    Of(Subject, Option<How>),
    Client,
    Random(u32),
}

/// How values are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Text(Comparison),
    Pattern,
    Found,
    Networks,
    Numbers,
}

/// Reads a term.
pub(super) fn read(words: &[String], salt: u64) -> Result<Term, AclError> {
    let (first, mut rest) = words.split_first().ok_or(AclError::Empty)?;
    let fetch = fetch(first)?;
    let (mut ignores_case, mut asked) = (false, None);
    while let Some((flag, behind)) = rest.split_first() {
        rest = match flag.as_str() {
            "-i" => {
                ignores_case = true;
                behind
            }
            "-m" => {
                let (how, behind) = behind.split_first().ok_or(AclError::Flag)?;
                if asked.replace(method(how)?).is_some() {
                    return Err(AclError::Flag);
                }
                behind
            }
            "--" => {
                rest = behind;
                break;
            }
            other if is_flag(other) => return Err(AclError::Flag),
            _ => break,
        };
    }
    match fetch {
        Fetch::Of(of, usual) => {
            let how = match (asked, usual) {
                (Some(How::Networks | How::Numbers), _) => return Err(AclError::Flag),
                (Some(how), _) => how,
                (None, usual) => usual.unwrap_or(How::Text(Comparison::Equal)),
            };
            compared(of, how, ignores_case, rest)
        }
        Fetch::Client if matches!(asked, None | Some(How::Networks)) => client(rest),
        Fetch::Random(of) if matches!(asked, None | Some(How::Numbers)) => random(of, rest, salt),
        Fetch::Client | Fetch::Random(_) => Err(AclError::Flag),
    }
}

/// Whether a word is a flag. A value that begins with a hyphen stands behind `--`.
fn is_flag(word: &str) -> bool {
    word.len() == 2 && word.starts_with('-') && word.as_bytes()[1].is_ascii_alphabetic()
}

fn method(word: &str) -> Result<How, AclError> {
    Ok(match word {
        "str" => How::Text(Comparison::Equal),
        "beg" => How::Text(Comparison::Begins),
        "end" => How::Text(Comparison::Ends),
        "sub" => How::Text(Comparison::Contains),
        "reg" => How::Pattern,
        "found" => How::Found,
        "ip" => How::Networks,
        "int" => How::Numbers,
        _ => return Err(AclError::Flag),
    })
}

/// `path_beg`, `hdr(x-version)`, `hdr_end(host)` and the like.
fn fetch(word: &str) -> Result<Fetch, AclError> {
    let (name, argument) = match word.split_once('(') {
        Some((name, rest)) => match rest.split_once(')') {
            Some((argument, "")) => (name, Some(argument)),
            Some(_) => return Err(AclError::Flag),
            None => return Err(AclError::Fetch),
        },
        None if word.contains(',') => return Err(AclError::Flag),
        None => (word, None),
    };
    let (name, usual) = match name.rsplit_once('_') {
        Some((name, "beg")) => (name, Some(How::Text(Comparison::Begins))),
        Some((name, "end")) => (name, Some(How::Text(Comparison::Ends))),
        Some((name, "sub")) => (name, Some(How::Text(Comparison::Contains))),
        Some((name, "reg")) => (name, Some(How::Pattern)),
        Some(_) | None => (name, None),
    };
    let of_name = |argument: &str| -> Result<Arc<str>, AclError> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_name = (1..=LONGEST_NAME).contains(&argument.len()) && argument.bytes().all(is_token);
        if is_name { Ok(argument.into()) } else { Err(AclError::Value) }
    };
    Ok(match (name, argument) {
        ("path", None) => Fetch::Of(Subject::Path, usual),
        ("method", None) if usual.is_none() => Fetch::Of(Subject::Method, None),
        ("hdr" | "req.hdr", Some(argument)) => {
            Fetch::Of(Subject::Field(of_name(&argument.to_ascii_lowercase())?), usual)
        }
        ("cookie" | "cook" | "req.cook", Some(argument)) => Fetch::Of(Subject::Cookie(of_name(argument)?), usual),
        ("url_param" | "urlp", Some(argument)) => Fetch::Of(Subject::Parameter(of_name(argument)?), usual),
        ("src", None) if usual.is_none() => Fetch::Client,
        ("rand", Some(argument)) if usual.is_none() => {
            Fetch::Random(number(argument).filter(|of| *of > 0).ok_or(AclError::Value)?)
        }
        _ => return Err(AclError::Fetch),
    })
}

fn compared(of: Subject, how: How, ignores_case: bool, values: &[String]) -> Result<Term, AclError> {
    match how {
        How::Found if values.is_empty() => Ok(Term::Found(of)),
        How::Found => Err(AclError::Value),
        _ if values.is_empty() || values.iter().any(String::is_empty) => Err(AclError::Value),
        How::Text(how) => {
            let values = values.iter().map(|value| value.as_str().into()).collect();
            Ok(Term::Text { of, how, ignores_case, values })
        }
        How::Pattern => {
            let pattern = |text: &String| {
                let text = Arc::from(text.as_str());
                let read = if ignores_case { Pattern::of_values_in_any_case } else { Pattern::of_values };
                read(&text).map_err(|_| AclError::Value)
            };
            Ok(Term::Pattern { of, patterns: values.iter().map(pattern).collect::<Result<_, _>>()? })
        }
        How::Networks | How::Numbers => Err(AclError::Flag),
    }
}

fn client(values: &[String]) -> Result<Term, AclError> {
    let network = |text: &String| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let networks: Option<Vec<_>> = values.iter().map(network).collect();
    let networks = networks.filter(|networks| !networks.is_empty()).ok_or(AclError::Value)?;
    Ok(Term::Client(Networks::new(networks)))
}

/// `lt 25` and the like, a number, or a range such as `0:24`.
fn random(of: u32, words: &[String], salt: u64) -> Result<Term, AclError> {
    let read = |text: &str| number::<u32>(text).ok_or(AclError::Value);
    let (from, to) = match words {
        [operator, value] => {
            let value = read(value)?;
            match operator.as_str() {
                "lt" => (0, value),
                "le" => (0, value.saturating_add(1)),
                "gt" => (value.saturating_add(1), of),
                "ge" => (value, of),
                "eq" => (value, value.saturating_add(1)),
                _ => return Err(AclError::Flag),
            }
        }
        [range] => match range.split_once(':') {
            Some((from, to)) => (read(from)?, read(to)?.saturating_add(1)),
            None => (read(range)?, read(range)?.saturating_add(1)),
        },
        _ => return Err(AclError::Value),
    };
    Ok(Term::Random { of, from, to: to.min(of), salt })
}
