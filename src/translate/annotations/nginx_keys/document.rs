//! The reference of the keys, made from their table.

use std::fmt::Write;

use super::idle::IDLE;
use super::key::{Key, Meaning};
use super::keys::ACTING;

const INTRODUCTION: &str = "\
# ingress-nginx's ConfigMap

<!-- Generated from src/translate/annotations/nginx_keys; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->

`--nginx-configmap NAMESPACE/NAME` (chart: `nginxConfigMap`) follows the ConfigMap with the settings of ingress-nginx
(`ingress-nginx/ingress-nginx-controller` in its own chart). Its keys become the defaults of all Ingresses, as they are there:

- An annotation of an Ingress wins over the ConfigMap. An option that is given on the command line or in the environment wins over
  the ConfigMap too, which is reported as `OverriddenKey`. The ConfigMap wins over `--profile`, and what it does not set is as the
  profile says: take `--profile ingress-nginx` with it.
- A change counts at once: everything is translated again, and published with one swap. Nothing is restarted.
- It works with `--manifests`, where it is one of the objects, and with `tidegate check` and `tidegate explain`.
- The process follows this one ConfigMap by its name (`get` and `watch`), and those that `add-headers` and `proxy-set-headers` name
  if it may read them (`--config-map-names`). See [rbac.md](rbac.md).

Each finding is a problem of the ConfigMap, as those of Ingresses are: in the log and the metric once, in an Event, in
`/debug/problems` and `tidegate check`. A key that is not known is `UnknownKey`. A key without effect is `UnsupportedKey`, unless its
value asks for what happens anyway; an error where something that was asked for is missing. A value that cannot be read is
`InvalidConfigMap` and is ignored; but one that restricts access (`block-cidrs`, `block-user-agents`, `block-referers`,
`whitelist-source-range`, `denylist-source-range`, `global-auth-url` and what belongs to it, snippets) closes all routes: 503.

A ConfigMap of more than 256 KiB is not read, and closes all routes. So does one that does not exist, or may not be read, when the process
starts: nobody knows whom it was to keep out. One that has gone since, or can be read no more, holds as it was last read for as long as
the process runs. Each is reported as an error. So keep the ConfigMap when you uninstall ingress-nginx, as
[migrate-from-ingress-nginx.md](migrate-from-ingress-nginx.md) shows, or make one of your own.
";

/// The reference of all keys, as Markdown: `docs/nginx-configmap.md`.
pub fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    let mut keys: Vec<&Key> = ACTING.iter().chain(IDLE).collect();
    keys.sort_unstable_by_key(|key| key.key);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\n{} keys are known.\n\n| key | default there | option that wins | what it becomes | verdict |\n|---|---|---|---|---|",
        keys.len()
    );
    for key in keys {
        let becomes = match &key.meaning {
            Meaning::Annotation(annotation) => format!("annotation `{annotation}` of each Ingress without it"),
            Meaning::Global { values, doc, .. } => format!("{doc} Values: {values}."),
            Meaning::Nothing { .. } => "–".into(),
        };
        let option = key.option.map_or_else(|| "–".into(), |option| format!("`{option}`"));
        let verdict = key.verdict().in_words();
        let _ = writeln!(text, "| `{}` | {} | {option} | {becomes} | {verdict} |", key.key, key.default);
    }
    text
}
