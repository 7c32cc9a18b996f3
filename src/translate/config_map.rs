//! ConfigMaps with fields for heads: who may read them, and what is wrong with single fields.

use crate::model::{EditedName, ObjectName, ProblemCode, Template, TemplateError};
use crate::source::objects::{ConfigMap, LARGEST_CONFIG_MAP, Objects};

use super::problems::quoted;
use super::settings::Settings;

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
    let map = objects.config_map(name).ok_or_else(missing)?;
    if map.is_too_large {
        let message = format!("ConfigMap {name} has more than {LARGEST_CONFIG_MAP} bytes, so none of it is read");
        return Err(fault(ProblemCode::InvalidConfigMap, message, "Take out what no header field is"));
    }
    Ok(map)
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

pub(crate) fn fault(code: ProblemCode, message: String, remedy: &str) -> Box<MapFault> {
    Box::new(MapFault { code, message, remedy: remedy.into() })
}
