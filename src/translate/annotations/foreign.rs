//! Annotations of other controllers that no dialect in force reads. Who moves an Ingress to us must be told so, above all about
//! those that restrict access, and about nothing that happens anyway.

use crate::model::{ObjectRef, Problem, ProblemCode, Severity, closest};
use crate::source::objects::Annotations;
use crate::source::objects::annotations::{CLASS_ANNOTATION, PREFIXES};

use super::super::problems::{on, quoted, some_of};
use super::anyway::{self, Anyway};
use super::dialects::{DialectName, Dialects};
use super::meant::{Meant, meant};
use super::restricting::restricts;
use super::table::Dialect;

/// How annotations of ingress-nginx began before version 0.9, as those of other controllers of that time.
const OLD_PREFIX: &str = "ingress.kubernetes.io/";

/// One finding for those that restrict access, one for all others, one for names that ingress-nginx does not have, and one for each
/// with a misspelt prefix or a key whose meaning is known and that its own controller does not read.
pub(super) fn problems(
    dialects: &Dialects,
    object: &ObjectRef,
    annotations: &Annotations,
    anyway: Option<Anyway>,
) -> impl Iterator<Item = Problem> {
    let foreign = annotations.iter().filter_map(|(key, value)| Some((&**key, short_of(dialects, key)?, &**value)));
    let foreign = foreign.filter(|(key, ..)| of_no_controller(key).is_none());
    let foreign = foreign.filter(|(key, short, value)| !is_said_today(dialects, annotations, (key, short), value));
    let differing = foreign.filter(|(_, short, value)| !anyway.is_some_and(|anyway| anyway.includes(short, value)));
    let (restricting, others): (Vec<_>, Vec<_>) = differing.partition(|(_, short, value)| {
        restricts(short) && !(*short == "router.middlewares" && value.split(',').all(anyway::is_redirect_to_https))
    });
    let (unknown, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(key, ..)| is_unknown(key));
    let drop_values = |all: Vec<(_, _, _)>| all.into_iter().map(|(key, short, _)| (key, short)).collect::<Vec<_>>();
    let (restricting, others, unknown) = (drop_values(restricting), drop_values(others), drop_values(unknown));
    let misspelt = annotations.iter().filter_map(|(key, _)| misspelt(object, key)).collect::<Vec<_>>();
    let restricting = (!restricting.is_empty()).then(|| {
        let message = format!(
            "requests are served without the restrictions that annotations of another controller ask for: {}",
            some_of(&names(&restricting))
        );
        let remedy =
            "Do not serve what needs them through Tidegate, restrict access in the application, then remove them";
        problem(object, Severity::Error, message, remedy.into())
    });
    let others = (!others.is_empty()).then(|| {
        let message = format!("annotations of another controller have no effect: {}", some_of(&names(&others)));
        problem(object, Severity::Warning, message, remedy(&others))
    });
    let unknown = (!unknown.is_empty()).then(|| of_no_name(object, &unknown));
    let meant = annotations.iter().filter_map(|(key, _)| never_read(object, key)).collect::<Vec<_>>();
    restricting.into_iter().chain(others).chain(unknown).chain(misspelt).chain(meant)
}

/// Whether an annotation of old stands beside the one of today that says the same.
fn is_said_today(dialects: &Dialects, annotations: &Annotations, (key, short): (&str, &str), value: &str) -> bool {
    let today = || format!("{}{short}", DialectName::IngressNginx.table().prefix);
    key.starts_with(OLD_PREFIX)
        && annotations.get(&today()).is_some_and(|said| **said == *value)
        && dialects.reads(&today())
}

/// Whether ingress-nginx has no annotation with this key of its prefix.
fn is_unknown(key: &str) -> bool {
    let theirs = DialectName::IngressNginx.table();
    key.strip_prefix(theirs.prefix).is_some_and(|short| theirs.find(short).is_none())
}

/// The finding about names that ingress-nginx does not have, with what the first that is near to one may mean.
fn of_no_name(object: &ObjectRef, unknown: &[(&str, &str)]) -> Problem {
    let theirs = DialectName::IngressNginx.table();
    let message = format!(
        "ingress-nginx has no annotations of these names, so they have no effect there either: {}",
        some_of(&names(unknown))
    );
    let near = unknown
        .iter()
        .find_map(|(key, short)| Some((key, closest(short, theirs.annotations().map(|annotation| annotation.key))?)));
    let remedy = match near {
        Some((key, meant)) => {
            let meant = quoted(&format!("{}{meant}", theirs.prefix));
            format!("Use {meant} if that is what {} means, and remove the others", quoted(key))
        }
        None => "Remove them, or see docs/annotations.md for those that exist".into(),
    };
    on(object, "metadata.annotations", ProblemCode::UnknownAnnotation, Severity::Warning, message, remedy)
}

/// What is meant by a key of ingress-nginx's prefix that it does not have.
fn of_no_controller(key: &str) -> Option<Meant> {
    meant(key.strip_prefix(DialectName::IngressNginx.table().prefix)?)
}

/// The finding about such a key. It has no effect in ingress-nginx either, so nothing is lost.
fn never_read(object: &ObjectRef, key: &str) -> Option<Problem> {
    let Meant { why, instead } = of_no_controller(key)?;
    let field = format!("metadata.annotations[{}]", quoted(key));
    let message = format!("annotation {} has no effect: {why}", quoted(key));
    Some(on(object, field, ProblemCode::UnknownAnnotation, Severity::Warning, message, instead))
}

/// The finding about a key whose prefix is nobody's and looks like a known one.
fn misspelt(object: &ObjectRef, key: &str) -> Option<Problem> {
    let meant = Annotations::meant(key)?;
    let field = format!("metadata.annotations[{}]", quoted(key));
    let message = format!("annotation {} has no effect: its prefix is that of no controller", quoted(key));
    let remedy = format!("Use {} if that is what is meant", quoted(&meant));
    Some(on(object, field, ProblemCode::UnknownAnnotation, Severity::Warning, message, remedy))
}

/// The key without the prefix, if the prefix is that of another controller and no dialect reads the key.
fn short_of<'a>(dialects: &Dialects, key: &'a str) -> Option<&'a str> {
    if key == CLASS_ANNOTATION || dialects.reads(key) {
        return None;
    }
    PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix))
}

fn names(annotations: &[(&str, &str)]) -> Vec<String> {
    annotations.iter().map(|(key, _)| quoted(key)).collect()
}

fn remedy(others: &[(&str, &str)]) -> String {
    let ours: &Dialect = DialectName::Own.table();
    match others.iter().find(|(_, short)| ours.find(short).is_some()) {
        Some((_, short)) => format!("Use {}{short} instead, and remove the others", ours.prefix),
        None => "Remove them, or see docs/annotations.md for those that exist".into(),
    }
}

fn problem(object: &ObjectRef, severity: Severity, message: String, remedy: String) -> Problem {
    on(object, "metadata.annotations", ProblemCode::UnsupportedAnnotation, severity, message, remedy)
}
