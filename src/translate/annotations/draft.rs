//! What the annotations of an object set while they are read.

use crate::model::{HostPattern, ObjectRef, ProblemCode, Severity};

use super::choices::Choices;
use super::options::Options;

/// What is set so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Options for the routes of the object.
    pub(crate) options: Options,
    /// Hosts that are added to those that the object's fields name.
    pub(crate) hosts: Vec<HostPattern>,
    /// Objects that are named: when one of them changes, all hosts of the object are translated again.
    pub(crate) references: Vec<ObjectRef>,
    /// What is to be said about the value that is being read.
    pub(crate) remark: Option<Remark>,
    /// What is to be said about all of the value that is being read.
    pub(crate) finding: Option<Box<Finding>>,
    /// What is done with what nothing here can do.
    pub(crate) choices: Choices,
}

/// What comes of a value that is too long to be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What kind of fault it is.
    pub(crate) code: ProblemCode,
    /// Whether what it asks for is left out.
    pub(crate) severity: Severity,
    /// What comes of it.
    pub(crate) message: Box<str>,
    /// What to do about it.
    pub(crate) remedy: Box<str>,
}

/// That a value comes to something else than its author may expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Whether what it asks for is left out.
    pub(crate) severity: Severity,
    /// What kind of fault it is.
    pub(crate) code: ProblemCode,
    /// What it comes to, as what follows the value in a sentence.
    pub(crate) message: &'static str,
    /// What to do about it.
    pub(crate) remedy: &'static str,
}

impl Draft {
    /// Says that the value that is being read comes to something else than what was asked for.
    pub(crate) fn differs(&mut self, message: &'static str, remedy: &'static str) {
        let code = ProblemCode::UnsupportedAnnotation;
        self.remark = Some(Remark { severity: Severity::Warning, code, message, remedy });
    }

    /// Says that the value that is being read sets nothing, and why.
    pub(crate) fn refuses(&mut self, message: &'static str, remedy: &'static str) {
        let code = ProblemCode::UnsupportedAnnotation;
        self.remark = Some(Remark { severity: Severity::Error, code, message, remedy });
    }

    /// Says that the value that is being read cannot be read, and that something else than the default follows.
    pub(crate) fn is_unreadable(&mut self, message: &'static str, remedy: &'static str) {
        let code = ProblemCode::InvalidAnnotation;
        self.remark = Some(Remark { severity: Severity::Error, code, message, remedy });
    }

    /// Says what comes of all of the value that is being read.
    pub(crate) fn finds(&mut self, severity: Severity, message: Box<str>, remedy: Box<str>) {
        let code = ProblemCode::UnsupportedAnnotation;
        self.finding = Some(Box::new(Finding { code, severity, message, remedy }));
    }

    /// Says what of the value that is being read cannot be read. The rest counts.
    pub(crate) fn cannot_read(&mut self, message: Box<str>, remedy: Box<str>) {
        let (code, severity) = (ProblemCode::InvalidAnnotation, Severity::Error);
        self.finding = Some(Box::new(Finding { code, severity, message, remedy }));
    }

    /// Takes over what another draft sets and this one does not. Returns whether both set the same thing differently: then
    /// this one stays as it is there.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { options, hosts, references, remark: _, finding: _, choices: _ } = other;
        self.hosts.extend(hosts);
        self.references.extend(references);
        self.options.absorb(options)
    }
}
