//! From the annotations of an object to what they set, and to what is wrong with them.

use std::sync::Arc;

use crate::model::ObjectName;
use crate::source::objects::Annotations;

use super::dialects::{Dialects, Entry};
use super::draft::Draft;
use super::faults::Fault;
use super::parsed::Parsed;
use super::table::{Annotation, Scope, Verdict};

/// Reads the annotations of an object in the dialects that are in force. A value that cannot be read is treated as absent.
pub(crate) fn read(dialects: &Dialects, scope: Scope, carrier: &ObjectName, annotations: &Annotations) -> Parsed {
    let (mut draft, mut faults, mut has_any) = (Draft::default(), Vec::new(), false);
    for entry in dialects.entries(annotations) {
        has_any = true;
        let Entry { dialect, key, value, annotation } = entry;
        let Some(annotation) = annotation else {
            faults.push(Fault::Unknown { key: key.clone(), dialect });
            continue;
        };
        if !annotation.scopes.contains(&scope) {
            faults.push(Fault::Misplaced { key: key.clone(), annotation });
            continue;
        }
        if let Verdict::Refused { why, instead } = annotation.verdict {
            faults.push(Fault::Refused { key: key.clone(), why, instead });
            // One that may restrict access sets that nobody is served.
            set_by(dialects, annotation, value, carrier).map(|set| draft.absorb(set));
            continue;
        }
        let Some(mut set) = set_by(dialects, annotation, value, carrier) else {
            faults.push(Fault::Invalid { key: key.clone(), value: value.clone(), annotation });
            continue;
        };
        let remark = set.remark;
        faults.extend(set.finding.take().map(|finding| Fault::Found { key: key.clone(), finding }));
        if draft.absorb(set) {
            let by = winner(dialects, scope, carrier, annotations, (annotation, key, value));
            faults.extend(by.map(|by| Fault::Overridden { key: key.clone(), by }));
        } else if let Some(remark) = remark {
            faults.push(Fault::Remarked { key: key.clone(), value: value.clone(), remark });
        }
    }
    // They come behind what the Ingress says, and that is asked behind a Service.
    match dialects.defaults().filter(|_| scope == Scope::Ingress) {
        Some(defaults) if !has_any => return defaults.shared(),
        Some(defaults) => defaults.fill(&mut draft, carrier),
        None => {}
    }
    if has_any { Parsed::new(draft, faults) } else { Parsed::default() }
}

/// What one annotation sets.
fn set_by(dialects: &Dialects, annotation: &Annotation, value: &str, carrier: &ObjectName) -> Option<Draft> {
    let mut draft = Draft { choices: dialects.choices(), ..Draft::default() };
    annotation.value.read(&mut draft, value, carrier)?;
    Some(draft)
}

/// The key of the first annotation that sets something else than `loser`, which comes behind it. It is asked for only where
/// there is one, so that nothing need be kept for it.
fn winner(
    dialects: &Dialects,
    scope: Scope,
    carrier: &ObjectName,
    annotations: &Annotations,
    loser: (&Annotation, &Arc<str>, &str),
) -> Option<Arc<str>> {
    let (annotation, key, value) = loser;
    let mut before = dialects.entries(annotations).take_while(|entry| !Arc::ptr_eq(entry.key, key));
    let wins = |entry: &Entry<'_>| {
        let row = entry.annotation.filter(|row| row.scopes.contains(&scope));
        let first = row.and_then(|row| set_by(dialects, row, entry.value, carrier));
        first.zip(set_by(dialects, annotation, value, carrier)).is_some_and(|(mut first, loser)| first.absorb(loser))
    };
    before.find(wins).map(|entry| entry.key.clone())
}
