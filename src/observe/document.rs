//! `docs/metrics.md`, written from the definitions of the families.

use std::fmt::Write as _;

use super::families::GROUPS;

/// The text of `docs/metrics.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         <!-- Generated from src/observe/families.rs: UPDATE_GOLDEN=1 cargo test. -->\n\n\
         Served as `/metrics` on the admin address, in the text format of Prometheus. Labels hold names of configured\n\
         objects or members of closed sets, never what clients send, so that the number of series is bounded by the\n\
         configuration. Series of an object vanish with it. Histograms of durations have upper bounds of 1 ms to 10 s unless\n\
         something else is said.\n",
    );
    for group in GROUPS {
        let _ = write!(text, "\n## {}\n\n", group.title);
        if !group.note.is_empty() {
            let _ = write!(text, "{}\n\n", group.note);
        }
        text.push_str("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n");
        for family in group.families {
            let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, kind, labels) = (family.name, family.kind.as_str(), labels.join(", "));
            let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {} |", family.meaning);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_metrics_md_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == document(),
            "docs/metrics.md is stale: run UPDATE_GOLDEN=1 cargo test --lib observe::document"
        );
    }
}
