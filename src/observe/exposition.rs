//! The text format of Prometheus (version 0.0.4), for families that are rendered straight from their handles.

use std::fmt::Write as _;

use super::families::{Family, FamilyKind};

/// Text that grows family by family, sample by sample.
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Continues `text`, which is empty or ends with a line feed.
    pub(crate) fn after(text: String) -> Self {
        Self { text }
    }

    /// The text written.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Begins a family: its samples follow.
    pub(crate) fn family(&mut self, family: &Family) {
        let Family { name, kind, labels: _, meaning } = *family;
        self.begin(name, kind, meaning);
    }

    /// Begins a family that has no definition of its own.
    pub(crate) fn begin(&mut self, name: &str, kind: FamilyKind, meaning: &str) {
        // Meanings are ours: they hold neither backslashes nor line feeds, which the format would have escaped.
        for part in ["# HELP ", name, " ", meaning, "\n# TYPE ", name, " ", kind.as_str(), "\n"] {
            self.text.push_str(part);
        }
    }

    /// A sample. `labels` is the text between the braces, from [`label`], or empty.
    pub(crate) fn integer(&mut self, name: &str, suffix: &str, labels: &str, value: u64) {
        self.start(name, suffix, labels);
        self.text.push_str(itoa::Buffer::new().format(value));
        self.text.push('\n');
    }

    /// As [`Self::integer`], with one more label whose value needs no escapes.
    pub(crate) fn integer_with(&mut self, name: &str, suffix: &str, labels: &str, more: (&str, &str), value: u64) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        self.text.push('{');
        self.text.push_str(labels);
        if !labels.is_empty() {
            self.text.push(',');
        }
        for part in [more.0, "=\"", more.1, "\"} ", itoa::Buffer::new().format(value), "\n"] {
            self.text.push_str(part);
        }
    }

    /// A sample that is not a whole number.
    pub(crate) fn float(&mut self, name: &str, suffix: &str, labels: &str, value: f64) {
        self.start(name, suffix, labels);
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{value}");
    }

    fn start(&mut self, name: &str, suffix: &str, labels: &str) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        if !labels.is_empty() {
            self.text.push('{');
            self.text.push_str(labels);
            self.text.push('}');
        }
        self.text.push(' ');
    }
}

/// Appends `name="value"` to the text between a sample's braces, with the escapes of the format.
pub(crate) fn label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            other => labels.push(other),
        }
    }
    labels.push('"');
}
