//! How the lines lie, and that crumbs cost no more than their bytes.

use super::*;
use crate::http1::{Field, FieldKind};

/// Every line is its name and its value, the next one begins where it ends, and the last one ends the arena.
pub(super) fn check(bytes: &[u8], fields: &[Field]) {
    for field in fields {
        let line = [field.name.of(bytes), b": ", field.value.of(bytes), b"\r\n"].concat();
        assert_eq!(field.line.of(bytes), line);
        assert_eq!(field.line.start(), field.name.start());
        assert_eq!(field.value.end() + 2, field.line.end());
        assert_eq!(field.kind, FieldKind::of(field.name.of(bytes)));
        assert!(!field.hop);
    }
    for pair in fields.windows(2) {
        assert_eq!(pair[0].line.end(), pair[1].line.start());
    }
    if let Some(last) = fields.last() {
        assert_eq!(last.line.end(), bytes.len());
    }
}

#[test]
fn lines_lie_together_wherever_pseudo_fields_and_crumbs_stand() {
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [0, 3, 2, 1]];
    let more = [("x", "1"), ("cookie", "a"), ("y", "2"), ("cookie", "b"), ("z", ""), ("host", "a.test"), ("w", "3")];
    for order in orders {
        for count in 0..=more.len() {
            let fields = [&order.map(|at| GET[at])[..], &more[..count]].concat();
            let read = read(&fields).unwrap();
            check(&read.bytes, &read.head.fields);
            assert_eq!(read.text(read.head.method_text), "GET");
            assert_eq!(read.text(read.head.target), "/");
            assert_eq!(read.text(read.head.authority), "a.test");
        }
    }
}

#[test]
fn a_warm_reader_does_not_let_its_memory_grow() {
    let fields = with(&[("x", "1"), ("cookie", "a"), ("y", "2"), ("cookie", "b"), ("z", "")]);
    let (mut bytes, mut head) = (Vec::new(), RequestHead::new());
    let mut capacities = Vec::new();
    for _ in 0..3 {
        let mut reader = RequestReader::new(&mut bytes, &mut head, &Limits::REQUEST, true);
        fields.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
        assert_eq!(reader.finish(true), Ok(()));
        capacities.push((bytes.capacity(), head.fields.capacity()));
    }
    assert_eq!(capacities[1], capacities[2]);
}

/// Quadratic time would take minutes here.
#[test]
fn crumbs_take_linear_time() {
    let limits = Limits { head_bytes: usize::MAX, ..Limits::REQUEST };
    let (mut bytes, mut head) = (Vec::new(), RequestHead::new());
    for between in [usize::MAX, 10_000] {
        let mut reader = RequestReader::new(&mut bytes, &mut head, &limits, true);
        GET.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
        for crumb in 1..=200_000 {
            reader.field(b"cookie", b"a=b");
            if crumb % between == 0 {
                reader.field(b"x", b"");
            }
        }
        assert_eq!(reader.finish(true), Ok(()));
        check(&bytes, &head.fields);
        assert_eq!(head.field(FieldKind::Cookie).map(|field| field.value.len()), Some(200_000 * 5 - 2));
    }
}
