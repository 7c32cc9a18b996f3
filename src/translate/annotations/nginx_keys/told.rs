//! What follows from a value that cannot be read.

/// That a value cannot be read, with what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told(pub(super) &'static str);

/// What follows where nothing restricts access.
pub(super) const IGNORED: Told = Told("so it is ignored");
/// What follows where something restricts access.
pub(super) const CLOSES: Told = Told("and nobody knows whom it was to keep out, so all requests are answered with 503");
