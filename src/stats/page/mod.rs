//! `/stats` as a page: complete HTML from the server, which a small script only refreshes. Nothing is loaded from elsewhere.

mod asked;
mod chart;
mod chosen;
mod escape;
mod policy;
mod shown;
mod table;
#[cfg(test)]
mod tests;
mod units;

use std::fmt::Write as _;

pub(super) use asked::Asked;
pub(super) use policy::guard;

use super::history::History;
use super::replicas::{Identity, Peer};
use super::rows::Stats;
use super::{ProcessFacts, Scope};
use chosen::{MOST_UPSTREAMS, Page};
use escape::escape;

/// Who looks at the page.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    /// Their name; empty without login.
    pub(super) user: String,
    /// With what their requests show that they come from the page; `None`: they may not act.
    pub(super) token: Option<String>,
    /// For whom actions are.
    pub(super) scope: Scope,
}

/// The page.
pub(super) fn page(stats: &Stats, facts: &ProcessFacts, history: &History, asked: &Asked, viewer: &Viewer) -> String {
    let mut out = String::with_capacity(64 << 10);
    let node = escape(&facts.node);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{node} \u{2013} Tidegate statistics</title>\n"
    );
    if let Some(seconds) = asked.refresh {
        let _ = writeln!(out, "<noscript><meta http-equiv=\"refresh\" content=\"{seconds}\"></noscript>");
    }
    let _ = write!(out, "<style>{}</style>\n</head>\n<body>\n", policy::STYLE);
    head(&mut out, facts, asked, viewer);
    out.push_str("<main id=\"tables\">\n");
    table::listeners(&mut out, stats, asked);
    let page = chosen::chosen(stats, asked);
    for chosen in &page.shown {
        table::upstream(&mut out, chosen, asked, history, viewer.token.as_deref());
    }
    pages(&mut out, &page, asked);
    if page.shown.is_empty() {
        let text = if stats.backends.is_empty() { "There is no upstream yet." } else { "No upstream has this text." };
        let _ = write!(out, "<p>{text}</p>");
    }
    let _ = write!(out, "</main>\n<script>{}</script>\n</body>\n</html>\n", policy::SCRIPT);
    out
}

/// Where the other upstreams are, if there are others.
fn pages(out: &mut String, page: &Page<'_>, asked: &Asked) {
    let Page { shown, number, all } = page;
    if shown.len() >= *all {
        return;
    }
    let first = number * MOST_UPSTREAMS;
    let last = first + shown.len();
    let link = |page: usize, text: &str| {
        let target = Asked { page, ..asked.clone() }.target();
        format!(" <a data-go href=\"{}\">{text}</a>", escape(&target))
    };
    let back = if *number > 0 { link(number - 1, "previous") } else { String::new() };
    let on = if last < *all { link(number + 1, "next") } else { String::new() };
    let _ = write!(out, "<nav aria-label=\"Pages\">Upstreams {} to {last} of {all}.{back}{on}</nav>", first + 1,);
}

fn head(out: &mut String, facts: &ProcessFacts, asked: &Asked, viewer: &Viewer) {
    let ProcessFacts { version, node, uptime, connections, is_stopping, .. } = facts;
    let who = match (viewer.user.as_str(), &viewer.token) {
        ("", Some(_)) => "You came from this machine and may act.".to_owned(),
        ("", None) => "You may read.".to_owned(),
        (user, Some(_)) => format!("{} may act.", escape(user)),
        (user, None) => format!("{} may read.", escape(user)),
    };
    let only = match viewer.scope {
        Scope::ThisReplica => "Numbers are of this replica only, and actions act on this replica only.",
        Scope::AllReplicas => {
            "Numbers are of this replica only. Actions act on all replicas and last: they are written to the Service."
        }
    };
    let stopping = if *is_stopping { " <strong class=\"state drain\">stopping</strong>" } else { "" };
    let _ = write!(
        out,
        "<header>\n<h1>{}</h1>{stopping}\n<p>Tidegate {}, up <span id=\"uptime\">{}</span>, {} connections. {who}</p>\n\
         <p class=\"only\">{only}</p>\n",
        escape(node),
        escape(version),
        units::seconds(uptime.as_secs()),
        units::count(*connections as u64),
    );
    if let Some(peers) = &facts.peers {
        replicas(out, peers);
    }
    let sort = asked.sort.map(|sort| format!("<input type=\"hidden\" name=\"sort\" value=\"{}\">", sort.word()));
    let refresh = asked.refresh.map(|seconds| format!("<input type=\"hidden\" name=\"refresh\" value=\"{seconds}\">"));
    let every = Asked { refresh: Some(5), ..asked.clone() };
    let _ = write!(
        out,
        "<form id=\"filter\" role=\"search\" action=\"/stats\"><label>Filter <input name=\"q\" type=\"search\" value=\"{}\" \
         maxlength=\"200\" autocomplete=\"off\"></label>{}{}<button>Show</button> <a data-go href=\"/stats\">all</a></form>\n\
         <p><button id=\"pause\" type=\"button\" hidden>Pause</button> <span id=\"fresh\"></span>\
         <noscript><a href=\"{}\">Refresh every 5 seconds</a></noscript> <a href=\"/stats;csv\">CSV</a> \
         <a href=\"/stats;json\">JSON</a></p>\n<p id=\"told\" role=\"alert\"></p>\n</header>\n",
        escape(&asked.filter),
        sort.unwrap_or_default(),
        refresh.unwrap_or_default(),
        escape(&every.target()),
    );
}

/// The replicas, with links to the others. Addresses are those of pods, so that links lead somewhere only from within the cluster.
fn replicas(out: &mut String, peers: &[Peer]) {
    let _ = write!(out, "<p id=\"replicas\">{} replicas are ready:", peers.len());
    for peer in peers {
        let name = peer.name();
        let _ = match peer.identity {
            Identity::This => write!(out, " <strong>{}</strong>", escape(&name)),
            Identity::Other => write!(out, " <a href=\"{}\">{}</a>", escape(&peer.url()), escape(&name)),
        };
    }
    out.push_str("</p>\n");
}
