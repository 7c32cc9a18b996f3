//! The filters of a route, together.

use std::ops::Deref;
use std::sync::Arc;

use super::filter::Filter;
use super::filter_needs::Needs;

/// The filters of a route, in the order in which they apply. Routes share a list: a clone allocates nothing, and a
/// route holds one pointer, which is null where there are no filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters(Option<Arc<List>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct List {
    filters: Vec<Filter>,
    needs: Needs,
}

impl Filters {
    /// Brings filters into their order.
    pub fn new(mut filters: Vec<Filter>) -> Self {
        filters.sort();
        filters.shrink_to_fit();
        let needs = Needs::of(&filters);
        Self(if filters.is_empty() { None } else { Some(Arc::new(List { filters, needs })) })
    }

    /// What they have to know of a request.
    pub fn needs(&self) -> Needs {
        self.0.as_ref().map_or_else(Needs::default, |list| list.needs)
    }
}

impl Deref for Filters {
    type Target = [Filter];

    fn deref(&self) -> &[Filter] {
        self.0.as_ref().map_or(&[], |list| &list.filters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HttpsRedirect, HttpsUrl, Location, Redirect, RedirectKind, Template};

    #[test]
    fn filters_apply_in_the_order_of_their_variants() {
        let https = Filter::HttpsRedirect(HttpsRedirect::Always, HttpsUrl::default());
        let (kind, location) = (RedirectKind::Permanent, Location::Fixed(Template::plain("/")));
        let redirect = Filter::Redirect(Arc::new(Redirect { kind, status: 301, location }));
        let root = Filter::AppRoot("/x".into());
        let filters = Filters::new(vec![https.clone(), redirect.clone(), root.clone()]);
        assert_eq!(*filters, [root, redirect, https]);
    }

    #[test]
    fn a_route_holds_one_pointer_to_its_filters_and_none_where_it_has_none() {
        assert_eq!(size_of::<Filters>(), size_of::<usize>());
        assert_eq!(Filters::new(Vec::new()).0, None);
        assert!(Filters::default().is_empty());
    }
}
