//! What a request tells an endpoint, and doing it.

use serde::{Deserialize, Deserializer};

use super::caller::Caller;
use super::problem::Problem;
use crate::model::Weight;
use crate::stats::{ActFailure, Action, Actor, Addressee, Source, Stats, command};

/// The body of a PATCH of an endpoint.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    #[serde(default, deserialize_with = "said")]
    state: Option<State>,
    /// Its share; null: what its objects say.
    #[serde(default, deserialize_with = "share")]
    weight: Option<Share>,
}

/// A state that may be asked for, as HAProxy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ready,
    Drain,
    Maint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    AsObjectsSay,
    Number(u16),
}

/// A value that is there is not null.
pub(super) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn share<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Share>, D::Error> {
    match whole(from)? {
        None => Ok(Some(Share::AsObjectsSay)),
        Some(number) if number <= Weight::MOST => Ok(Some(Share::Number(number))),
        Some(_) => Err(serde::de::Error::custom("a weight is a number from 0 to 256, or null")),
    }
}

/// A whole number of 16 bits, or null. 5.0 is one too (JSON Schema, section 6.1.1), and some programs write it so.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(from)? else { return Ok(None) };
    // The conversion takes the nearest there is, and no other number comes back as itself.
    let nearest = number as u16;
    if f64::from(nearest) == number {
        Ok(Some(nearest))
    } else {
        Err(serde::de::Error::custom("expected a whole number from 0 to 65535"))
    }
}

impl Order {
    /// What is to be done, in order.
    pub(super) fn actions(&self) -> Result<Vec<Action>, Problem> {
        let weight = self.weight.map(|share| match share {
            Share::AsObjectsSay => Action::Weigh(None),
            Share::Number(number) => Action::Weigh(Some(number)),
        });
        let actions: Vec<_> = weight.into_iter().chain(self.state.map(State::action)).collect();
        if actions.is_empty() {
            Err(Problem::bad("nothing is asked for: give state, weight or both"))
        } else {
            Ok(actions)
        }
    }
}

impl State {
    pub(super) fn action(self) -> Action {
        match self {
            Self::Ready => Action::Ready,
            Self::Drain => Action::Drain,
            Self::Maint => Action::Maintain,
        }
    }
}

/// The endpoint `endpoint` of the upstream `upstream`.
pub(super) fn addressee(stats: &Stats, upstream: &str, endpoint: &str) -> Result<Addressee, Problem> {
    let backend = stats.backend(upstream).ok_or_else(|| no_upstream(upstream))?;
    let server = backend.server(endpoint).ok_or_else(|| no_endpoint(endpoint))?;
    Ok(Addressee::of(backend, server))
}

/// Tells an endpoint, which the caller names `endpoint`.
pub(super) async fn obey(
    source: &Source,
    caller: Caller,
    (addressee, endpoint): (Addressee, &str),
    actions: Vec<Action>,
) -> Result<(), Problem> {
    let Caller { user, client, is_admin: _ } = caller;
    let actor = Actor { via: "run-time API", user, client: client.to_string() };
    command(source, actor, addressee, actions).await.map_err(|failure| match failure {
        ActFailure::Gone => no_endpoint(endpoint),
        ActFailure::Conflict(_) | ActFailure::Refused(_) | ActFailure::Late(_) => {
            Problem::new(failure.status(), failure.to_string())
        }
    })
}

pub(super) fn no_upstream(name: &str) -> Problem {
    Problem::absent(format!("there is no upstream {name:?}"))
}

pub(super) fn no_endpoint(name: &str) -> Problem {
    Problem::absent(format!("the upstream has no endpoint {name:?}"))
}

/// Refuses whoever may not act.
pub(super) fn check(caller: &Caller) -> Result<(), Problem> {
    if caller.is_admin {
        return Ok(());
    }
    Err(Problem::forbidden("nothing was changed: you may read but not act; --stats-admins says who may act"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_strictly() {
        let read = |text: &str| serde_json::from_str::<Order>(text).ok().and_then(|order| order.actions().ok());
        assert_eq!(read(r#"{"state": "drain"}"#), Some(vec![Action::Drain]));
        assert_eq!(read(r#"{"weight": 7.0}"#), Some(vec![Action::Weigh(Some(7))]));
        assert_eq!(read(r#"{"weight": 256}"#), Some(vec![Action::Weigh(Some(256))]));
        assert_eq!(read(r#"{"state":"ready","weight":null}"#), Some(vec![Action::Weigh(None), Action::Ready]));
        for wrong in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"state": null}"#,
            r#"{"state": "DRAIN"}"#,
            r#"{"state": "drain", "state": "ready"}"#,
            r#"{"weight": 257}"#,
            r#"{"weight": -1}"#,
            r#"{"weight": "5"}"#,
            r#"{"weight": 1.5}"#,
            r#"{"weight": 65537}"#,
            r#"{"state": "drain", "x": 1}"#,
            r#"{"state": "drain"} x"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
