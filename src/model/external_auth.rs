//! Whom a route asks whether it may serve a request, as data. The asking is the proxy's.

use std::sync::Arc;
use std::time::Duration;

use super::field_edits::EditedName;
use super::networks::Excused;
use super::template::Template;
use super::upstream::UpstreamSpec;
use super::users::Users;

/// External authentication (annotation `auth-url`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExternalAuth {
    /// It is not known whom to ask, or what: nobody is served (503).
    Unusable,
    /// This service is asked.
    Service(Box<AuthService>),
}

impl ExternalAuth {
    /// Whether it matters which address a client has.
    pub fn looks_at_client(&self) -> bool {
        match self {
            Self::Service(service) => service.excused.is_some() || service.passwords.is_some(),
            Self::Unusable => false,
        }
    }
}

/// A service that says whether a request is served.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthService {
    /// Where it is.
    pub upstream: Arc<UpstreamSpec>,
    /// The `Host` that it gets.
    pub host: Box<str>,
    /// Path and query.
    pub target: Template,
    /// The method that it gets; `None`: GET.
    pub method: Option<Box<str>>,
    /// Where clients are sent that it does not know.
    pub sign_in: Option<SignIn>,
    /// Fields of its answer that pods get in place of those that clients send. Names in lower case.
    pub copied: Box<[Box<str>]>,
    /// What it gets as `X-Auth-Request-Redirect`; `None`: the path and the query of the request.
    pub redirect: Option<Template>,
    /// Fields that it gets besides, in place of those that clients send under these names (annotation `auth-proxy-set-headers`).
    pub sent: Box<[(EditedName, Template)]>,
    /// Which of its answers are remembered.
    pub memory: Option<AuthMemoryRule>,
    /// Which answers to clients carry the cookies that it sets.
    pub cookies: AuthCookiesOn,
    /// Clients with these addresses are served without a question; `None`: there are none (annotation `satisfy`).
    pub excused: Option<Excused>,
    /// Clients with one of these passwords are served without a question; `None`: there are none (annotation `satisfy`).
    pub passwords: Option<EnoughPassword>,
}

/// Who is served by a password, where the consent of a service is another way in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnoughPassword {
    /// What clients are told that the password is for. Without control characters.
    pub realm: Arc<str>,
    /// The users.
    pub users: Arc<Users>,
}

/// Where clients sign in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignIn {
    /// The URL.
    pub url: Template,
    /// The parameter of its query that says where to come back to; `None`: the URL says that itself.
    pub parameter: Option<Box<str>>,
}

/// Which answers are remembered, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthMemoryRule {
    /// Requests for which this comes to the same get the same answer.
    pub key: Template,
    /// The first that fits counts. An answer that none fits is not remembered.
    pub lives: Box<[AnswerLife]>,
}

/// How long answers with a status are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnswerLife {
    /// The status; `None`: any.
    pub status: Option<u16>,
    /// For how long.
    pub time: Duration,
}

/// Which answers to clients carry the cookies of an authentication service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthCookiesOn {
    /// Those that tell of success, and redirects.
    Success,
    /// All.
    Everything,
}

impl ExternalAuth {
    /// Its templates.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let service = match self {
            Self::Unusable => None,
            Self::Service(service) => Some(service),
        };
        service.into_iter().flat_map(|service| {
            let AuthService { target, sign_in, redirect, sent, memory, .. } = &**service;
            let sent = sent.iter().map(|(_, value)| value);
            let sign_in = sign_in.iter().map(|sign_in| &sign_in.url);
            sign_in.chain([target]).chain(redirect).chain(sent).chain(memory.iter().map(|memory| &memory.key))
        })
    }
}

impl AuthMemoryRule {
    /// How long an answer with this status is remembered; `None`: it is not.
    pub fn life(&self, status: u16) -> Option<Duration> {
        let fits = |life: &&AnswerLife| life.status.is_none_or(|of| of == status);
        self.lives.iter().find(fits).map(|life| life.time).filter(|time| !time.is_zero())
    }
}
