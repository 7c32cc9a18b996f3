//! The one place where a new table becomes the table that serves.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::table::RouteTable;

/// The current table. Loading never waits; publishing is one atomic swap.
#[derive(Debug)]
pub struct TableCell<T>(ArcSwap<RouteTable<T>>);

impl<T> TableCell<T> {
    /// A cell that serves `table`.
    pub fn new(table: Arc<RouteTable<T>>) -> Self {
        Self(ArcSwap::new(table))
    }

    /// The current table for work without an await in it.
    pub fn load(&self) -> Guard<Arc<RouteTable<T>>> {
        self.0.load()
    }

    /// The current table, to be kept across awaits.
    pub fn load_full(&self) -> Arc<RouteTable<T>> {
        self.0.load_full()
    }

    /// Makes `next` the current table and gives back the former one. Whoever lets go of a table last frees what no
    /// other version shares; after a full rebuild that is all of it, so the publisher may want to hold on to it until
    /// the shards have let go.
    pub fn publish(&self, next: Arc<RouteTable<T>>) -> Arc<RouteTable<T>> {
        self.0.swap(next)
    }
}

impl<T> Default for TableCell<T> {
    fn default() -> Self {
        Self::new(Arc::new(RouteTable::empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_loaded_and_the_former_table_comes_back() {
        let cell = TableCell::<()>::default();
        let held = cell.load_full();
        let next = Arc::new(RouteTable::empty());
        let former = cell.publish(Arc::clone(&next));
        assert!(Arc::ptr_eq(&held, &former));
        assert!(Arc::ptr_eq(&cell.load(), &next));
    }
}
