//! What is done with the requests and answers of a route besides forwarding them: filters, as data. What they decide
//! is in `crate::filter`.

use std::ops::Deref;
use std::sync::Arc;

/// A filter of a route. Requests and answers pass the filters of their route in the order of these variants; no route
/// can change the order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// Answers plain HTTP with 308 to https (annotations `ssl-redirect` and `force-ssl-redirect`).
    HttpsRedirect(HttpsRedirect),
}

impl Filter {
    /// Short stable name, as in `Tidegate-Explanation`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::HttpsRedirect(_) => "redirect",
        }
    }
}

/// When plain HTTP is sent to https.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpsRedirect {
    /// When a TLS entry covers the host.
    WithTls,
    /// Always, also where TLS ends at the load balancer.
    Always,
}

/// The filters of a route, in the order in which they apply. Routes share a list: a clone allocates nothing, and a
/// route holds one pointer, which is null where there are no filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters(Option<Arc<Vec<Filter>>>);

impl Filters {
    /// Brings filters into their order.
    pub fn new(mut filters: Vec<Filter>) -> Self {
        filters.sort();
        filters.shrink_to_fit();
        Self(if filters.is_empty() { None } else { Some(Arc::new(filters)) })
    }
}

impl Deref for Filters {
    type Target = [Filter];

    fn deref(&self) -> &[Filter] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_apply_in_the_order_of_their_variants() {
        let (first, second) = (HttpsRedirect::WithTls, HttpsRedirect::Always);
        let filters = Filters::new(vec![Filter::HttpsRedirect(second), Filter::HttpsRedirect(first)]);
        assert_eq!(*filters, [Filter::HttpsRedirect(first), Filter::HttpsRedirect(second)]);
    }

    #[test]
    fn a_route_holds_one_pointer_to_its_filters_and_none_where_it_has_none() {
        assert_eq!(size_of::<Filters>(), size_of::<usize>());
        assert_eq!(Filters::new(Vec::new()).0, None);
        assert!(Filters::default().is_empty());
    }
}
