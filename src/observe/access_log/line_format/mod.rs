//! Lines as an operator writes them: text with variables of nginx (`log_format`), read once at the start.

mod variable;
mod write;

use std::fmt;
use std::sync::Arc;

use super::details::Details;
use super::entry::Entry;
use crate::model::Variable;
use crate::observe::clock::Clock;
use variable::Own;

/// Longest text of a format, without its variables. Bytes.
const TEXT_LIMIT: usize = 4096;

/// Most variables of a format.
const VARIABLES_LIMIT: usize = 128;

/// What all values together may take that are not of a bounded length by themselves. Bytes as written.
const VALUES_ROOM: usize = 4096;

/// What one of them may take. Bytes as written.
const LONGEST: usize = 1280;

/// What ingress-nginx logs where nothing else is asked for (`log-format-upstream`).
const INGRESS_NGINX: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "#,
    r#"$request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr "#,
    r#"$upstream_response_length $upstream_response_time $upstream_status $req_id"#,
);

/// A format for lines. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct LineFormat {
    pieces: Arc<[Piece]>,
    escape: LineEscape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// What the request has.
    Request(Variable),
    /// What became of it.
    Own(Own),
}

/// How values are written (nginx `log_format … escape=`). None of the three lets a value end its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEscape {
    /// Quotes, backslashes and what is not printable ASCII as `\xNN`. What there is not is `-`.
    #[default]
    Default,
    /// As the inside of a JSON string. What there is not is empty.
    Json,
    /// As it is, but for control characters, which are `\xNN`. What there is not is empty.
    None,
}

/// Why a text is no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFormatError {
    /// A dollar sign stands before something that is no name.
    #[error("a dollar sign is followed by no name of a variable: {0:?}")]
    Syntax(String),
    /// A name that no variable has.
    #[error("the variable ${name} is not known{}", meant(*close))]
    Unknown {
        /// The name.
        name: String,
        /// A known one that it is close to.
        close: Option<&'static str>,
    },
    /// Text that a line cannot hold.
    #[error("a character that controls terminals stands in it")]
    Control,
    /// More text than a line may have.
    #[error("its text is longer than {TEXT_LIMIT} bytes")]
    TooLong,
    /// More variables than a line may have.
    #[error("it has more than {VARIABLES_LIMIT} variables")]
    TooMany,
}

fn meant(close: Option<&str>) -> String {
    close
        .map_or_else(|| "; docs/access-log.md has those that are".to_owned(), |name| format!("; did you mean ${name}?"))
}

impl LineFormat {
    /// Reads a format, or takes that of ingress-nginx by the name `ingress-nginx`. Line breaks in its text become blanks.
    pub fn parse(text: &str) -> Result<Self, LineFormatError> {
        let text = if text == "ingress-nginx" { INGRESS_NGINX } else { text };
        let (mut pieces, mut bytes, mut variables) = (Vec::new(), 0, 0);
        let mut rest = text;
        loop {
            let (plain, behind) = rest.split_at(rest.find('$').unwrap_or(rest.len()));
            let plain = without_breaks(plain)?;
            bytes += plain.len();
            if !plain.is_empty() {
                pieces.push(Piece::Text(plain.into()));
            }
            if behind.is_empty() {
                break;
            }
            let (name, after) = Variable::name(&behind[1..])
                .ok_or_else(|| LineFormatError::Syntax(behind.chars().take(20).collect()))?;
            variables += 1;
            pieces.push(variable::named(name).ok_or_else(|| unknown(name))?);
            rest = after;
        }
        match (bytes > TEXT_LIMIT, variables > VARIABLES_LIMIT) {
            (true, _) => Err(LineFormatError::TooLong),
            (false, true) => Err(LineFormatError::TooMany),
            (false, false) => Ok(Self { pieces: pieces.into(), escape: LineEscape::Default }),
        }
    }

    /// A line by itself.
    pub fn line(&self, entry: &Entry<'_>, details: &dyn Details) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, &mut Clock::new(), entry, details);
        out
    }

    /// The same with values written in another way.
    #[must_use]
    pub fn escaped(self, escape: LineEscape) -> Self {
        Self { escape, ..self }
    }
}

/// As an operator may write it.
impl fmt::Debug for LineFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&*self.pieces).finish()
    }
}

fn unknown(name: &str) -> LineFormatError {
    let close = crate::model::closest(name, variable::names());
    LineFormatError::Unknown { name: name.chars().take(64).collect(), close }
}

/// A text of one line. Files of values break long formats into several.
fn without_breaks(text: &str) -> Result<String, LineFormatError> {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' if line.ends_with(' ') => {}
            '\n' | '\r' => line.push(' '),
            c if c.is_control() && c != '\t' => return Err(LineFormatError::Control),
            c => line.push(c),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests;
