use proptest::prelude::*;

use super::*;
use crate::http1::{Limits, Method, Progress, RequestContext, ResponseHead};

/// An answer with these lines.
struct Answer {
    bytes: Vec<u8>,
    head: ResponseHead,
}

impl Answer {
    fn with(lines: &[&str]) -> Self {
        let text =
            format!("HTTP/1.1 200 OK\r\n{}\r\n", lines.iter().map(|line| format!("{line}\r\n")).collect::<String>());
        Self::parsed(text.into_bytes())
    }

    fn parsed(bytes: Vec<u8>) -> Self {
        let mut head = ResponseHead::new();
        let request = RequestContext { method: Method::Get, upgrade: None };
        assert_eq!(head.parse(&bytes, request, &Limits::RESPONSE), Ok(Progress::Complete));
        Self { bytes, head }
    }

    fn fields(&self) -> Fields<'_> {
        Fields { bytes: &self.bytes, list: &self.head.fields }
    }
}

fn name(text: &str) -> FieldName<'_> {
    FieldName::parse(text.as_bytes()).expect("a name")
}

fn written(answer: &Answer, edit: &HeadEdit) -> String {
    let mut out = Vec::new();
    edit.write(answer.fields(), &mut out, |_| true);
    String::from_utf8(out).expect("text")
}

#[test]
fn a_head_without_edits_goes_on_as_it_came() {
    let answer = Answer::with(&["X-One:  1", "x-two:2\t", "X-ONE: 3"]);
    assert_eq!(written(&answer, &HeadEdit::default()), "X-One:  1\r\nx-two:2\t\r\nX-ONE: 3\r\n");
}

#[test]
fn fields_are_dropped_added_and_replaced_whatever_their_case() {
    let answer = Answer::with(&["X-One: 1", "X-Two: 2", "x-one: 3", "X-Three: 4"]);
    let mut edit = HeadEdit::default();
    edit.remove(answer.fields(), name("X-ONE"));
    edit.add(name("x-new"), b" a ");
    edit.add(name("x-new"), b"b");
    edit.set(answer.fields(), name("x-three"), b"5");
    edit.set(answer.fields(), name("X-Three"), b"6");
    assert_eq!(written(&answer, &edit), "X-Two: 2\r\nx-new: a\r\nx-new: b\r\nX-Three: 6\r\n");
    edit.remove(answer.fields(), name("x-new"));
    assert_eq!(written(&answer, &edit), "X-Two: 2\r\nX-Three: 6\r\n");
    edit.clear();
    assert_eq!(written(&answer, &edit), "X-One: 1\r\nX-Two: 2\r\nx-one: 3\r\nX-Three: 4\r\n");
}

#[test]
fn values_end_no_line_and_names_are_tokens() {
    let answer = Answer::with(&[]);
    let mut edit = HeadEdit::default();
    edit.add(name("x"), b"a\r\nSet-Cookie: b\0\x7f\t\xff");
    let mut out = Vec::new();
    edit.write(answer.fields(), &mut out, |_| true);
    assert_eq!(out, b"x: a??Set-Cookie: b??\t\xff\r\n");
    for text in ["", "a b", "a:", "a\r\n", "\u{e9}"] {
        assert_eq!(FieldName::parse(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn nobody_edits_what_ends_a_message_or_belongs_to_a_connection() {
    for text in ["Host", "content-length", "Transfer-Encoding", "connection", "Upgrade", "te", "Trailer", "Keep-Alive"]
    {
        assert_eq!(FieldName::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn the_names_of_ours_are_names() {
    for known in [
        FieldName::ALLOW,
        FieldName::CONTENT_TYPE,
        FieldName::LOCATION,
        FieldName::RETRY_AFTER,
        FieldName::TIDEGATE_EXPLAIN,
        FieldName::TIDEGATE_EXPLANATION,
        FieldName::X_REQUEST_ID,
    ] {
        assert_eq!(FieldName::parse(known.as_bytes()), Some(known));
        assert_eq!(known.as_bytes(), known.as_bytes().to_ascii_lowercase());
    }
}

/// A step of an edit.
#[derive(Clone, Debug)]
enum Step {
    Add(&'static str, Vec<u8>),
    Set(&'static str, Vec<u8>),
    Remove(&'static str),
}

const NAMES: [&str; 6] = ["x-one", "X-Two", "Server", "date", "set-cookie", "x-request-id"];

fn step() -> impl Strategy<Value = Step> {
    let value = || prop::collection::vec(any::<u8>(), 0..8);
    let name = || prop::sample::select(&NAMES[..]);
    prop_oneof![
        (name(), value()).prop_map(|(name, value)| Step::Add(name, value)),
        (name(), value()).prop_map(|(name, value)| Step::Set(name, value)),
        name().prop_map(Step::Remove),
    ]
}

/// What a list of fields becomes, the plain way.
fn expected(lines: &[(&'static str, String)], steps: &[Step]) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> =
        lines.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim().as_bytes().to_vec())).collect();
    for step in steps {
        let (Step::Add(name, _) | Step::Set(name, _) | Step::Remove(name)) = step;
        let name = name.to_ascii_lowercase();
        if !matches!(step, Step::Add(..)) {
            fields.retain(|(known, _)| *known != name);
        }
        if let Step::Add(_, value) | Step::Set(_, value) = step {
            let plain = |&byte: &u8| if byte == b'\t' || byte >= b' ' && byte != 0x7f { byte } else { b'?' };
            fields.push((name, value.trim_ascii().iter().map(plain).collect()));
        }
    }
    fields
}

proptest! {
    #[test]
    fn http_1_and_http_2_get_the_same_fields(
        lines in prop::collection::vec((prop::sample::select(&NAMES[..]), "[a-z ]{0,6}"), 0..8),
        steps in prop::collection::vec(step(), 0..8),
    ) {
        let texts: Vec<_> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let answer = Answer::with(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut edit = HeadEdit::default();
        for step in &steps {
            match step {
                Step::Add(field, value) => edit.add(name(field), value),
                Step::Set(field, value) => edit.set(answer.fields(), name(field), value),
                Step::Remove(field) => edit.remove(answer.fields(), name(field)),
            }
        }
        let lowered = |name: &[u8]| String::from_utf8(name.to_ascii_lowercase()).expect("a token");
        let over_http_2: Vec<_> =
            edit.fields(answer.fields(), |_| true).map(|(_, name, value)| (lowered(name), value.to_vec())).collect();
        let mut out = b"HTTP/1.1 200 OK\r\n".to_vec();
        edit.write(answer.fields(), &mut out, |_| true);
        out.extend_from_slice(b"\r\n");
        let again = Answer::parsed(out);
        let over_http_1: Vec<_> = again
            .head
            .fields
            .iter()
            .map(|field| (lowered(field.name.of(&again.bytes)), field.value.of(&again.bytes).to_vec()))
            .collect();
        prop_assert_eq!(&over_http_1, &over_http_2);
        prop_assert_eq!(over_http_2, expected(&lines, &steps));
    }
}
