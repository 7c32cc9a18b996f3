use std::time::Duration;

use super::*;
use crate::observe::TallyNumbers;
use crate::stats::{Backend, Check, Frontend, Server, Standing};

fn requests(total: u64) -> TallyNumbers {
    let mut numbers = TallyNumbers::default();
    numbers.sessions.total = total;
    numbers
}

fn server(id: u32, total: u64, standing: Standing) -> Server {
    let check = Check {
        code: "L7OK",
        reason: "good",
        status: Some(200),
        took: Duration::from_millis(3),
        since: Duration::from_secs(30),
        bad: 0,
        downs: 0,
        down_for: Duration::ZERO,
        rise: 2,
        fall: 3,
    };
    Server {
        address: format!("10.0.0.{id}:80").parse().unwrap(),
        id,
        requests: requests(total),
        standing,
        is_commanded: standing == Standing::Draining,
        weight: 100,
        initial_weight: 100,
        check: Some(check),
    }
}

fn stats() -> Stats {
    let backend =
        |name: &str, id, servers| Backend { name: name.into(), id, requests: requests(id.into()), waiting: 0, servers };
    let servers = vec![server(1, 5, Standing::Up), server(2, 9, Standing::Draining), server(3, 7, Standing::Down)];
    let frontend =
        Frontend { name: "http", id: 2, connections: requests(1).sessions, limit: 10, requests: requests(1) };
    Stats {
        frontends: vec![frontend],
        backends: vec![
            backend("a_svc_web_80", 4, servers),
            backend("b_svc_api_80", 5, vec![server(4, 1, Standing::Up)]),
            backend("<img src=x onerror=alert(1)>", 6, Vec::new()),
        ],
    }
}

fn shown(query: &str, token: Option<&str>) -> String {
    let facts = ProcessFacts { version: "9.9.9", node: "<b>pod</b>".into(), ..ProcessFacts::default() };
    let viewer = Viewer { user: "\"><script>ann".into(), token: token.map(str::to_owned), scope: Scope::ThisReplica };
    page(&stats(), &facts, &History::default(), &Asked::read(Some(query)), &viewer)
}

/// Where each of these stands in the page, in order of the page.
fn order<'t>(page: &str, texts: &[&'t str]) -> Vec<&'t str> {
    let mut found: Vec<_> = texts.iter().filter_map(|text| Some((page.find(&format!(">{text}<"))?, *text))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn hostile_names_stay_text() {
    let page = shown("q=%22%3E%3Cscript%3E", Some("t"));
    assert_eq!(page.matches("<script").count(), 1, "its own");
    let all = shown("", Some("t"));
    assert!(!all.contains("<img") && !all.contains("<b>pod") && all.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert_eq!(all.matches("<script").count(), 1);
    // A policy without 'unsafe-inline' ignores these, so there must be none.
    assert!(!all.contains(" style=") && !all.contains(" onclick="));
}

#[test]
fn the_page_says_which_replica_it_is_of_and_leads_to_the_others() {
    let address = |last| std::net::IpAddr::from([10, 0, 0, last]);
    let mut facts = ProcessFacts { node: "pod-1".into(), ..ProcessFacts::default() };
    let viewer = Viewer { user: String::new(), token: None, scope: Scope::ThisReplica };
    let shown = |facts: &ProcessFacts| page(&stats(), facts, &History::default(), &Asked::read(None), &viewer);
    assert!(!shown(&facts).contains("replicas are ready"));
    assert!(shown(&facts).contains("and actions act on this replica only."));
    let durable = Viewer { scope: Scope::AllReplicas, ..viewer.clone() };
    let all = page(&stats(), &facts, &History::default(), &Asked::read(None), &durable);
    assert!(all.contains("Actions act on all replicas and last: they are written to the Service."));
    facts.peers = Some(vec![
        Peer::new("pod-1", address(1), 8404, "pod-1"),
        Peer::new("pod-2", address(2), 8404, "pod-1"),
        Peer::new("", "fd00::3".parse().unwrap(), 8404, "pod-1"),
        Peer::new("<b>", address(4), 8404, "pod-1"),
    ]);
    let page = shown(&facts);
    for part in [
        "4 replicas are ready: <strong>pod-1</strong>",
        "<a href=\"http://10.0.0.2:8404/stats\">pod-2</a>",
        "<a href=\"http://[fd00::3]:8404/stats\">fd00::3</a>",
        "<a href=\"http://10.0.0.4:8404/stats\">&lt;b&gt;</a>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http://10.0.0.1"), "this one is here");
    let json = crate::stats::replicas::json(&facts);
    assert!(json.contains(r#""isThis":true"#) && json.contains("http://10.0.0.2:8404/stats"), "{json}");
}

#[test]
fn rows_are_sorted_on_request() {
    let servers = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];
    assert_eq!(order(&shown("", None), &servers), servers);
    assert_eq!(order(&shown("sort=-stot", None), &servers), ["10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:80"]);
    assert_eq!(order(&shown("sort=stot", None), &servers), ["10.0.0.1:80", "10.0.0.3:80", "10.0.0.2:80"]);
    assert_eq!(order(&shown("sort=status", None), &servers), ["10.0.0.3:80", "10.0.0.2:80", "10.0.0.1:80"]);
    let upstreams = ["a_svc_web_80", "b_svc_api_80"];
    assert_eq!(order(&shown("sort=-stot", None), &upstreams), ["b_svc_api_80", "a_svc_web_80"]);
    assert!(shown("sort=-stot", None).contains("aria-sort=\"descending\""));
}

#[test]
fn rows_are_found_by_text() {
    let all = ["a_svc_web_80", "b_svc_api_80", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"];
    assert_eq!(order(&shown("q=B_SVC", None), &all), ["b_svc_api_80", "10.0.0.4:80"]);
    assert_eq!(order(&shown("q=drain", None), &all), ["a_svc_web_80", "10.0.0.2:80"]);
    assert_eq!(order(&shown("q=a_svc+down", None), &all), ["a_svc_web_80", "10.0.0.3:80"]);
    assert!(shown("q=nothing", None).contains("No upstream has this text."));
}

#[test]
fn further_upstreams_are_on_further_pages() {
    let backend = |id| Backend {
        name: format!("n{id:04}_svc_web_80"),
        id,
        requests: requests(0),
        waiting: 0,
        servers: Vec::new(),
    };
    let stats = Stats { frontends: Vec::new(), backends: (0..450).map(backend).collect() };
    let viewer = Viewer { user: String::new(), token: None, scope: Scope::ThisReplica };
    let shown =
        |query: &str| page(&stats, &ProcessFacts::default(), &History::default(), &Asked::read(Some(query)), &viewer);
    let first = shown("sort=svname");
    assert!(first.contains(">Upstreams 1 to 200 of 450. <a data-go href=\"/stats?sort=svname&amp;page=2\">next</a><"));
    assert!(first.contains(">n0199_svc_web_80<") && !first.contains("n0200_svc"));
    let second = shown("page=2");
    assert!(second.contains(">n0200_svc_web_80<") && second.contains("href=\"/stats\">previous<"));
    for last in [shown("page=3"), shown("page=77")] {
        assert!(last.contains(">Upstreams 401 to 450 of 450. <a data-go href=\"/stats?page=2\">previous</a><"));
    }
    let found = shown("q=n0449");
    assert!(found.contains(">n0449_svc_web_80<") && !found.contains("Upstreams "), "the filter looks at all of them");
    assert!(shown("q=n04&page=9").contains(">n0400_svc_web_80<"), "a page that is not there is the last one");
}

#[test]
fn only_those_who_may_act_have_buttons() {
    let (reader, admin) = (shown("", None), shown("", Some("abc123")));
    assert!(!reader.contains("method=\"post\"") && !reader.contains("token"));
    assert_eq!(admin.matches("method=\"post\"").count(), 4);
    assert_eq!(admin.matches("name=\"token\" value=\"abc123\"").count(), 4);
    assert!(admin.contains("may act.") && reader.contains("may read."));
}

#[test]
fn a_browser_without_script_refreshes_when_asked() {
    assert!(!shown("", None).contains("http-equiv"));
    assert!(shown("refresh=5", None).contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
}

#[test]
fn each_row_has_a_cell_for_each_column() {
    for (query, token) in [("", None), ("", Some("t"))] {
        let page = shown(query, token);
        for table in page.split("<table>").skip(1) {
            let table = table.split("</table>").next().unwrap();
            let (head, body) = table.split_once("</thead>").unwrap();
            let columns = head.matches("scope=\"col\"").count();
            for row in body.split("<tr ").skip(1) {
                assert_eq!(row.matches("<td").count() + row.matches("<th ").count(), columns, "{row}");
            }
        }
    }
}
