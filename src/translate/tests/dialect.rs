//! Annotations of tests: they do what the tables, the lowering and the index can do and no annotation of the product does yet.

use std::cell::Cell;

use super::builders::name;
use crate::model::{HostPattern, ObjectKind, ObjectName, ObjectRef};
use crate::translate::annotations::{Annotation, Dialect, Draft, Scope, Unlisted, Value, Verdict};

pub(crate) const DIALECT: Dialect = Dialect {
    title: "Of tests",
    prefix: "test.tidegate.dev/",
    others: &[],
    unlisted: Unlisted::Unknown,
    groups: &[&[
        Annotation {
            key: "alias",
            value: Value::Text { values: "hosts, with commas between", read: alias },
            default: "none",
            scopes: &[Scope::Ingress],
            verdict: Verdict::Exact,
            doc: "Adds hosts.",
        },
        Annotation {
            key: "counted",
            value: Value::Boolean(|_, _| READS.set(READS.get() + 1)),
            default: "none",
            scopes: &[Scope::Ingress, Scope::Service],
            verdict: Verdict::Exact,
            doc: "Counts how often it is read.",
        },
        Annotation {
            key: "of-service",
            value: Value::Boolean(|_, _| ()),
            default: "none",
            scopes: &[Scope::Service],
            verdict: Verdict::Exact,
            doc: "Belongs on a Service.",
        },
        Annotation {
            key: "secret",
            value: Value::Text {
                values: "a Secret",
                read: |draft, text, carrier| refer(draft, ObjectKind::Secret, text, carrier),
            },
            default: "none",
            scopes: &[Scope::Ingress],
            verdict: Verdict::Exact,
            doc: "Names a Secret.",
        },
        Annotation {
            key: "service",
            value: Value::Text {
                values: "a Service",
                read: |draft, text, carrier| refer(draft, ObjectKind::Service, text, carrier),
            },
            default: "none",
            scopes: &[Scope::Ingress],
            verdict: Verdict::Exact,
            doc: "Names a Service.",
        },
    ]],
};

thread_local! {
    static READS: Cell<usize> = const { Cell::new(0) };
}

/// How often annotations `counted` were read on this thread.
pub(super) fn reads() -> usize {
    READS.get()
}

fn alias(draft: &mut Draft, text: &str, _: &ObjectName) -> Option<()> {
    let hosts: Option<Vec<_>> = text.split(',').map(|host| HostPattern::parse(host).ok()).collect();
    draft.hosts.extend(hosts?);
    Some(())
}

fn refer(draft: &mut Draft, kind: ObjectKind, text: &str, carrier: &ObjectName) -> Option<()> {
    let name = if text.contains('/') { name(text) } else { ObjectName::new(carrier.namespace.clone(), text) };
    draft.references.push(ObjectRef { kind, name });
    Some(())
}
