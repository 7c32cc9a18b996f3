//! What one side understood, and whether two sides understood the same.

use std::collections::{BTreeMap, BTreeSet};

/// Names and values, sorted by name; those of one name in their order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A head: what it begins with (method, scheme, path and authority, or the status), and its fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub start: Vec<String>,
    pub fields: Fields,
}

/// What came on one stream.
#[derive(Debug, Default)]
pub struct Course {
    /// That of the request, or those of the responses.
    pub heads: Vec<Head>,
    pub body: Vec<u8>,
    pub trailers: Option<Fields>,
    /// All has come.
    pub is_over: bool,
    /// The stream was reset before all had come.
    pub is_cut: bool,
}

/// What came on a connection.
#[derive(Debug, Default)]
pub struct Seen {
    pub courses: BTreeMap<u32, Course>,
    /// Requests of which we said that we do not take them.
    pub refused: BTreeSet<u32>,
    /// Why the connection ended; [`CLOSED`] if all was done.
    pub ended: Option<String>,
}

/// The library closes a connection without streams behind a GOAWAY.
pub const CLOSED: &str = "closed";

/// What the library refused and we accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stricter {
    pub connections: u64,
    pub heads: u64,
    pub streams: u64,
}

/// Trailers of these names must travel. We leave out others that come too late to be honest.
const TRAVELS: [&str; 3] = ["x-a", "x-b", "grpc-message"];

/// Whitespace around values of trailers and responses means nothing.
pub fn trimmed(value: &[u8]) -> Vec<u8> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    value[start..end].to_vec()
}

/// Panics if both accepted something and understood it differently, or if we say nothing of what the library accepts.
pub fn compare(ours: &Seen, theirs: &Seen) -> Stricter {
    let mut stricter = Stricter::default();
    if theirs.ended.as_ref().is_some_and(|why| why != CLOSED) && ours.ended.is_none() {
        stricter.connections += 1;
    }
    for (id, course) in theirs.courses.iter().filter(|(_, course)| !course.heads.is_empty()) {
        let known = ours.courses.get(id).filter(|known| !known.heads.is_empty() || known.is_cut);
        if known.is_none() {
            assert!(ours.refused.contains(id) || ours.ended.is_some(), "{id} was lost: {course:?}");
        }
    }
    let has_ended = ours.ended.is_some() || theirs.ended.is_some();
    for (id, ours_here) in ours.courses.iter().filter(|(_, course)| !course.heads.is_empty()) {
        let Some(theirs_here) = theirs.courses.get(id).filter(|course| !course.heads.is_empty()) else {
            stricter.heads += u64::from(!has_ended);
            continue;
        };
        compare_courses(*id, ours_here, theirs_here, has_ended);
        if theirs_here.is_cut && !ours_here.is_cut && !has_ended {
            stricter.streams += 1;
        }
    }
    stricter
}

fn compare_courses(id: u32, ours: &Course, theirs: &Course, has_ended: bool) {
    for (our_head, their_head) in ours.heads.iter().zip(&theirs.heads) {
        assert_eq!(our_head, their_head, "heads of {id}");
    }
    let shared = ours.body.len().min(theirs.body.len());
    assert_eq!(ours.body[..shared], theirs.body[..shared], "bodies of {id}");
    let both_over = ours.is_over && theirs.is_over;
    if !both_over && (has_ended || ours.is_cut || theirs.is_cut) {
        return;
    }
    assert_eq!(ours.heads.len(), theirs.heads.len(), "number of heads of {id}");
    assert_eq!(ours.body.len(), theirs.body.len(), "length of the body of {id}");
    assert_eq!(ours.is_over, theirs.is_over, "end of {id}");
    let named = |ours: &Fields, name: &str| ours.iter().any(|(known, _)| known == name);
    let our_trailers = ours.trailers.as_ref();
    let their_trailers = theirs.trailers.as_ref().map(|fields| {
        let must = |name: &str| TRAVELS.contains(&name) || our_trailers.is_some_and(|ours| named(ours, name));
        fields.iter().filter(|(name, _)| must(name)).cloned().collect::<Fields>()
    });
    assert_eq!(our_trailers, their_trailers.as_ref(), "trailers of {id}");
}
