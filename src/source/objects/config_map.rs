//! The plain view of a ConfigMap.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::ObjectName;

/// A ConfigMap (core/v1). Only those are read that annotations or options name; what its values mean depends on who names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigMap {
    /// Namespace and name.
    pub name: ObjectName,
    /// Keys and values. Binary values are left out: nothing here has any.
    pub data: BTreeMap<Arc<str>, Arc<str>>,
    /// Whether it has more than [`LARGEST`] bytes, so that none of it is kept: authors can name many.
    #[serde(default)]
    pub is_too_large: bool,
}

/// Most bytes of keys and values.
pub const LARGEST: usize = 256 * 1024;
