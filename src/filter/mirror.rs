//! A copy of a request for another service (nginx `mirror`): what it asks for.

use super::change::RequestChange;
use super::escape;
use super::template::render;
use super::view::RequestView;
use crate::model::{Filter, Mirror};

/// Notes path and query of the copy.
pub(super) fn request(mirror: &Mirror, view: &RequestView<'_>, change: &mut RequestChange) {
    change.copy.clear();
    render(&mirror.target, view, None, &mut change.copy, escape::url);
}

/// Where copies of requests go.
pub fn mirror(filters: &[Filter]) -> Option<&Mirror> {
    filters.iter().find_map(|filter| if let Filter::Mirror(mirror) = filter { Some(&**mirror) } else { None })
}
