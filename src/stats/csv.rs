//! HAProxy's CSV: `show stat` and `/stats;csv`.

use std::fmt::Write as _;

use super::columns::Column;
use super::fields::{Value, Wanted, rows};
use super::rows::Stats;

/// The rows that are wanted, behind a line with the names of the columns. Each line ends with a comma, as in HAProxy.
pub fn csv(stats: &Stats, wanted: Wanted) -> String {
    let mut out = String::with_capacity(4096);
    out.push_str("# ");
    for column in Column::all() {
        out.push_str(column.name());
        out.push(',');
    }
    out.push('\n');
    for row in rows(stats, wanted) {
        for column in Column::all() {
            if let Some(value) = row.get(column) {
                write(&mut out, value);
            }
            out.push(',');
        }
        out.push('\n');
    }
    out
}

fn write(out: &mut String, value: &Value) {
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Number(number) => write!(out, "{number}"),
        Value::Signed(number) => write!(out, "{number}"),
        Value::Text(text) if text.contains(['"', ',', '\n']) => write!(out, "\"{}\"", text.replace('"', "\"\"")),
        Value::Text(text) => write!(out, "{text}"),
    };
}
