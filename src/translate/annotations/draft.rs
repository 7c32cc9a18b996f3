//! What the annotations of an object set while they are read.

use crate::model::{HostPattern, ObjectRef};

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
}
