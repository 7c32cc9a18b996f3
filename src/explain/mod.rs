//! `tidegate explain`: what would become of a request, and why everything that comes close would not take it.
//!
//! The functions that decide requests decide here too (`http1`, `routing`, `filter`, `translate::endpoints`); the words
//! around their decisions come from the objects. Nothing here changes anything or opens sockets, and nothing here knows
//! who asks: the command line with a directory of manifests, or the admin server with the objects of the controller and
//! the table that serves.

mod answer;
mod backing;
mod certificate;
mod clients;
mod near;
mod outside;
mod question;
mod stream;
mod text;

use std::net::SocketAddr;

use crate::model::{HostPattern, ObjectName, Origin, Problem};
use crate::routing::RouteTable;
use crate::translate::Input;

pub use answer::explain;
pub use question::{Question, QuestionError};
pub use stream::{StreamQuestion, explain_stream};

/// How many items of a kind are shown. Of the others only the number is.
const SHOWN: usize = 10;

/// What explanations are made from: objects, and the table that was made from them.
pub struct View<'a, T> {
    /// The objects, with the settings.
    pub input: &'a Input,
    /// The table that decides.
    pub table: &'a RouteTable<T>,
    /// The endpoints that serve a target of the table; `None` where nothing runs.
    pub living: &'a dyn Fn(&T) -> Option<Vec<LivingEndpoint>>,
    /// Findings of the source of the objects.
    pub source_problems: &'a [Problem],
    /// The port by which clients reach https. Redirects name it.
    pub https_port: u16,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// What would become of a request.
    Request(Question),
    /// What would become of a connection or datagram to a port of streams.
    Stream(StreamQuestion),
}

impl Query {
    /// Reads a URL, and headers in the form `Name: value`.
    pub fn parse(url: &str, headers: &[String]) -> Result<Self, QuestionError> {
        match StreamQuestion::parse(url) {
            Some(question) => question.map(Self::Stream),
            None => Question::parse(url, headers).map(Self::Request),
        }
    }

    /// The explanation.
    pub fn explain<T>(&self, view: &View<'_, T>) -> Explanation {
        match self {
            Self::Request(question) => explain(question, view),
            Self::Stream(question) => explain_stream(question, view),
        }
    }
}

/// An endpoint that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivingEndpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Requests that it has not answered yet.
    pub in_flight: usize,
    /// Whether connections to it failed recently.
    pub is_suspect: bool,
    /// Whether it is left out because it fails too often.
    pub is_ejected: bool,
    /// What its last check came to, where that says that it is down.
    pub down: Option<&'static str>,
}

/// What would become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A pod answers.
    Forwarded,
    /// We answer with a redirect, as configured.
    Redirected,
    /// We answer with an error.
    Refused,
}

/// An explanation.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What would become of the request.
    pub outcome: Outcome,
    /// The status of our own answer; `None` where a pod answers.
    pub status: Option<u16>,
    /// The names that stand in it, for programs.
    pub facts: Facts,
    /// What is said, by subject.
    sections: Vec<(Subject, Vec<String>)>,
}

/// Names that stand in an explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The pattern whose rules apply.
    pub host: Option<HostPattern>,
    /// Where the route comes from.
    pub origin: Option<Origin>,
    /// The field of the object that the route comes from.
    pub field: Option<String>,
    /// The Service.
    pub service: Option<ObjectName>,
    /// Its port, by number or name as the Ingress has it.
    pub port: Option<String>,
    /// The endpoints requests are sent to.
    pub endpoints: Vec<SocketAddr>,
    /// The Secret of the certificate.
    pub secret: Option<ObjectName>,
}

/// What a section is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Request,
    Host,
    Path,
    Rule,
    Upstream,
    Answer,
    NotTaken,
    Tls,
    Problems,
}

impl Explanation {
    /// Whether the request is served, by a pod or by a redirect.
    pub fn is_served(&self) -> bool {
        match self.outcome {
            Outcome::Forwarded | Outcome::Redirected => true,
            Outcome::Refused => false,
        }
    }

    /// Adds the lines of a subject. Without lines there is no section.
    fn say(&mut self, subject: Subject, lines: impl IntoIterator<Item = String>) {
        let lines: Vec<_> = lines.into_iter().collect();
        if !lines.is_empty() {
            self.sections.push((subject, lines));
        }
    }
}

/// The first lines, and how many more there are.
fn shown(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(SHOWN);
    if more > 1 {
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more"));
    }
    lines
}

/// The origin of a route in words.
fn named(origin: &Origin) -> String {
    origin.object().map_or_else(|| "--default-backend".into(), |object| object.to_string())
}
