//! The reference of the settings of ingress-nginx, made from the tables.

use std::fmt::Write as _;

use super::setting::Row;
use super::{flags, keys};
use crate::translate::annotations::nginx_key;

const INTRODUCTION: &str = "\
# What the settings of ingress-nginx become

<!-- Generated from src/migrate; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->

What `tidegate migrate` knows of the controller's ConfigMap and flags. Names in `code` are values of Tidegate's Helm chart, or options
of `tidegate serve`, which go into `extraArgs`. A setting that is not served changes nothing as long as it has its default. What is said
here holds with `profile: ingress-nginx`. Annotations stand in [annotations.md](annotations.md).
";

const KEYS: &str = "
## Keys of the ConfigMap

These become values of the chart, or options. [nginx-configmap.md](nginx-configmap.md) says what each other key does: where one of them
has an effect the values follow the ConfigMap itself (`nginxConfigMap`), and then it counts for those below that it can set, too.

| key | default | becomes |
|---|---|---|
";

const FLAGS: &str = "
## Flags

| flag | default | becomes |
|---|---|---|
";

/// The settings of ingress-nginx and what each becomes, as Markdown: `docs/ingress-nginx-settings.md`.
pub fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    text.push_str(KEYS);
    for keys::Row { name, words, set: _ } in keys::ROWS {
        line(&mut text, name, nginx_key(name).map_or("", |key| key.default), words);
    }
    text.push_str(FLAGS);
    for Row { name, default, becomes } in flags::ROWS {
        let dashes = if name.len() == 1 { "-" } else { "--" };
        line(&mut text, &format!("{dashes}{name}"), default, &becomes.in_words());
    }
    text
}

fn line(text: &mut String, name: &str, default: &str, becomes: &str) {
    let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| `{name}` | {default} | {becomes} |");
}
