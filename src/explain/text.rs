//! Explanations as text for people and as JSON for programs.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{Explanation, Facts, Outcome, Subject};

/// Width of the first column, characters.
const INDENT: usize = 11;

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Host => "host",
            Self::Path => "path",
            Self::Rule => "rule",
            Self::Upstream => "upstream",
            Self::Answer => "answer",
            Self::NotTaken => "not taken",
            Self::Tls => "tls",
            Self::Problems => "problems",
        }
    }

    fn as_key(self) -> &'static str {
        match self {
            Self::NotTaken => "notTaken",
            Self::Request
            | Self::Host
            | Self::Path
            | Self::Rule
            | Self::Upstream
            | Self::Answer
            | Self::Tls
            | Self::Problems => self.as_str(),
        }
    }
}

impl Outcome {
    /// Lower-case name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Redirected => "redirected",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (subject, lines) in &self.sections {
            for (at, line) in lines.iter().enumerate() {
                let title = if at == 0 { subject.as_str() } else { "" };
                write!(f, "{title:<INDENT$}")?;
                // Authors choose what is in objects. It must not break lines or control a terminal.
                let safe = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
                writeln!(f, "{}", line.chars().map(safe).collect::<String>())?;
            }
        }
        Ok(())
    }
}

impl Explanation {
    /// One JSON object: the outcome, the names, the lines by subject, and the whole text.
    pub fn to_json(&self) -> String {
        let Self { outcome, status, facts, sections } = self;
        let Facts { host, origin, field, service, port, endpoints, secret } = facts;
        let text = |name: &Option<_>| name.as_ref().map(ToString::to_string);
        let said: Map<String, Value> =
            sections.iter().map(|(subject, lines)| (subject.as_key().to_owned(), json!(lines))).collect();
        let view = json!({
            "served": self.is_served(),
            "outcome": outcome.as_str(),
            "status": status,
            "host": host.as_ref().map(ToString::to_string),
            "ingress": origin.as_ref().map(ToString::to_string),
            "field": field,
            "service": text(service),
            "port": port,
            "endpoints": endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "secret": text(secret),
            "said": said,
            "text": self.to_string(),
        });
        format!("{view:#}\n")
    }
}
