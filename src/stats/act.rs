//! What a form of the page tells an endpoint: its fields, whether it comes from the page, and what is answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::csrf::{Day, Tokens, is_same_origin};
use super::form::pairs;
use super::{ActFailure, Action, Addressee, Source, acting};
use crate::control_http::{Answer, TEXT, respond};
use crate::model::Weight;

/// Longest form. Bytes.
const LONGEST: usize = 4 << 10;

/// Who acts, and what they see next.
pub(super) struct Actor {
    /// Their name; empty without login.
    pub(super) user: String,
    /// Where they are.
    pub(super) client: IpAddr,
    /// Whether they may.
    pub(super) is_admin: bool,
    /// Where the page is that they came from.
    pub(super) back: String,
}

/// What a form says.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    token: String,
    backend: u32,
    server: SocketAddr,
    action: Action,
}

/// Does what the form in `request` says, if it may.
pub(super) async fn act(request: Request<Incoming>, actor: Actor, tokens: Option<&Tokens>, source: &Source) -> Answer {
    let refuse = |status, text: &str| respond(status, TEXT, format!("{text}\n"));
    if !is_same_origin(request.headers()) {
        tracing::warn!(user = actor.user, client = %actor.client, "an action from another site was refused");
        return refuse(StatusCode::FORBIDDEN, "nothing was changed: the request came from a page of another site");
    }
    if !actor.is_admin {
        return refuse(
            StatusCode::FORBIDDEN,
            "nothing was changed: you may read but not act; --stats-admins says who may act",
        );
    }
    let is_form = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        value.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    if !is_form {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a form is needed: application/x-www-form-urlencoded");
    }
    // Its deadline is that of the connection.
    let Ok(body) = Limited::new(request.into_body(), LONGEST).collect().await else {
        return refuse(StatusCode::BAD_REQUEST, "the form is too long or incomplete");
    };
    let body = body.to_bytes();
    let text = String::from_utf8_lossy(&body);
    // The token first: of others nothing else is told.
    let token = pairs(&text).find(|(name, _)| name == "token").map(|(_, value)| value).unwrap_or_default();
    if !tokens.is_some_and(|tokens| tokens.is_right(&actor.user, &token, Day::of(SystemTime::now()))) {
        tracing::warn!(user = actor.user, client = %actor.client, "an action without the right token was refused");
        return refuse(
            StatusCode::FORBIDDEN,
            "nothing was changed: the page you acted from is old, of another process, or of another user; load /stats again",
        );
    }
    let order = match read(&text) {
        Ok(order) => order,
        Err(fault) => return refuse(StatusCode::BAD_REQUEST, fault),
    };
    obey(order, actor, source).await
}

async fn obey(order: Order, actor: Actor, source: &Source) -> Answer {
    let Order { token: _, backend, server, action } = order;
    let Actor { user, client, is_admin: _, back } = actor;
    let done = match addressee(source, backend, server).await {
        None => Err(ActFailure::Gone),
        Some(addressee) => {
            let actor = acting::Actor { via: "page", user, client: client.to_string() };
            acting::command(source, actor, addressee, vec![action]).await
        }
    };
    if let Err(failure) = done {
        let again = if failure == ActFailure::Gone { "; load /stats again" } else { "" };
        return respond(failure.status(), TEXT, format!("{failure}{again}\n"));
    }
    let mut answer = respond(StatusCode::SEE_OTHER, TEXT, "done\n".to_owned());
    // Percent-encoded, so it is always a value.
    let back = HeaderValue::try_from(&back).unwrap_or(HeaderValue::from_static("/stats"));
    answer.headers_mut().insert(header::LOCATION, back);
    answer
}

async fn addressee(source: &Source, backend: u32, server: SocketAddr) -> Option<Addressee> {
    let rows = Arc::clone(&source.rows);
    let find = move || {
        let stats = rows();
        let backend = stats.backends.iter().find(|of| of.id == backend)?;
        let server = backend.servers.iter().find(|of| of.address == server)?;
        Some(Addressee::of(backend, server))
    };
    let found = tokio::task::spawn_blocking(find).await;
    found.inspect_err(|error| tracing::error!(%error, "an action of the statistics failed")).ok().flatten()
}

fn read(text: &str) -> Result<Order, &'static str> {
    let (mut token, mut backend, mut server, mut word, mut weight) = (None, None, None, None, None);
    for (name, value) in pairs(text) {
        let field = match &*name {
            "token" => &mut token,
            "backend" => &mut backend,
            "server" => &mut server,
            "action" => &mut word,
            "weight" => &mut weight,
            _ => return Err("the form has a field that is not known"),
        };
        if field.replace(value).is_some() {
            return Err("a field of the form is there twice");
        }
    }
    let action = match word.as_deref() {
        Some("ready") => Action::Ready,
        Some("drain") => Action::Drain,
        Some("maint") => Action::Maintain,
        Some("weight") => match weight.as_deref().map(str::trim) {
            None => return Err("the weight is missing"),
            Some("") => Action::Weigh(None),
            Some(number) => {
                let number = number.parse().ok().filter(|number| *number <= Weight::MOST);
                Action::Weigh(Some(number.ok_or("a weight is a number from 0 to 256, or empty")?))
            }
        },
        Some(_) | None => return Err("an action is ready, drain, maint or weight"),
    };
    let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
    Ok(Order {
        token: token.unwrap_or_default(),
        backend: number(backend).ok_or("the backend is missing or no number")?,
        server: server.and_then(|text| text.parse().ok()).ok_or("the server is missing or no address with a port")?,
        action,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_action_is_done_or_the_page_says_why_not() {
        let done = crate::stats::tests::Told::default();
        let source = crate::stats::tests::source(&done);
        let obeyed = async |source: &Source, backend, server: &str| {
            let actor =
                Actor { user: "ops".into(), client: [127, 0, 0, 1].into(), is_admin: true, back: "/stats?q=x".into() };
            let server = server.parse().unwrap();
            let order = Order { token: String::new(), backend, server, action: Action::Drain };
            let answer = obey(order, actor, source).await;
            let (head, body) = answer.into_parts();
            (head.status.as_u16(), String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
        };
        assert_eq!(obeyed(&source, 4, "10.0.0.1:8080").await, (303, "done\n".into()));
        assert_eq!(done.lock().unwrap().len(), 1);
        let gone = (404, "nothing was changed: the endpoint is gone; load /stats again\n".to_owned());
        assert_eq!(obeyed(&source, 4, "10.0.0.9:8080").await, gone);
        assert_eq!(obeyed(&source, 9, "10.0.0.1:8080").await, gone);
        let text = "nothing was changed: cannot write Service shop/web: forbidden";
        let refused: crate::stats::Act =
            Arc::new(move |_, _, _| Box::pin(async move { Err(ActFailure::Refused(text.into())) }));
        let source = Source { act: refused, ..source };
        assert_eq!(obeyed(&source, 4, "10.0.0.1:8080").await, (502, format!("{text}\n")));
    }

    #[test]
    fn forms_are_read_as_the_page_writes_them() {
        let order = |action| Order { token: "t".into(), backend: 4, server: "[fd00::1]:80".parse().unwrap(), action };
        let form = |more: &str| format!("token=t&backend=4&server=%5Bfd00%3A%3A1%5D%3A80&{more}");
        for (more, action) in [
            ("action=ready&weight=7", Action::Ready),
            ("action=drain", Action::Drain),
            ("action=maint", Action::Maintain),
            ("action=weight&weight=0", Action::Weigh(Some(0))),
            ("action=weight&weight=256", Action::Weigh(Some(256))),
            ("action=weight&weight=", Action::Weigh(None)),
        ] {
            assert_eq!(read(&form(more)), Ok(order(action)), "{more}");
        }
        for more in [
            "",
            "action=",
            "action=kill",
            "action=weight",
            "action=weight&weight=257",
            "action=weight&weight=-1",
            "action=weight&weight=x",
            "action=drain&action=ready",
            "action=drain&x=1",
            "action=drain&token=u",
        ] {
            assert!(read(&form(more)).is_err(), "{more}");
        }
        for broken in
            ["", "%", "&&", "action=drain", "action=drain&backend=4", "action=drain&backend=x&server=1.2.3.4:5"]
        {
            assert!(read(broken).is_err(), "{broken}");
        }
    }
}
