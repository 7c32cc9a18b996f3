//! What a filter has to ask before it can decide. A request whose filters ask nothing never comes here.

use crate::filter::{Ask, Verdict, answered};
use crate::password::Attempt;
use crate::proxy::shard::Shard;

/// Asks, and decides with the answer.
pub(super) async fn inquire<'f>(shard: &Shard, ask: Ask<'f>) -> Verdict<'f> {
    let Ask { by: _, realm: _, users, name, password, client, otherwise: _ } = &ask;
    let attempt = Attempt { users, name, password, client: *client };
    let answer = shard.passwords.answer(&attempt).await;
    shard.metrics.password(answer);
    answered(ask, answer)
}
