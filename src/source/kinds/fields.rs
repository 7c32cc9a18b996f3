//! Fields that several kinds have.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::words::word;
use crate::model::ObjectName;
use crate::source::objects::Annotations;

pub(super) fn name_of(metadata: &ObjectMeta) -> ObjectName {
    let text = |text: &Option<String>| word(text.as_deref().unwrap_or_default());
    ObjectName::new(text(&metadata.namespace), text(&metadata.name))
}

pub(super) fn created(metadata: &ObjectMeta) -> i64 {
    metadata.creation_timestamp.as_ref().map_or(i64::MAX, |time| time.0.as_second())
}

/// The annotations that can matter to us.
pub(super) fn annotations(all: Option<BTreeMap<String, String>>, keeps: fn(&str) -> bool) -> Annotations {
    let kept = all.into_iter().flatten().filter(|(key, _)| keeps(key));
    kept.map(|(key, value)| (word(&key), word(&value))).collect()
}

pub(super) fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol.is_empty() || protocol == "TCP")
}

pub(super) fn is_udp(protocol: Option<&str>) -> bool {
    protocol == Some("UDP")
}

pub(super) fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

pub(super) fn each<A, B>(list: Option<Vec<A>>, convert: impl FnMut(A) -> B) -> Box<[B]> {
    list.into_iter().flatten().map(convert).collect()
}
