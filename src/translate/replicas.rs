//! From the EndpointSlices of `--self-service` to the replicas of this installation.

use crate::model::{ObjectName, Replica, Replicas};
use crate::source::objects::{EndpointSlice, Objects};

/// The replicas that take requests now.
pub(crate) fn replicas(objects: &Objects, service: &ObjectName) -> Replicas {
    let ready = objects.slices_of(service).flat_map(|slice| {
        let ready = slice.endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.is_ready);
        ready.map(|(place, endpoint)| Replica {
            pod: slice.pods.get(place).cloned().unwrap_or_default(),
            address: endpoint.address.to_canonical(),
        })
    });
    Replicas::new(ready.collect())
}

/// Whether a slice is one of this Service.
pub(crate) fn is_of(slice: &EndpointSlice, service: &ObjectName) -> bool {
    slice.name.namespace == service.namespace && slice.service.as_deref() == Some(&*service.name)
}
