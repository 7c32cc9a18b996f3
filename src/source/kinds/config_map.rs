//! ConfigMap (core/v1).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use serde::Deserialize;

use super::fields::name_of;
use super::manifest;
use super::row::{Kind, OnMalformed, Watched, saved_as_it_is};
use super::wire::{Meta, Sent, parse};
use crate::model::{ObjectKind, Resource};
use crate::source::objects::{ConfigMap, LARGEST_CONFIG_MAP};

pub(in crate::source) static KIND: Kind = Kind {
    object: ObjectKind::ConfigMap,
    resource: Resource::CONFIG_MAPS,
    outdated: &[],
    renew: None,
    watched: Watched::ConfigMaps,
    field_selector: None,
    label_selector: None,
    // What cannot be read any more may restrict access, so it is no reason to forget what could be read.
    on_malformed: OnMalformed::KeepLast,
    is_optional: true,
    // Values may be meant for an authentication service alone.
    hides_values: true,
    unlisted: "a ConfigMap cannot be read",
    from_api: |text, _| {
        let Wire { metadata, data } = parse(text)?;
        let (version, metadata) = metadata.split();
        Ok(Sent { version, object: convert(core::ConfigMap { metadata, data, ..core::ConfigMap::default() }).into() })
    },
    from_manifest: |value, namespace| manifest::read(value, namespace, convert),
    from_saved: saved_as_it_is::<ConfigMap>,
};

/// The parts that an API server's ConfigMap is read for.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    data: Option<BTreeMap<String, String>>,
}

pub(super) fn convert(object: core::ConfigMap) -> ConfigMap {
    let core::ConfigMap { binary_data: _, data, immutable: _, metadata } = object;
    let data = data.unwrap_or_default();
    let is_too_large = data.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > LARGEST_CONFIG_MAP;
    let kept = data.into_iter().filter(|_| !is_too_large);
    let data = kept.map(|(key, value)| (key.into(), value.into())).collect();
    ConfigMap { name: name_of(&metadata), data, is_too_large }
}
