//! A copy of a request for another service (nginx `mirror`): what it asks for.

use super::change::RequestChange;
use super::escape;
use super::template::{as_it_is, render};
use super::view::RequestView;
use crate::model::{Filter, Mirror, PodHost};

/// Notes path and query of the copy, and behind a space its host, where that depends on the request and is one.
pub(super) fn request(mirror: &Mirror, view: &RequestView<'_>, change: &mut RequestChange) {
    change.copy.clear();
    render(&mirror.target, view, None, &mut change.copy, escape::url);
    if mirror.host.as_text().is_none() {
        let mut host = Vec::new();
        render(&mirror.host, view, None, &mut host, as_it_is);
        if str::from_utf8(&host).is_ok_and(PodHost::is_one) {
            change.copy.push(b' ');
            change.copy.extend_from_slice(&host);
        }
    }
}

/// Path, query and host of the copy as the filter notes them with the request. `None`: what the request says makes no host.
pub fn copied<'a>(mirror: &'a Mirror, noted: &'a [u8]) -> Option<(&'a [u8], &'a str)> {
    match mirror.host.as_text() {
        Some(host) => Some((noted, host)),
        None => {
            let at = memchr::memchr(b' ', noted)?;
            Some((&noted[..at], str::from_utf8(&noted[at + 1..]).ok()?))
        }
    }
}

/// Where copies of requests go.
pub fn mirror(filters: &[Filter]) -> Option<&Mirror> {
    filters.iter().find_map(|filter| if let Filter::Mirror(mirror) = filter { Some(&**mirror) } else { None })
}
