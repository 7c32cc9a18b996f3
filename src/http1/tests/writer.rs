use super::super::*;
use super::{request, show};

#[test]
fn size_lines_are_lower_case_hexadecimal() {
    for (size, line) in
        [(0, "0\r\n"), (1, "1\r\n"), (255, "ff\r\n"), (0x12_3456, "123456\r\n"), (usize::MAX, "ffffffffffffffff\r\n")]
    {
        assert_eq!(writer::chunk_size_line(size).as_bytes(), line.as_bytes());
    }
}

#[test]
fn an_empty_chunk_is_not_written_because_it_would_end_the_body() {
    let mut out = Vec::new();
    writer::chunk(&mut out, b"hello");
    writer::chunk(&mut out, b"");
    writer::last_chunk(&mut out, b"X: y\r\n");
    assert_eq!(show(&out), "5\\r\\nhello\\r\\n0\\r\\nX: y\\r\\n\\r\\n");
    out.clear();
    writer::last_chunk(&mut out, b"");
    assert_eq!(out, writer::LAST_CHUNK);
}

#[test]
fn fields_are_copied_as_sent_and_the_unwanted_left_out() {
    let buf = "GET / HTTP/1.1\r\nA:1\r\nHost: a\r\nb:  2 \r\nC: 3\r\nD: 4\r\n\r\n";
    let head = request(buf).unwrap();
    let copy = |unwanted: &str| {
        let mut out = Vec::new();
        writer::copy_fields(&mut out, buf.as_bytes(), &head.fields, |field| {
            !unwanted.contains(&show(field.name.of(buf.as_bytes())))
        });
        String::from_utf8(out).unwrap()
    };
    assert_eq!(copy(""), "A:1\r\nHost: a\r\nb:  2 \r\nC: 3\r\nD: 4\r\n");
    assert_eq!(copy("A"), "Host: a\r\nb:  2 \r\nC: 3\r\nD: 4\r\n");
    assert_eq!(copy("Host"), "A:1\r\nb:  2 \r\nC: 3\r\nD: 4\r\n");
    assert_eq!(copy("HostD"), "A:1\r\nb:  2 \r\nC: 3\r\n");
    assert_eq!(copy("AbD"), "Host: a\r\nC: 3\r\n");
    assert_eq!(copy("AHostbCD"), "");
}

#[test]
fn request_lines_are_in_origin_form_and_1_1() {
    for (line, written) in [
        ("GET /a?b HTTP/1.1", "GET /a?b HTTP/1.1"),
        ("GET /a? HTTP/1.0", "GET /a? HTTP/1.1"),
        ("QUERY http://a/x?y HTTP/1.1", "QUERY /x?y HTTP/1.1"),
        ("GET http://a HTTP/1.1", "GET / HTTP/1.1"),
        ("GET http://a?y HTTP/1.1", "GET /?y HTTP/1.1"),
        ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"),
        ("OPTIONS http://a HTTP/1.1", "OPTIONS * HTTP/1.1"),
    ] {
        let buf = format!("{line}\r\nHost: a\r\n\r\n");
        let mut out = Vec::new();
        writer::request_line(&mut out, buf.as_bytes(), &request(&buf).unwrap());
        assert_eq!(show(&out), format!("{written}\\r\\n"), "{line}");
    }
}

#[test]
fn status_lines_and_framing_are_ours() {
    let mut out = Vec::new();
    writer::status_line(&mut out, 404, writer::reason(404).as_bytes());
    writer::framing_field(&mut out, Framing::Length(1 << 53));
    writer::framing_field(&mut out, Framing::Chunked);
    writer::framing_field(&mut out, Framing::None);
    writer::framing_field(&mut out, Framing::UntilClose);
    writer::field(&mut out, b"a", b"b");
    assert_eq!(
        show(&out),
        "HTTP/1.1 404 Not Found\\r\\ncontent-length: 9007199254740992\\r\\ntransfer-encoding: chunked\\r\\na: b\\r\\n"
    );
    assert_eq!(writer::reason(599), "");
}
