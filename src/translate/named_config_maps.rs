//! ConfigMaps that annotations name: the fields that they have, and what is wrong with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{Captures, EditedAnswers, EditedName, FieldChange, FieldEdit, ObjectName, ProblemCode, Template};
use crate::source::objects::ConfigMap;

use super::annotations::{CustomHeaders, Options};
use super::config_map::{MapFault, fault, field, readable};
use super::input::Input;
use super::problems::quoted;

/// Most fields of a ConfigMap.
const MOST: usize = 64;

/// Why nobody is served: a finding, or one that was told with the annotation.
type Closed = Option<Box<MapFault>>;

/// The fields for answers that the ConfigMap of the annotation `custom-headers` has; none where there is no such annotation.
pub(crate) fn custom_headers(input: &Input, options: &Options, namespace: &Arc<str>) -> Result<Vec<FieldEdit>, Closed> {
    let named = options.rare().and_then(|rare| rare.edits.custom_headers());
    let name = match named {
        None => return Ok(Vec::new()),
        Some(CustomHeaders::Unusable) => return Err(None),
        Some(CustomHeaders::Named(name)) => name,
    };
    let map = find(input, namespace, name)?;
    let allowed = &input.settings().allowed_response_headers;
    let edit = |(key, value): (&Arc<str>, &Arc<str>)| {
        let (name, value) = field(map, key, value, |text| Ok(Template::plain(text)))?;
        if !allowed.contains(&name) {
            return Err(not_allowed(map, key, allowed));
        }
        Ok(FieldEdit { name, change: FieldChange::Set(value), answers: EditedAnswers::All })
    };
    each(map, edit)
}

/// The fields for a service that is asked, of the ConfigMap that the annotation `auth-proxy-set-headers` names.
pub(crate) fn sent(
    input: &Input,
    options: &Options,
    namespace: &Arc<str>,
) -> Result<Box<[(EditedName, Template)]>, Closed> {
    let auth = options.rare().map(|rare| &rare.external_auth).filter(|auth| auth.asked().is_some());
    let Some(name) = auth.and_then(|auth| auth.sent.as_ref()) else { return Ok(Box::default()) };
    let map = find(input, namespace, name)?;
    let of_text = |text: &str| Template::parse(text, Captures::Refused);
    Ok(each(map, |(key, value)| field(map, key, value, of_text))?.into())
}

fn each<T>(
    map: &ConfigMap,
    read: impl Fn((&Arc<str>, &Arc<str>)) -> Result<T, Box<MapFault>>,
) -> Result<Vec<T>, Closed> {
    if map.data.len() > MOST {
        let message = format!("ConfigMap {} has more than {MOST} fields", map.name);
        return Err(Some(fault(ProblemCode::InvalidConfigMap, message, "Leave some of them out")));
    }
    map.data.iter().map(read).collect::<Result<_, _>>().map_err(Some)
}

/// The ConfigMap of this name, as an object of this namespace names it.
fn find<'a>(input: &'a Input, namespace: &Arc<str>, name: &ObjectName) -> Result<&'a ConfigMap, Closed> {
    if !input.may_name(namespace, name) {
        let message = format!("ConfigMap {name} is one of another namespace, which is not read");
        let remedy =
            "Copy it into the namespace of the Ingress, or ask the operator for --config-maps-across-namespaces";
        return Err(Some(fault(ProblemCode::ConfigMapNotListed, message, remedy)));
    }
    readable(input.settings(), input.objects(), name).map_err(Some)
}

fn not_allowed(map: &ConfigMap, key: &str, allowed: &BTreeSet<EditedName>) -> Box<MapFault> {
    let listed: Vec<_> = allowed.iter().map(EditedName::as_str).collect();
    let listed = if listed.is_empty() { "none is".to_owned() } else { format!("allowed are {}", listed.join(", ")) };
    let message = format!("ConfigMap {} sets the field {}, which is not allowed: {listed}", map.name, quoted(key));
    let remedy = "Take the key out, or ask the operator to add it to --allowed-response-headers";
    fault(ProblemCode::InvalidConfigMap, message, remedy)
}
