//! `/stats`: a table of the rows, in plain HTML without scripts.

use std::fmt::Write as _;

use super::columns::Column;
use super::fields::{Value, Wanted, rows};
use super::rows::Stats;

/// The columns that are shown.
const SHOWN: [Column; 22] = [
    Column::Pxname,
    Column::Svname,
    Column::Status,
    Column::CheckStatus,
    Column::Weight,
    Column::Qcur,
    Column::Qmax,
    Column::Scur,
    Column::Smax,
    Column::Stot,
    Column::Rate,
    Column::RateMax,
    Column::Bin,
    Column::Bout,
    Column::Hrsp2xx,
    Column::Hrsp3xx,
    Column::Hrsp4xx,
    Column::Hrsp5xx,
    Column::Econ,
    Column::Eresp,
    Column::Wretr,
    Column::Wredis,
];

/// The page.
pub fn page(stats: &Stats) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidegate statistics</title></head>\n\
         <body><h1>Tidegate statistics</h1><p>Of this replica alone. Also as <a href=\"/stats;csv\">CSV</a> and \
         <a href=\"/stats;json\">JSON</a>.</p>\n<table border=\"1\"><tr>",
    );
    for column in SHOWN {
        // Writing to a String cannot fail.
        let _ = write!(out, "<th>{}</th>", column.name());
    }
    out.push_str("</tr>\n");
    for row in rows(stats, Wanted::ALL) {
        out.push_str("<tr>");
        for column in SHOWN {
            out.push_str("<td>");
            match row.get(column) {
                None => {}
                Some(Value::Number(number)) => out.push_str(&number.to_string()),
                Some(Value::Signed(number)) => out.push_str(&number.to_string()),
                Some(Value::Text(text)) => escape(&mut out, text),
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></body></html>\n");
    out
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
}
