//! A port that a shard serves.

use std::sync::Arc;

use crate::model::ListenerKey;
use crate::observe::StreamMetrics;

/// Which port it is, and what is counted of it.
pub(super) struct Listening {
    pub(super) key: ListenerKey,
    pub(super) metrics: Arc<StreamMetrics>,
}
