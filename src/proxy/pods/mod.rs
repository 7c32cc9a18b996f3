//! Towards pods: endpoints, connections, attempts, and what may follow one that failed.

pub(crate) mod aside;
mod attempt;
pub(crate) mod connect;
mod drive_session;
pub(crate) mod ejection;
pub(crate) mod forward;
pub(crate) mod gather;
mod h1;
mod h2;
mod h2_body;
mod h2_head;
pub(crate) mod handshake;
mod open_session;
pub(crate) mod pick;
mod replacement;
mod response;
mod retry;
mod times;
mod tls;
mod tunnel;
mod upgrade;
mod upload;
