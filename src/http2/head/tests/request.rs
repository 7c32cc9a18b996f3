//! Requests: RFC 9113 §8.1 to §8.3, and what HTTP/1 refuses too.

use super::*;
use crate::http1::{AuthorityError, FieldKind, Framing, FramingError, Method, SyntaxError, TargetForm, Version};

#[test]
fn a_request_is_read_into_the_exchanges_form() {
    let fields = [
        (":method", "OPTIONS"),
        (":path", "/x/%7e?q=/../"),
        (":authority", "A.test:8443"),
        (":scheme", "HTTPS"),
        ("x-one", "1"),
        ("te", "trailers"),
        ("x-none", ""),
    ];
    let read = read(&fields).unwrap();
    let head = &read.head;
    assert_eq!((head.method, head.form, head.version), (Method::Options, TargetForm::Origin, Version::Http11));
    assert_eq!(read.text(head.method_text), "OPTIONS");
    assert_eq!(read.text(head.target), "/x/%7e?q=/../");
    assert_eq!(read.text(head.path), "/x/%7e");
    assert_eq!(head.query.map(|query| read.text(query)).as_deref(), Some("q=/../"));
    assert_eq!(read.text(head.authority), "A.test:8443");
    assert_eq!(head.host_name.map(|name| read.text(name)).as_deref(), Some("A.test"));
    assert_eq!(head.port, Some(8443));
    assert_eq!(read.lines(), "host: A.test:8443|x-one: 1|te: trailers|x-none: |");
    assert_eq!((head.framing, head.keep_alive, head.expects_continue), (Framing::None, true, false));
    assert_eq!((head.upgrade, head.accepts_trailers, head.len), (None, true, read.bytes.len()));
}

#[test]
fn what_was_read_before_leaves_no_trace() {
    let post = with(&[("content-length", "5"), ("expect", "100-continue"), ("te", "trailers")]);
    let (mut first, outcome) = read_within(&post, false, &Limits::REQUEST);
    assert_eq!(outcome, Ok(()));
    assert!(first.head.expects_continue);
    let mut reader = RequestReader::new(&mut first.bytes, &mut first.head, &Limits::REQUEST, true);
    GET.iter().for_each(|(name, value)| reader.field(name.as_bytes(), value.as_bytes()));
    assert_eq!(reader.finish(true), Ok(()));
    let fresh = read(&GET).unwrap();
    assert_eq!(format!("{:?}", first.head), format!("{:?}", fresh.head));
    assert_eq!(first.bytes, fresh.bytes);
}

#[test]
fn rfc_9113_8_2_1_names_and_values_that_are_none_are_malformed() {
    for name in ["X-Upper", "x-uppeR", "", " ", "x y", "x:y", "x\r\ny", "x\0", "\u{e9}", "x\t", "(x)", "x,y", "x\x7f"] {
        assert_eq!(verdict(&with(&[(name, "1")])), 1, "{name:?}");
    }
    for value in
        ["1\r\nhost: b.test", "1\nhost: b.test", "1\r", "1\0", "\0", "\x01", "a\x7fb", " a", "a ", "\ta", "a\t"]
    {
        assert_eq!(verdict(&with(&[("x", value)])), 1, "{value:?}");
        assert_eq!(verdict(&with(&[("a-name-of-more-than-one-word", value)])), 1, "{value:?}");
        assert_eq!(verdict(&instead(":path", value)), 1, "{value:?}");
        assert_eq!(verdict(&instead(":method", value)), 1, "{value:?}");
        assert_eq!(verdict(&instead(":authority", value)), 1, "{value:?}");
        assert_eq!(verdict(&instead(":scheme", value)), 1, "{value:?}");
        assert_eq!(verdict(&with(&[("cookie", "a=b"), ("cookie", value)])), 1, "{value:?}");
        assert_eq!(verdict(&with(&[("host", value)])), 1, "{value:?}");
    }
    for (name, value) in [("x", "a\tb c"), ("x", "\u{e9}"), ("!#$%&'*+-.^_`|~09az", ""), ("1", "x")] {
        assert_eq!(verdict(&with(&[(name, value)])), 0, "{name:?}");
    }
}

#[test]
fn rfc_9113_8_2_2_fields_of_a_connection_are_malformed() {
    for field in [
        ("connection", "close"),
        ("connection", "x-real-ip"),
        ("connection", ""),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "\tchunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("te", "trailers;q=0.5"),
        ("te", ""),
    ] {
        assert_eq!(verdict(&with(&[field])), 1, "{field:?}");
    }
    assert_eq!(verdict(&with(&[("te", "trailers")])), 0);
    assert_eq!(verdict(&with(&[("te", "Trailers"), ("te", "trailers")])), 0);
}

#[test]
fn rfc_9113_8_3_pseudo_fields_come_once_in_front_and_are_known() {
    for name in [":method", ":scheme", ":path"] {
        assert_eq!(verdict(&without(name)), 1, "{name}");
        assert_eq!(verdict(&with(&[(name, "GET")])), 1, "{name} twice");
        let mut behind = without(name);
        behind.extend([("accept", "*/*"), (name, "/")]);
        assert_eq!(verdict(&behind), 1, "{name} behind");
    }
    assert_eq!(verdict(&with(&[(":authority", "a.test")])), 1);
    for name in [":status", ":protocol", ":", ":x", ":Method", ":method ", ":path\0"] {
        assert_eq!(verdict(&with(&[(name, "200")])), 1, "{name}");
    }
    assert_eq!(verdict(&instead(":path", "")), 1);
    assert_eq!(verdict::<&str, &str>(&[]), 1);
    assert_eq!(verdict(&with(&[("x", "1"), (":authority", "a.test")])), 1);
    assert_eq!(verdict(&[("x", "1")]), 1);
}

#[test]
fn c08_methods_that_are_none_or_not_served_are_refused() {
    for method in ["", "GET /x", "G(T", "\u{e9}", "GET,", "A23456789012345678901234567890123"] {
        assert_eq!(refusal(&instead(":method", method)), RequestError::Method, "{method}");
    }
    assert_eq!(refusal(&instead(":method", "TRACE")), RequestError::MethodNotAllowed);
    for method in ["get", "QUERY", "A2345678901234567890123456789012"] {
        assert_eq!(read(&instead(":method", method)).unwrap().head.method, Method::Other, "{method}");
    }
}

#[test]
fn rfc_9113_8_5_connect_is_refused_and_malformed_with_a_path_or_a_scheme() {
    let connect = [(":method", "CONNECT"), (":authority", "a.test:443")];
    assert_eq!(refusal(&connect), RequestError::MethodNotAllowed);
    assert_eq!(verdict(&connect[..1]), 1);
    assert_eq!(verdict(&instead(":method", "CONNECT")), 1);
    assert_eq!(verdict(&[&connect[..], &[(":scheme", "https")]].concat()), 1);
    assert_eq!(verdict(&[&connect[..], &[(":protocol", "websocket")]].concat()), 1);
}

#[test]
fn c08_targets_are_those_that_http_1_takes_in_origin_form() {
    for path in [
        "a",
        "a/b",
        "?x",
        "**",
        "*",
        "http://a.test/",
        "http://b.test/",
        "https://a.test",
        "/a b",
        "/a\tb",
        "/a\\b",
        "/#",
        "/a#b",
        "#",
        "/\u{e9}",
        "/?\u{e9}",
        "/?a#b",
        "\\",
        "/ HTTP/1.1",
    ] {
        assert_eq!(refusal(&instead(":path", path)), RequestError::Target, "{path}");
    }
    for path in ["/", "//", "/%00", "/?", "/??", "/a?\\", "/a\"<>^`{|}", "/a;b=c", "/*", "/../.."] {
        assert_eq!(verdict(&instead(":path", path)), 0, "{path}");
    }
    for scheme in ["", "ftp", "httpss", "http://b.test/?", "wss", "https "] {
        assert_ne!(verdict(&instead(":scheme", scheme)), 0, "{scheme}");
    }
    assert_eq!(refusal(&instead(":scheme", "ftp")), RequestError::Target);
    assert_eq!(verdict(&instead(":scheme", "http")), 0);
    let asterisk = [(":method", "OPTIONS"), (":scheme", "https"), (":authority", "a.test"), (":path", "*")];
    assert_eq!(read(&asterisk).unwrap().head.form, TargetForm::Asterisk);
}

#[test]
fn rule_20_authority_and_host_must_agree_and_one_is_kept() {
    let one_line = |fields: &[Text]| read(fields).unwrap().lines();
    assert_eq!(one_line(&with(&[("host", "a.test")])), "host: a.test|");
    assert_eq!(one_line(&with(&[("x", "1"), ("host", "A.Test"), ("y", "2")])), "host: a.test|x: 1|y: 2|");
    let alone = [&without(":authority")[..], &[("x", "1"), ("host", "b.test:80")]].concat();
    assert_eq!(one_line(&alone), "x: 1|host: b.test:80|");
    let read_alone = read(&alone).unwrap();
    assert_eq!(read_alone.text(read_alone.head.authority), "b.test:80");
    assert_eq!(refusal(&with(&[("host", "b.test")])), RequestError::HostDiffers);
    assert_eq!(refusal(&with(&[("host", "")])), RequestError::HostDiffers);
    for second in ["a.test", "b.test"] {
        let twice = [("host", "a.test"), ("host", second)];
        assert_eq!(refusal(&with(&twice)), RequestError::HostRepeated);
        assert_eq!(refusal(&[&without(":authority")[..], &twice].concat()), RequestError::HostRepeated);
    }
    assert_eq!(refusal(&without(":authority")), RequestError::HostMissing);
}

#[test]
fn c08_authorities_are_names_or_addresses_with_a_real_port() {
    let of_host = |value| [&without(":authority")[..], &[("host", value)]].concat();
    for (authority, error) in [
        ("", AuthorityError::Empty),
        ("user@a.test", AuthorityError::Host),
        ("user:x@a.test", AuthorityError::Port),
        ("a.test/x", AuthorityError::Host),
        ("a.test:0", AuthorityError::Port),
        ("a.test, b.test", AuthorityError::Host),
        ("a..test", AuthorityError::Host),
        ("\u{e9}.test", AuthorityError::Host),
        ("[::1", AuthorityError::Host),
    ] {
        assert_eq!(refusal(&instead(":authority", authority)), error.into(), "{authority}");
        assert_eq!(refusal(&of_host(authority)), error.into(), "{authority}");
    }
    for authority in ["[::1]:80", "10.0.0.1", "a.test.", "a.test:", "a_b.test:65535"] {
        assert_eq!(verdict(&instead(":authority", authority)), 0, "{authority}");
    }
}

#[test]
fn c08_lengths_that_are_malformed_or_repeated_are_refused() {
    for length in ["", "-1", "+0", "5, 5", "0, 0", "0x5", "1e3", "99999999999999999999", "5 5"] {
        let expected = HeadFault::Refused(FramingError::Length.into());
        assert_eq!(read_open(&with(&[("content-length", length)])).err(), Some(expected), "{length}");
    }
    for second in ["5", "6", "05"] {
        let fields = with(&[("content-length", "5"), ("content-length", second)]);
        let expected = HeadFault::Refused(FramingError::LengthRepeated.into());
        assert_eq!(read_open(&fields).err(), Some(expected), "{second}");
    }
    let fields = with(&[("content-length", "0"), ("content-length", "0")]);
    assert_eq!(refusal(&fields), FramingError::LengthRepeated.into());
    assert_eq!(verdict(&with(&[("content-length", "5")])), 1, "a body is announced and does not come");
}

#[test]
fn fault_b48_framing_is_the_length_or_unknown_or_none() {
    let framing = |method, more: &[Text], is_end| {
        let fields = [&instead(":method", method)[..], more].concat();
        let (read, outcome) = read_within(&fields, is_end, &Limits::REQUEST);
        assert_eq!(outcome, Ok(()));
        assert_eq!(read.head.accepts_trailers, read.head.framing == Framing::Chunked);
        read.head.framing
    };
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "QUERY"] {
        assert_eq!(framing(method, &[], true), Framing::None, "{method}");
        assert_eq!(framing(method, &[], false), Framing::Chunked, "{method}");
        assert_eq!(framing(method, &[("content-length", "0")], true), Framing::Length(0), "{method}");
    }
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(framing(method, &[], true), Framing::Length(0), "{method}");
        assert_eq!(framing(method, &[], false), Framing::Chunked, "{method}");
        assert_eq!(framing(method, &[("content-length", "7")], false), Framing::Length(7), "{method}");
        assert_eq!(framing(method, &[("content-length", "0")], false), Framing::Length(0), "{method}");
    }
}

#[test]
fn b07_expectations_other_than_100_continue_are_refused() {
    assert_eq!(refusal(&with(&[("expect", "x")])), RequestError::Expectation);
    assert_eq!(refusal(&with(&[("expect", "")])), RequestError::Expectation);
    assert_eq!(refusal(&with(&[("expect", "100-continue"), ("expect", "100-continue")])), RequestError::Expectation);
    let fields = with(&[("expect", "100-Continue")]);
    assert!(read_open(&fields).unwrap().head.expects_continue);
    assert!(!read(&fields).unwrap().head.expects_continue, "no body follows");
}

#[test]
fn fault_b41_crumbs_are_one_field_wherever_they_are() {
    let lines = |more: &[Text]| {
        let read = read(&with(more)).unwrap();
        assert!(read.head.fields.iter().filter(|field| field.kind == FieldKind::Cookie).count() <= 1);
        read.lines().replace("host: a.test|", "")
    };
    assert_eq!(lines(&[("cookie", "a=1"), ("cookie", "b=2"), ("x", "y")]), "cookie: a=1; b=2|x: y|");
    assert_eq!(lines(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]), "x: y|cookie: a=1; b=2|");
    assert_eq!(
        lines(&[("w", "v"), ("cookie", "a"), ("x", "y"), ("cookie", "b"), ("cookie", "c"), ("z", ""), ("cookie", "d")]),
        "w: v|x: y|z: |cookie: a; b; c; d|"
    );
    assert_eq!(lines(&[("cookie", "")]), "cookie: |");
    assert_eq!(lines(&[("cookie", ""), ("cookie", "a"), ("cookie", ""), ("cookie", "b")]), "cookie: a; b|");
    assert_eq!(lines(&[("cookie", ""), ("x", ""), ("cookie", "a"), ("y", ""), ("cookie", "")]), "x: |y: |cookie: a|");
    assert_eq!(verdict(&with(&[&[("a", ""); 99][..], &[("cookie", "a=b"); 200]].concat())), 0);
    assert_eq!(verdict(&with(&[&[("a", ""); 100][..], &[("cookie", "a=b")]].concat())), 431);
    assert_eq!(verdict(&with(&[("cookie", "a=b"), ("a", "")].repeat(99))), 0);
    assert_eq!(verdict(&with(&[("cookie", "a=b"), ("a", "")].repeat(100))), 431);
}

#[test]
fn crumbs_that_are_gathered_take_nothing_from_the_fields_behind_them() {
    let crumbled =
        [("cookie", "a=1"), ("x", ""), ("cookie", "b=2"), ("content-length", "7"), ("expect", "100-continue")];
    let fields = [&without(":authority")[..], &crumbled, &[("host", "b.test"), ("te", "trailers")]].concat();
    let read = read_open(&fields).unwrap();
    assert_eq!(read.text(read.head.authority), "b.test");
    assert_eq!((read.head.framing, read.head.expects_continue), (Framing::Length(7), true));
    assert!(read.head.accepts_trailers);
}

#[test]
fn fault_b41_crumbs_without_end_are_refused() {
    assert_eq!(verdict(&with(&[("cookie", ""); 20_000])), 431);
    assert_eq!(verdict(&with(&[&[("cookie", "a"), ("x", "")][..], &[("cookie", ""); 20_000]].concat())), 431);
    assert_eq!(verdict(&with(&[("cookie", "a=bcdefghijklmnopqrst"); 2_000])), 431);
}

#[test]
fn c04_fields_are_counted_as_they_come() {
    let refused = HeadFault::Refused(SyntaxError::TooManyFields.into());
    assert_eq!(verdict(&with(&[("a", ""); 100])), 0);
    assert_eq!(read(&with(&[("a", ""); 101])).err(), Some(refused));
    assert_eq!(read(&with(&[("a", ""); 5_000])).err(), Some(refused));
    assert_eq!(verdict(&with(&[&[("host", "a.test")][..], &[("a", ""); 99]].concat())), 0);
    assert_eq!(verdict(&with(&[&[("host", "a.test")][..], &[("a", ""); 100]].concat())), 431);
    // Whatever the configuration says.
    let limits = Limits { fields: 1_000, ..Limits::REQUEST };
    assert_eq!(read_within(&with(&[("a", ""); 129]), true, &limits).1, Err(refused));
    assert_eq!(read_within(&with(&[("a", ""); 128]), true, &limits).1, Ok(()));
}

#[test]
fn fault_b42_a_head_may_be_as_large_as_one_of_http_1() {
    let text = "GET / HTTP/1.1\r\nhost: a.test\r\nx: ab\r\ncookie: a; b\r\n\r\n";
    for fields in [
        with(&[("x", "ab"), ("cookie", "a"), ("cookie", "b")]),
        [&without(":authority")[..], &[("host", "a.test"), ("x", "ab"), ("cookie", "a"), ("cookie", "b")]].concat(),
    ] {
        let fits = Limits { head_bytes: text.len(), ..Limits::REQUEST };
        let small = Limits { head_bytes: text.len() - 1, ..Limits::REQUEST };
        assert_eq!(read_within(&fields, true, &fits).1, Ok(()));
        let refused = HeadFault::Refused(SyntaxError::TooLarge.into());
        assert_eq!(read_within(&fields, true, &small).1, Err(refused));
        assert!(RequestHead::new().parse(text.as_bytes(), &fits).is_ok());
    }
    let large = "v".repeat(20_000);
    let field =
        |value: &str| [&GET.map(|(name, value)| (name, value.to_owned()))[..], &[("x", value.to_owned())]].concat();
    assert_eq!(verdict(&field(&large)), 0);
    assert_eq!(verdict(&field(&large.repeat(2))), 431);
}

#[test]
fn what_comes_behind_a_bound_is_not_kept() {
    let large = "v".repeat(40_000);
    for name in [":authority", "x", "cookie", "host"] {
        let mut fields = GET.to_vec();
        fields.retain(|(n, _)| *n != name);
        let mut fields: Vec<_> = fields.into_iter().map(|(n, v)| (n, v.to_owned())).collect();
        fields.extend([(name, large.clone()), ("y", "behind".to_owned()), ("y", large.clone())]);
        let (read, outcome) = read_within(&fields, true, &Limits::REQUEST);
        assert!(outcome.is_err_and(|fault| matches!(fault, HeadFault::Refused(_))), "{name}");
        assert!(read.bytes.len() < 100, "{name}: {}", read.bytes.len());
    }
}

#[test]
fn a_long_target_is_refused_and_the_rest_is_known() {
    let path = format!("/{}", "a".repeat(8 * 1024));
    let fields = [(":path", path.as_str()), (":method", "HEAD"), (":scheme", "https"), (":authority", "a.test")];
    let (read, outcome) = read_within(&fields, true, &Limits::REQUEST);
    assert_eq!(outcome, Err(HeadFault::Refused(RequestError::TargetTooLong)));
    assert_eq!((read.head.method, read.text(read.head.authority).as_str()), (Method::Head, "a.test"));
    let shorter = [(":path", &path[1..]), (":method", "HEAD"), (":scheme", "https"), (":authority", "a.test")];
    assert_ne!(verdict(&shorter), 414);
}

#[test]
fn a_refused_head_says_what_is_known_of_it() {
    let mut fields = instead(":path", "/a#b");
    fields[0].1 = "HEAD";
    let (read, outcome) = read_within(&fields, true, &Limits::REQUEST);
    assert_eq!(outcome, Err(HeadFault::Refused(RequestError::Target)));
    assert_eq!(read.head.method, Method::Head);
    assert_eq!(read.text(read.head.target), "/a#b");
    assert_eq!(read.text(read.head.authority), "a.test");
}

#[test]
fn each_byte_of_a_name_and_of_a_value_is_judged() {
    let of = |name: Vec<u8>, value: Vec<u8>| {
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> =
            GET.iter().map(|(n, v)| (n.as_bytes().into(), v.as_bytes().into())).collect();
        fields.push((name, value));
        verdict(&fields)
    };
    for byte in 0..=255_u8 {
        let in_name = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let in_value = byte == b'\t' || byte >= b' ' && byte != 0x7f;
        for length in [3, 6, 8, 11, 16, 25] {
            for at in 1..length - 1 {
                let mut text = vec![b'z'; length];
                text[at] = byte;
                assert_eq!(of(text.clone(), b"v".to_vec()), u16::from(!in_name), "{byte:#x} at {at} of {length}");
                assert_eq!(of(b"z".to_vec(), text), u16::from(!in_value), "{byte:#x} at {at} of {length}");
            }
        }
    }
}
