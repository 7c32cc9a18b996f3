//! Annotations: the dialects in which authors set what the Ingress API has no field for.
//!
//! A dialect is a prefix and a table with one row for each annotation (`table`). The table is the parser, the documentation
//! and the list that unknown keys are compared with. All dialects write the same `Options`. The annotations of an object are
//! read once, when it arrives; the index keeps what they set beside the object.

mod anyway;
mod document;
mod draft;
mod faults;
mod foreign;
mod native;
mod options;
mod parsed;
mod restricting;
mod suggest;
mod table;

use crate::model::{ObjectName, ObjectRef, Problem};
use crate::source::objects::Annotations;

pub(crate) use anyway::Anyway;
pub use document::document;
pub(crate) use draft::Draft;
pub(crate) use options::Options;
pub(crate) use parsed::Parsed;
pub(crate) use table::Scope;
#[cfg(test)]
pub(crate) use table::{Annotation, Dialect, Value};

use faults::Fault;

/// All dialects that are in force. Tests add rows for what no annotation does yet.
const DIALECTS: &[&table::Dialect] = &[
    &native::DIALECT,
    #[cfg(test)]
    &super::tests::DIALECT,
];

/// Reads the annotations of an object. A value that cannot be read is treated as absent.
pub(crate) fn read(scope: Scope, carrier: &ObjectName, annotations: &Annotations) -> Parsed {
    let (mut draft, mut faults, mut has_any) = (Draft::default(), Vec::new(), false);
    for &dialect in DIALECTS {
        for (key, value) in annotations.with_prefix(dialect.prefix) {
            let short = &key[dialect.prefix.len()..];
            let known = dialect.annotations.iter().find(|annotation| annotation.key == short);
            let fault = match known {
                Some(annotation) if !annotation.scopes.contains(&scope) => {
                    Some(Fault::Misplaced { key: key.clone(), annotation })
                }
                Some(annotation) => {
                    let is_read = annotation.value.read(&mut draft, value, carrier).is_some();
                    (!is_read).then(|| Fault::Invalid { key: key.clone(), value: value.clone(), annotation })
                }
                None => Some(Fault::Unknown { key: key.clone(), dialect }),
            };
            faults.extend(fault);
            has_any = true;
        }
    }
    if has_any { Parsed::new(draft, faults) } else { Parsed::default() }
}

/// Findings about the annotations of an object: those that were made when they were read, and those about other
/// controllers' annotations that ask for something else than what happens anyway.
pub(crate) fn problems(
    object: &ObjectRef,
    annotations: &Annotations,
    parsed: &Parsed,
    anyway: Option<Anyway>,
) -> Vec<Problem> {
    let own = parsed.faults().iter().map(|fault| fault.problem(object));
    own.chain(foreign::problems(object, annotations, anyway)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::objects::annotations::PREFIXES;

    #[test]
    fn no_dialect_lists_a_key_twice() {
        for dialect in DIALECTS {
            let keys: BTreeSet<_> = dialect.annotations.iter().map(|annotation| annotation.key).collect();
            assert_eq!(keys.len(), dialect.annotations.len(), "{}", dialect.prefix);
        }
    }

    #[test]
    fn sources_keep_what_the_dialects_read() {
        assert!(PREFIXES.contains(&native::DIALECT.prefix));
    }
}
