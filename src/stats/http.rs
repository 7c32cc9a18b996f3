//! The address of `--stats`: the page, CSV and JSON, for those who may see them, and what the page tells endpoints.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use super::act::{Actor, act};
use super::csrf::{Day, Tokens};
use super::fields::Wanted;
use super::history::{History, INTERVAL};
use super::login::Login;
use super::page::{self, Asked, Viewer};
use super::rights::Admins;
use super::{Source, csv, json, replicas};
use crate::control_http::{self, Answer, Front, JSON, TEXT, refuse, respond, view};

const CSV: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What answers are made of.
struct Desk {
    source: Source,
    login: Login,
    admins: Admins,
    /// `None`: there were no random numbers, so nobody may act.
    tokens: Option<Arc<Tokens>>,
    history: Arc<History>,
    /// A large configuration has many rows, so they are made once at a time.
    views: Semaphore,
}

/// Serves `listener` until dropped, which ends its connections too.
pub async fn serve(
    listener: TcpListener,
    source: Source,
    login: Login,
    (admins, tokens): (Admins, Option<Arc<Tokens>>),
) {
    let history = Arc::new(History::default());
    let desk = Desk { source, login, admins, tokens, history, views: Semaphore::new(1) };
    let desk = Arc::new(desk);
    let answer = |arrived: control_http::Arrived| {
        let (desk, peer) = (Arc::clone(&desk), arrived.peer);
        let answer = move |request| {
            let desk = Arc::clone(&desk);
            async move { desk.answer(request, peer).await }
        };
        control_http::serve(arrived, answer)
    };
    tokio::select! {
        () = control_http::accept(listener, Front::Nothing, answer) => {}
        () = desk.remember() => {}
    }
}

impl Desk {
    /// Takes samples for the charts.
    async fn remember(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (rows, history) = (Arc::clone(&self.source.rows), Arc::clone(&self.history));
            // The semaphore is never closed.
            let _permit = self.views.acquire().await;
            if let Err(error) = tokio::task::spawn_blocking(move || history.sample(&rows())).await {
                tracing::error!(%error, "a sample of the statistics failed");
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let is_action = request.method() == Method::POST && request.uri().path() == "/stats";
        if !is_action && let Some(refusal) = refuse(&request) {
            return refusal;
        }
        let user = match self.login.admit(request.headers(), peer).await {
            Ok(user) => user,
            Err(refusal) => return refusal.answer(),
        };
        let is_admin = self.admins.may_act(&self.login, &user, request.headers());
        let asked = Asked::read(request.uri().query());
        if is_action {
            let actor = Actor { user, client: peer, is_admin, back: asked.target() };
            return act(request, actor, self.tokens.as_deref(), &self.source).await;
        }
        let rows = Arc::clone(&self.source.rows);
        match request.uri().path() {
            "/stats" => {
                let token = self
                    .tokens
                    .as_ref()
                    .filter(|_| is_admin)
                    .map(|tokens| tokens.token(&user, Day::of(SystemTime::now())));
                let viewer = Viewer { user, token, scope: self.source.scope };
                let (info, history) = (Arc::clone(&self.source.info), Arc::clone(&self.history));
                let make = move || page::page(&rows(), &info(), &history, &asked, &viewer);
                let mut answer = view(&self.views, HTML, make).await;
                page::guard(answer.headers_mut());
                answer
            }
            "/stats;csv" => view(&self.views, CSV, move || csv::csv(&rows(), Wanted::ALL)).await,
            "/stats;json" => view(&self.views, JSON, move || json::json(&rows(), Wanted::ALL)).await,
            "/stats/replicas" => {
                let info = Arc::clone(&self.source.info);
                view(&self.views, JSON, move || replicas::json(&info())).await
            }
            "/" => {
                let mut answer = respond(StatusCode::SEE_OTHER, TEXT, "the statistics are at /stats\n".to_owned());
                answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/stats"));
                answer
            }
            _ => respond(
                StatusCode::NOT_FOUND,
                TEXT,
                "only /stats, /stats;csv, /stats;json and /stats/replicas are here\n".to_owned(),
            ),
        }
    }
}
