//! Living upstreams: endpoint sets, balancing, suspicion, retry budgets and connection pools.
//!
//! A snapshot names upstreams by [`UpstreamKey`](crate::model::UpstreamKey); the [`Registry`] keeps exactly one living
//! [`Upstream`] for each key, so that counters, pools and suspicion outlive table changes and edits of policy. The control
//! thread fills endpoint sets; the shards pick endpoints and pool connections. Nothing here knows Kubernetes objects
//! or opens sockets: what a pooled connection is, the proxy decides.

mod balance;
mod budget;
mod care;
mod check_note;
mod checked;
mod departures;
mod endpoint;
mod endpoint_set;
mod living;
mod pool;
mod queue;
mod registry;
mod retirement;
#[cfg(test)]
mod simulation;
mod suspicion;
mod target;
mod wanted;

pub use budget::RetryBudget;
pub use check_note::{CheckNote, CheckOutcome};
pub use checked::{AllChecks, Checked};
pub use endpoint::{Endpoint, InFlight, Negotiated};
pub use endpoint_set::EndpointSet;
pub use living::{EndpointCommand, Unpicked, Upstream};
pub use pool::{Fitness, Pool, PoolConfig};
pub use registry::Registry;
pub use retirement::{Retired, RetirementSignal, RetirementWatch};
pub use target::{Backend, Besides, Destination, Target};
pub use wanted::Wanted;
