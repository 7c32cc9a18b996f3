//! ConfigMaps that annotations name: the fields that they have, and what is wrong with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{
    Captures, EditedAnswers, EditedName, FieldChange, FieldEdit, ObjectName, ProblemCode, Template, TemplateError,
};
use crate::source::objects::{ConfigMap, Objects};

use super::annotations::{CustomHeaders, Options};
use super::input::Input;
use super::problems::quoted;
use super::settings::Settings;

/// Most fields of a ConfigMap.
const MOST: usize = 64;
/// Longest value. Bytes.
const LONGEST: usize = 4096;

/// What is wrong with a ConfigMap, or with naming it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapFault {
    /// The kind of fault.
    pub(crate) code: ProblemCode,
    /// What is wrong, without what follows.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
}

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

/// A field that a ConfigMap has.
pub(crate) fn field(
    map: &ConfigMap,
    key: &str,
    value: &str,
    template: impl Fn(&str) -> Result<Template, TemplateError>,
) -> Result<(EditedName, Template), Box<MapFault>> {
    let name = name_of(map, key)?;
    let value = template(value_of(map, key, value)?).map_err(|error| no_template(map, key, error))?;
    Ok((name, value))
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

/// The ConfigMap of this name, if we may read it.
pub(crate) fn readable<'a>(
    settings: &Settings,
    objects: &'a Objects,
    name: &ObjectName,
) -> Result<&'a ConfigMap, Box<MapFault>> {
    if !settings.config_maps.has(name) {
        let message = format!("ConfigMap {name} is not among those that this installation may read");
        let remedy =
            "Ask its operator to add it to --config-map-names, which is configMaps.names in the chart's values";
        return Err(fault(ProblemCode::ConfigMapNotListed, message, remedy));
    }
    let missing = || {
        let message = format!("ConfigMap {name} does not exist or may not be read");
        fault(ProblemCode::ConfigMapNotFound, message, "Create it, readable for this controller's role")
    };
    objects.config_map(name).map(|map| &**map).ok_or_else(missing)
}

fn name_of(map: &ConfigMap, key: &str) -> Result<EditedName, Box<MapFault>> {
    EditedName::parse(key).ok_or_else(|| {
        let message = format!("ConfigMap {} has the key {}, which is no field that may be set", map.name, quoted(key));
        fault(ProblemCode::InvalidConfigMap, message, "Take the key out")
    })
}

/// White space around it goes, as no field has it.
fn value_of<'a>(map: &ConfigMap, key: &str, value: &'a str) -> Result<&'a str, Box<MapFault>> {
    let value = value.trim_matches([' ', '\t', '\r', '\n']);
    let is_visible = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    if value.len() <= LONGEST && value.bytes().all(is_visible) {
        return Ok(value);
    }
    let message = format!("ConfigMap {} has a value for {} that no field can have", map.name, quoted(key));
    let remedy = "Write up to 4096 visible ASCII characters on one line";
    Err(fault(ProblemCode::InvalidConfigMap, message, remedy))
}

fn no_template(map: &ConfigMap, key: &str, error: TemplateError) -> Box<MapFault> {
    let why = match error {
        TemplateError::Syntax => "has a $ with no name of a variable behind it",
        TemplateError::Unknown => "has a variable that is not known here",
    };
    let message = format!("the value for {} in ConfigMap {} {why}", quoted(key), map.name);
    fault(ProblemCode::InvalidConfigMap, message, "Use one of the variables in docs/annotations.md")
}

fn not_allowed(map: &ConfigMap, key: &str, allowed: &BTreeSet<EditedName>) -> Box<MapFault> {
    let listed: Vec<_> = allowed.iter().map(EditedName::as_str).collect();
    let listed = if listed.is_empty() { "none is".to_owned() } else { format!("allowed are {}", listed.join(", ")) };
    let message = format!("ConfigMap {} sets the field {}, which is not allowed: {listed}", map.name, quoted(key));
    let remedy = "Take the key out, or ask the operator to add it to --allowed-response-headers";
    fault(ProblemCode::InvalidConfigMap, message, remedy)
}

fn fault(code: ProblemCode, message: String, remedy: &str) -> Box<MapFault> {
    Box::new(MapFault { code, message, remedy: remedy.into() })
}
