//! The handles that are in use, by their labels.
//!
//! Not the prometheus crate's `MetricVec`: it tells series apart by a hash of their label values joined without a
//! separator, so that namespace `a` with ingress `bc` and namespace `ab` with ingress `c` would share one counter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::exposition::label;

/// The values of a handle's labels, in the order of their family's label names.
pub(crate) type LabelValues<const N: usize> = [Arc<str>; N];

/// Weak references to all handles of one kind: a handle's series live as long as someone holds the handle.
pub(crate) struct Live<M, const N: usize = 3> {
    names: [&'static str; N],
    handles: Mutex<HashMap<LabelValues<N>, Weak<M>, foldhash::fast::RandomState>>,
    /// Takes what is beyond the limit, from when it was first reached.
    more: OnceLock<Arc<M>>,
    limit: usize,
}

impl<M: Default, const N: usize> Live<M, N> {
    /// No handles yet, and never more than `limit` at a time.
    pub(crate) fn new(names: &[&'static str; N], limit: usize) -> Self {
        Self { names: *names, handles: Mutex::default(), more: OnceLock::new(), limit }
    }

    /// The handle with these labels. Beyond the limit, all share one.
    pub(crate) fn get_or_create(&self, labels: LabelValues<N>) -> Arc<M> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.get(&labels).and_then(Weak::upgrade) {
            return handle;
        }
        if handles.len() >= self.limit {
            handles.retain(|_, handle| handle.strong_count() > 0);
            if handles.len() >= self.limit {
                return self.more.get_or_init(Arc::default).clone();
            }
        }
        let handle = Arc::new(M::default());
        handles.insert(labels, Arc::downgrade(&handle));
        handle
    }

    /// Forgets handles that nobody holds any more.
    pub(crate) fn prune(&self) {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.retain(|_, handle| handle.strong_count() > 0);
        if handles.capacity() > 4 * handles.len().max(256) {
            handles.shrink_to_fit();
        }
    }

    /// The handles with their labels as text, in order, `_more` last.
    pub(crate) fn rows(&self) -> Vec<(String, Arc<M>)> {
        let handles: Vec<_> = {
            let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
            handles.iter().filter_map(|(labels, handle)| Some((labels.clone(), handle.upgrade()?))).collect()
        };
        let mut rows: Vec<_> = handles.into_iter().map(|(labels, handle)| (self.text(&labels), handle)).collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if let Some(more) = self.more.get() {
            rows.push((self.text(&["_more"; N].map(Arc::from)), more.clone()));
        }
        rows
    }

    fn text(&self, values: &LabelValues<N>) -> String {
        let mut text = String::with_capacity(96);
        for (name, value) in self.names.iter().zip(values) {
            label(&mut text, name, value);
        }
        text
    }
}
