//! Keys that replicas share in the file of saved objects: names with the bytes, or why there are none.

use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};

use crate::model::{SharedKeys, SharedKeysFault};

/// The outcome of reading a Secret, by name.
#[derive(Serialize, Deserialize)]
pub(super) enum SavedKeys {
    Keys(Vec<(Box<str>, ByteString)>),
    Empty,
    TooMany(usize),
    TooShort(Box<str>, usize),
    TooLong(Box<str>, usize),
}

impl SavedKeys {
    pub(super) fn new(shared: &Result<SharedKeys, SharedKeysFault>) -> Self {
        match shared {
            Ok(keys) => {
                Self::Keys(keys.entries().map(|(name, bytes)| (name.into(), ByteString(bytes.to_vec()))).collect())
            }
            Err(SharedKeysFault::Empty) => Self::Empty,
            Err(SharedKeysFault::TooMany(count)) => Self::TooMany(*count),
            Err(SharedKeysFault::TooShort(name, length)) => Self::TooShort(name.clone(), *length),
            Err(SharedKeysFault::TooLong(name, length)) => Self::TooLong(name.clone(), *length),
        }
    }

    pub(super) fn into_shared(self) -> Result<SharedKeys, SharedKeysFault> {
        match self {
            Self::Keys(keys) => SharedKeys::parse(keys.iter().map(|(name, bytes)| (&**name, &bytes.0[..]))),
            Self::Empty => Err(SharedKeysFault::Empty),
            Self::TooMany(count) => Err(SharedKeysFault::TooMany(count)),
            Self::TooShort(name, length) => Err(SharedKeysFault::TooShort(name, length)),
            Self::TooLong(name, length) => Err(SharedKeysFault::TooLong(name, length)),
        }
    }
}
