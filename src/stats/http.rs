//! The address of `--stats`: the page, CSV and JSON, for those who may see them.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::fields::Wanted;
use super::login::Login;
use super::{Source, csv, json, page};
use crate::control_http::{self, Answer, Front, JSON, TEXT, refuse, respond, view};

const CSV: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Serves `listener` until dropped, which ends its connections too.
pub async fn serve(listener: TcpListener, source: Source, login: Login) {
    // A large configuration has many rows, so they are made once at a time.
    let views = Arc::new(Semaphore::new(1));
    let answer = |arrived: control_http::Arrived| {
        let (source, login, views, peer) = (source.clone(), login.clone(), Arc::clone(&views), arrived.peer);
        let answer = move |request| {
            let (source, login, views) = (source.clone(), login.clone(), Arc::clone(&views));
            async move { answer(&request, peer, &source, &login, &views).await }
        };
        control_http::serve(arrived, answer)
    };
    control_http::accept(listener, Front::Nothing, answer).await;
}

async fn answer(
    request: &Request<Incoming>,
    peer: IpAddr,
    source: &Source,
    login: &Login,
    views: &Semaphore,
) -> Answer {
    if let Some(refusal) = refuse(request) {
        return refusal;
    }
    if let Err(refusal) = login.admit(request.headers(), peer).await {
        return refusal;
    }
    let rows = Arc::clone(&source.rows);
    match request.uri().path() {
        "/stats" => view(views, HTML, move || page::page(&rows())).await,
        "/stats;csv" => view(views, CSV, move || csv::csv(&rows(), Wanted::ALL)).await,
        "/stats;json" => view(views, JSON, move || json::json(&rows(), Wanted::ALL)).await,
        "/" => {
            let mut answer = respond(StatusCode::SEE_OTHER, TEXT, "the statistics are at /stats\n".to_owned());
            answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/stats"));
            answer
        }
        _ => respond(StatusCode::NOT_FOUND, TEXT, "only /stats, /stats;csv and /stats;json are here\n".to_owned()),
    }
}
