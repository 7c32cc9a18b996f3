//! What each path of the admin server answers.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::explain::{self, Explained, Unexplained};
use super::{AdminState, Pending, Stuck, seen};
use crate::control_http::{Answer, JSON, TEXT, refuse, respond, view};
use crate::model::Problem;

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

const INDEX: &str = "\
Tidegate admin

/healthz                      200 while the process works, 503 if a thread hangs
/readyz                       200 when ready for traffic, else 503 and what it waits for
/metrics                      metrics in the text format of Prometheus

Only for those whom --debug-views admits, by default connections from loopback addresses:

/debug/snapshot               the configuration in force, JSON, without secrets
/debug/problems               findings about configured objects, JSON
/debug/problems?format=text   the same, one per line
/debug/explain?url=URL        what would become of a request, and why; &header=Name:+value, &format=json
/debug/connections            HTTP/2 connections of clients and to pods, JSON; ?limit=N of each (100, at most 1000)
";

/// Answers a request on the health address.
pub(super) fn answer_health(request: &Request<Incoming>, pending: &Pending, stuck: &Stuck) -> Answer {
    if let Some(refusal) = refuse(request) {
        return refusal;
    }
    match request.uri().path() {
        "/healthz" => health(&stuck()),
        "/readyz" => readiness(&pending(), &stuck(), None),
        _ => respond(StatusCode::NOT_FOUND, TEXT, "only /healthz and /readyz are here\n".to_owned()),
    }
}

/// Answers a request of `peer`. Work that takes more than microseconds holds the one permit of `views` and runs on a thread
/// for blocking work.
pub(super) async fn answer(request: &Request<Incoming>, peer: IpAddr, state: &AdminState, views: &Semaphore) -> Answer {
    if let Some(refusal) = refuse(request) {
        return refusal;
    }
    if request.uri().path().starts_with("/debug/")
        && let Some(why) = state.debug_views.refusal(peer)
    {
        return respond(StatusCode::FORBIDDEN, TEXT, format!("{why}\n"));
    }
    match request.uri().path() {
        "/" => respond(StatusCode::OK, TEXT, INDEX.to_owned()),
        "/healthz" => health(&(state.stuck)()),
        "/readyz" => readiness(
            &(state.pending)(),
            &(state.stuck)(),
            state.metrics.configuration().freshness().saved_objects_age(),
        ),
        "/metrics" => {
            let (metrics, more) = (state.metrics.clone(), state.more_metrics.clone());
            view(views, METRICS, move || metrics.render() + &more.map(|more| more()).unwrap_or_default()).await
        }
        "/debug/snapshot" => {
            let snapshot = state.snapshot.clone();
            view(views, JSON, move || snapshot()).await
        }
        "/debug/problems" => {
            let problems = state.problems.clone();
            if request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "format=text")) {
                view(views, TEXT, move || problems_as_text(&problems())).await
            } else {
                view(views, JSON, move || problems_as_json(&problems())).await
            }
        }
        "/debug/explain" => explanation(request.uri().query().unwrap_or_default(), state).await,
        "/debug/connections" => match seen::limit(request.uri().query().unwrap_or_default()) {
            Ok(limit) => {
                // Without the permit: a shard that does not answer holds up no scrape.
                let shown = (state.connections)(limit).await;
                view(views, JSON, shown).await
            }
            Err(why) => respond(StatusCode::BAD_REQUEST, TEXT, why + "\n"),
        },
        _ => respond(StatusCode::NOT_FOUND, TEXT, "no such path; / lists those there are\n".to_owned()),
    }
}

async fn explanation(query: &str, state: &AdminState) -> Answer {
    match (state.explain)(explain::asked(query)).await {
        Ok(Explained { text: _, json }) if query.split('&').any(|part| part == "format=json") => {
            respond(StatusCode::OK, JSON, json)
        }
        Ok(Explained { text, json: _ }) => respond(StatusCode::OK, TEXT, text),
        Err(Unexplained::Wrong(why)) => respond(StatusCode::BAD_REQUEST, TEXT, why + "\n"),
        Err(Unexplained::Late(why)) => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, why + "\n"),
    }
}

/// Only what a restart mends makes the process unhealthy.
fn health(stuck: &[String]) -> Answer {
    if stuck.is_empty() {
        return respond(StatusCode::OK, TEXT, "ok\n".to_owned());
    }
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("threads hang: {}\n", stuck.join(", ")))
}

fn readiness(pending: &[String], stuck: &[String], saved_objects_age: Option<Duration>) -> Answer {
    if !stuck.is_empty() {
        return health(stuck);
    }
    if pending.is_empty() {
        let text = match saved_objects_age {
            None => "ready\n".to_owned(),
            Some(age) => {
                let seconds = age.as_secs();
                format!("ready (from objects saved {seconds}s ago; the API server has not been reached yet)\n")
            }
        };
        return respond(StatusCode::OK, TEXT, text);
    }
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("waiting for: {}\n", pending.join(", ")))
}

fn problems_as_json(problems: &[Problem]) -> String {
    let problems: Vec<_> = problems
        .iter()
        .map(|Problem { object, field, code, severity, message, remedy }| {
            serde_json::json!({
                "object": {
                    "kind": object.kind.as_str(),
                    "namespace": &*object.name.namespace,
                    "name": &*object.name.name,
                },
                "field": field,
                "code": code.as_str(),
                "severity": severity.as_str(),
                "message": message,
                "remedy": remedy,
            })
        })
        .collect();
    serde_json::Value::Array(problems).to_string()
}

fn problems_as_text(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let start = text.len();
        // Writing to a String cannot fail.
        let _ = write!(text, "{problem}");
        if text[start..].contains(char::is_control) {
            let line = text.split_off(start);
            text.extend(line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        }
        text.push('\n');
    }
    text
}
