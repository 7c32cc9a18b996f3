//! HAProxy's JSON: `show stat json` and `/stats;json`. An array with an array for each row, which has an object for each value.

use serde_json::{Value as Json, json};

use super::columns::Column;
use super::fields::{Row, RowKind, Value, Wanted, rows};
use super::rows::Stats;

/// The rows that are wanted.
pub fn json(stats: &Stats, wanted: Wanted) -> String {
    let mut out = String::from("[");
    for row in rows(stats, wanted) {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&Json::Array(fields(&row).collect()).to_string());
    }
    out.push_str("]\n");
    out
}

fn fields(row: &Row) -> impl Iterator<Item = Json> {
    let kind = match row.kind {
        RowKind::Frontend => "Frontend",
        RowKind::Backend => "Backend",
        RowKind::Server => "Server",
    };
    let shown = move |column: Column| {
        let value = match row.get(column)? {
            Value::Text(text) => json!(text),
            Value::Number(number) => json!(number),
            Value::Signed(number) => json!(number),
        };
        let [origin, nature, scope] = column.tags();
        Some(json!({
            "objType": kind,
            "proxyId": row.proxy,
            "id": row.id,
            "field": {"pos": column as usize, "name": column.name()},
            "processNum": 1,
            "tags": {"origin": origin, "nature": nature, "scope": scope},
            "value": {"type": column.type_name(), "value": value},
        }))
    };
    Column::all().filter_map(shown)
}
