//! The reference of the settings of ingress-nginx, made from the tables.

use std::fmt::Write as _;

use super::setting::{Becomes, Row};
use super::{flags, keys};
use crate::translate::annotations::nginx_key_acts;

/// What becomes of a key that no value of the chart can say.
const FOLLOWED: &str = "`nginxConfigMap`: the ConfigMap is followed ([nginx-configmap.md](nginx-configmap.md))";

const INTRODUCTION: &str = "\
# What the settings of ingress-nginx become

<!-- Generated from src/migrate; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->

What `tidegate migrate` knows of the controller's ConfigMap and flags. Names in `code` are values of Tidegate's Helm chart, or options
of `tidegate serve`, which go into `extraArgs`. A setting that is not served changes nothing as long as it has its default. What is said
here holds with `profile: ingress-nginx`. Annotations stand in [annotations.md](annotations.md).
";

/// The settings of ingress-nginx and what each becomes, as Markdown: `docs/ingress-nginx-settings.md`.
pub fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    table(&mut text, "Keys of the ConfigMap", "key", "", keys::ROWS);
    table(&mut text, "Flags", "flag", "--", flags::ROWS);
    text
}

fn table(text: &mut String, title: &str, column: &str, dashes: &str, rows: &[Row]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n## {title}\n\n| {column} | default | becomes |\n|---|---|---|");
    for Row { name, default, becomes } in rows {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let dashes = if name.len() == 1 { "-" } else { dashes };
        let acts = matches!(becomes, Becomes::NotServed(_)) && dashes.is_empty() && nginx_key_acts(name);
        let becomes = if acts { FOLLOWED.to_owned() } else { becomes.in_words() };
        let _ = writeln!(text, "| `{dashes}{name}` | {default} | {becomes} |");
    }
}
