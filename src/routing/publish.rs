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

    /// Makes `next` the current table and returns the former one. The last owner of a table frees what no other version
    /// shares; after a full rebuild that is all of it.
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
        let held = Arc::clone(&cell.load());
        let next = Arc::new(RouteTable::empty());
        let former = cell.publish(Arc::clone(&next));
        assert!(Arc::ptr_eq(&held, &former));
        assert!(Arc::ptr_eq(&cell.load(), &next));
    }
}
