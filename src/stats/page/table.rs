//! The tables: one of the listeners, and one for each upstream.

use std::fmt::Write as _;

use super::asked::{Asked, Direction};
use super::chart::charts;
use super::chosen::Chosen;
use super::escape::escape;
use super::shown::{Form, Group, LISTENER, UPSTREAM};
use super::units;
use crate::stats::history::History;
use crate::stats::{Check, Column, Row, RowKind, Server, Standing, Stats, Value, Wanted, rows};

/// The table of the listeners that are asked for.
pub(super) fn listeners(out: &mut String, stats: &Stats, asked: &Asked) {
    let listeners = rows(stats, Wanted { kinds: 1, ..Wanted::ALL });
    let listeners: Vec<_> = listeners.filter(|row| asked.finds(&format!("{} FRONTEND OPEN", name(row)))).collect();
    if listeners.is_empty() {
        return;
    }
    out.push_str("<section><h2>Listeners</h2><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Listeners\"><table>");
    head(out, &["Listener", "State"], LISTENER, None, Actions::None);
    out.push_str("<tbody>");
    for row in &listeners {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<tr data-row=\"{}\"><th scope=\"row\">{}</th><td><span class=\"state up\">OPEN</span></td>",
            row.proxy,
            escape(name(row)),
        );
        values(out, row, LISTENER);
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></section>\n");
}

/// The table of an upstream. With a token, its endpoints have buttons.
pub(super) fn upstream(out: &mut String, chosen: &Chosen<'_>, asked: &Asked, history: &History, token: Option<&str>) {
    let Chosen { backend, row, servers, left_out } = chosen;
    let name = escape(&backend.name);
    let _ = write!(
        out,
        "<section id=\"u{}\"><div class=\"title\"><h2>{name}</h2>{}</div>",
        backend.id,
        charts(&history.of(backend.id))
    );
    let _ = write!(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\"><table>");
    let actions = if token.is_some() { Actions::Shown } else { Actions::None };
    head(out, &["Endpoint", "State", "Last check"], UPSTREAM, Some(asked), actions);
    out.push_str("<tbody>");
    for (server, row) in servers {
        let (class, word) = state(server.standing);
        let by = if server.is_commanded { " <small>by an operator</small>" } else { "" };
        let _ = write!(
            out,
            "<tr data-row=\"{}-{}\"><th scope=\"row\">{}</th><td><span class=\"state {class}\">{word}</span>{by}</td><td>{}</td>",
            row.proxy,
            row.id,
            escape(&server.name()),
            server.check.as_ref().map(check).unwrap_or_default(),
        );
        if let Some(token) = token {
            form(out, backend.id, server, asked, token);
        }
        values(out, row, UPSTREAM);
        out.push_str("</tr>\n");
    }
    if *left_out > 0 {
        let _ = write!(
            out,
            "<tr data-row=\"more\"><td colspan=\"3\">and {left_out} more endpoints: filter by text</td></tr>"
        );
    }
    let is_up = backend.up().next().is_some();
    let (class, word) = if is_up { ("up", "UP") } else { ("down", "DOWN") };
    let _ = write!(
        out,
        "</tbody><tfoot><tr data-row=\"{}\"><th scope=\"row\">BACKEND</th><td><span class=\"state {class}\">{word}</span></td>\
         <td>{} of {} up</td>",
        row.proxy,
        backend.up().count(),
        backend.servers.len(),
    );
    if token.is_some() {
        out.push_str("<td></td>");
    }
    values(out, row, UPSTREAM);
    out.push_str("</tr></tfoot></table></div></section>\n");
}

/// Whether there is a column of buttons.
enum Actions {
    None,
    Shown,
}

/// Two rows of heads. With what was asked for, they are links that sort.
fn head(out: &mut String, first: &[&str], groups: &[Group], asked: Option<&Asked>, actions: Actions) {
    out.push_str("<thead><tr>");
    for title in first {
        let column = match *title {
            "Endpoint" => Some(Column::Svname),
            "State" => Some(Column::Status),
            _ => None,
        };
        let sort = asked.and_then(|asked| Some((asked, column?)));
        cell(out, title, "rowspan=\"2\"", sort);
    }
    match actions {
        Actions::None => {}
        Actions::Shown => out.push_str("<th scope=\"col\" rowspan=\"2\">Actions</th>"),
    }
    for Group { title, columns } in groups {
        let _ = write!(out, "<th scope=\"colgroup\" colspan=\"{}\">{title}</th>", columns.len());
    }
    out.push_str("</tr>\n<tr>");
    for shown in groups.iter().flat_map(|group| group.columns) {
        cell(out, shown.1, "", asked.map(|asked| (asked, shown.0)));
    }
    out.push_str("</tr></thead>\n");
}

fn cell(out: &mut String, title: &str, more: &str, sort: Option<(&Asked, Column)>) {
    let Some((asked, column)) = sort else {
        let _ = write!(out, "<th scope=\"col\" {more}>{title}</th>");
        return;
    };
    let (order, mark) = match asked.sort.filter(|sort| sort.column == column).map(|sort| sort.direction) {
        None => ("", ""),
        Some(Direction::Ascending) => (" aria-sort=\"ascending\"", " \u{25b2}"),
        Some(Direction::Descending) => (" aria-sort=\"descending\"", " \u{25bc}"),
    };
    let target = escape(&asked.sorted_by(column).target());
    let _ = write!(out, "<th scope=\"col\" {more}{order}><a data-go href=\"{target}\">{title}{mark}</a></th>");
}

fn name(row: &Row) -> &str {
    match row.get(Column::Pxname) {
        Some(Value::Text(name)) => name,
        Some(Value::Number(_) | Value::Signed(_)) | None => "",
    }
}

fn values(out: &mut String, row: &Row, groups: &[Group]) {
    for shown in groups.iter().flat_map(|group| group.columns) {
        // Requests wait for an upstream, not for one of its endpoints.
        let is_nothing = row.kind == RowKind::Server && matches!(shown.0, Column::Qcur | Column::Qmax);
        let number = match row.get(shown.0) {
            Some(Value::Number(number)) if !is_nothing => *number,
            Some(Value::Number(_) | Value::Signed(_) | Value::Text(_)) | None => {
                out.push_str("<td></td>");
                continue;
            }
        };
        let is_bad = number > 0 && matches!(shown.0, Column::Econ | Column::Eresp | Column::Hrsp5xx);
        let class = if is_bad {
            "n bad"
        } else if number == 0 {
            "n zero"
        } else {
            "n"
        };
        let _ = match shown.2 {
            Form::Count => write!(out, "<td class=\"{class}\">{}</td>", units::count(number)),
            Form::Bytes => write!(out, "<td class=\"{class}\" title=\"{number}\">{}</td>", units::bytes(number)),
            Form::Seconds => write!(out, "<td class=\"{class}\" title=\"{number} s\">{}</td>", units::seconds(number)),
        };
    }
}

/// The class and the word of a state.
fn state(of: Standing) -> (&'static str, &'static str) {
    match of {
        Standing::Unchecked => ("none", "no check"),
        Standing::Up => ("up", "UP"),
        Standing::Down => ("down", "DOWN"),
        Standing::Ejected => ("down", "DOWN (ejected)"),
        Standing::Draining => ("drain", "DRAIN"),
        Standing::Maintenance => ("maint", "MAINT"),
    }
}

fn check(of: &Check) -> String {
    let status = of.status.map(|status| format!("/{status}")).unwrap_or_default();
    format!(
        "<span title=\"{}\">{}{status} in {}\u{202f}ms</span>",
        escape(of.reason),
        escape(of.code),
        of.took.as_millis()
    )
}

/// The form of an endpoint. The weight is first: the Enter key presses the first button.
fn form(out: &mut String, backend: u32, server: &Server, asked: &Asked, token: &str) {
    let name = escape(&server.name());
    let _ = write!(
        out,
        "<td><form class=\"act\" method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"token\" value=\"{}\">\
         <input type=\"hidden\" name=\"backend\" value=\"{backend}\"><input type=\"hidden\" name=\"server\" value=\"{}\">\
         <input name=\"weight\" type=\"number\" min=\"0\" max=\"256\" value=\"{}\" placeholder=\"{}\" \
         aria-label=\"weight of {name}; empty: as configured\"><button name=\"action\" value=\"weight\" \
         aria-label=\"set the weight of {name}\">Set</button>",
        escape(&asked.target()),
        escape(token),
        server.address,
        server.weight,
        server.initial_weight,
    );
    for action in ["ready", "drain", "maint"] {
        let _ = write!(
            out,
            "<button name=\"action\" value=\"{action}\" class=\"{action}\" aria-label=\"{action} {name}\">{action}</button>"
        );
    }
    out.push_str("</form></td>");
}
