//! The form of an object in the file of saved objects: the plain view by the names of its fields, and a Secret with its key
//! as DER.

use std::io::Write;

use serde::de::DeserializeOwned;

use super::secret::SavedSecret;
use crate::source::objects::Object;

/// Writes an object as JSON on one line.
pub(in crate::source) fn write(object: &Object, out: impl Write) -> serde_json::Result<()> {
    match object {
        Object::Ingress(object) => serde_json::to_writer(out, object),
        Object::IngressClass(object) => serde_json::to_writer(out, object),
        Object::Service(object) => serde_json::to_writer(out, object),
        Object::EndpointSlice(object) => serde_json::to_writer(out, object),
        Object::Secret(object) => serde_json::to_writer(out, &SavedSecret::new(object)),
    }
}

/// Reads an object of a kind that is saved as it is.
pub(super) fn read<T: DeserializeOwned + Into<Object>>(json: &[u8]) -> Option<Object> {
    serde_json::from_slice::<T>(json).ok().map(Into::into)
}
