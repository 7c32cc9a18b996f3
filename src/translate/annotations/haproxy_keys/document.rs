//! The reference of the keys, made from their tables.

use std::fmt::Write;

use super::super::haproxy::DIALECT;
use super::keys::{ACTING, IDLE, NOT_FOR_ALL, Then};
use super::option_of;

const INTRODUCTION: &str = "\
# The ConfigMap of haproxytech's kubernetes-ingress

<!-- Generated from src/translate/annotations/haproxy_keys; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->

`--haproxy-configmap NAMESPACE/NAME` (chart: `haproxyConfigMap`) follows the ConfigMap of haproxytech's controller (its `--configmap`). Its
keys become the defaults of all Ingresses, as they are there:

- An annotation of an Ingress wins over the ConfigMap, and one of a Service over both. An option that is given on the command line or in
  the environment wins over the ConfigMap too, which is reported as `OverriddenKey`.
- A change counts at once: everything is translated again, and published with one swap. Nothing is restarted.
- It works with `--manifests`, where it is one of the objects, and with `tidegate check` and `tidegate explain`.
- It is one or the other: `--nginx-configmap` cannot be given beside it.

Each finding is a problem of the ConfigMap: in the log and the metric once, in an Event, in `/debug/problems` and `tidegate check`. A key
that is not known is `UnknownKey`. A key of the whole process is `UnsupportedKey`, with the option that does it. A value that cannot be
read is `InvalidConfigMap` and is ignored; but one that restricts access (`allow-list`, `deny-list`, `rate-limit-requests`, `auth-type`,
`client-ca`, snippets with `deny` and the like) closes routes: 503.

A ConfigMap of more than 256 KiB is not read, and closes all routes. So does one that does not exist, or may not be read, when the process
starts: nobody knows whom it was to keep out. One that has gone since, or can be read no more, holds as it was last read for as long as
the process runs.

| key | option that wins | what it becomes | verdict |
|---|---|---|---|
";

/// The reference of all keys, as Markdown: `docs/haproxy-configmap.md`.
pub fn document() -> String {
    let mut lines = Vec::new();
    for row in DIALECT.annotations().filter(|row| !NOT_FOR_ALL.contains(&row.key)) {
        let becomes = format!("annotation `haproxy.org/{}` of each Ingress without it", row.key);
        lines.push((row.key, becomes, row.verdict.in_words()));
    }
    lines.extend(ACTING.iter().map(|row| (row.key, row.doc.to_owned(), row.verdict.in_words())));
    lines.extend(IDLE.iter().map(|idle| {
        let verdict = match idle.then {
            Then::Needless(why) => format!("no effect: {why}"),
            Then::Refused { why, instead } => format!("refused: {why}; {instead}"),
            Then::Closes { why, instead } => format!("refused, nobody is served (503): {why}; {instead}"),
            Then::ClosesIfRestricting { why, instead } => {
                format!("refused, and nobody is served (503) where it may restrict access: {why}; {instead}")
            }
        };
        (idle.key, "–".to_owned(), verdict)
    }));
    lines.sort_unstable();
    let mut text = String::from(INTRODUCTION);
    for (key, becomes, verdict) in lines {
        let option = option_of(key).map_or_else(|| "–".into(), |option| format!("`{option}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{key}` | {option} | {becomes} | {verdict} |");
    }
    text
}
