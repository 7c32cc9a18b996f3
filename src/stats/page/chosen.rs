//! Which upstreams and endpoints the page shows, in which order.

use super::asked::Asked;
use crate::stats::{Backend, Row, Server, Stats};

/// Upstreams on a page at most. The others are on further pages.
pub(super) const MOST_UPSTREAMS: usize = 200;
/// Endpoints on a page at most, over all upstreams.
const MOST_ENDPOINTS: usize = 2000;

/// An upstream that is shown.
pub(super) struct Chosen<'s> {
    pub(super) backend: &'s Backend,
    pub(super) row: Row,
    pub(super) servers: Vec<(&'s Server, Row)>,
    /// Endpoints that would be shown if the page were longer.
    pub(super) left_out: usize,
}

/// The upstreams of a page.
pub(super) struct Page<'s> {
    pub(super) shown: Vec<Chosen<'s>>,
    /// Which page it is, from 0: the last one, where there are not as many as asked for.
    pub(super) number: usize,
    /// How many upstreams all pages have.
    pub(super) all: usize,
}

/// The upstreams that are shown.
pub(super) fn chosen<'s>(stats: &'s Stats, asked: &Asked) -> Page<'s> {
    let mut found: Vec<_> = stats.backends.iter().filter_map(|backend| find(backend, asked)).collect();
    if let Some(sort) = asked.sort {
        found.sort_by(|one, other| sort.compare(&one.row, &other.row));
    }
    let all = found.len();
    let number = asked.page.min(all.saturating_sub(1) / MOST_UPSTREAMS);
    let mut found: Vec<_> = found.into_iter().skip(number * MOST_UPSTREAMS).take(MOST_UPSTREAMS).collect();
    let mut room = MOST_ENDPOINTS;
    for chosen in &mut found {
        if let Some(sort) = asked.sort {
            chosen.servers.sort_by(|(_, one), (_, other)| sort.compare(one, other));
        }
        chosen.left_out = chosen.servers.len().saturating_sub(room);
        chosen.servers.truncate(room);
        room -= chosen.servers.len();
    }
    Page { shown: found, number, all }
}

/// An upstream whose name is asked for, with all its endpoints, or one with those endpoints that are.
fn find<'s>(backend: &'s Backend, asked: &Asked) -> Option<Chosen<'s>> {
    let is_meant = asked.finds(&backend.name);
    let finds =
        |server: &&Server| asked.finds(&format!("{} {} {}", backend.name, server.name(), server.standing.as_str()));
    let servers: Vec<_> = backend
        .servers
        .iter()
        .filter(|server| is_meant || finds(server))
        .map(|server| (server, Row::of_server(backend, server)))
        .collect();
    let is_shown = is_meant || !servers.is_empty();
    is_shown.then(|| Chosen { backend, row: Row::of_backend(backend), servers, left_out: 0 })
}
