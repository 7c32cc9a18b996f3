use super::*;

fn shown(text: &str) -> Result<String, AclError> {
    condition(text, 0).map(|condition| condition.to_string())
}

#[test]
fn what_haproxys_own_documentation_shows_is_read() {
    for (text, expected) in [
        // The classic ACL of static content, in one line and as lines of one name.
        (
            "path_beg -i /static /images /javascript /stylesheets || path_end -i .jpg .gif .png .css .js",
            "(path begins with, in any case, /static /images /javascript /stylesheets) || (path ends with, in any case, .jpg .gif .png .css .js)",
        ),
        (
            "acl url_static path_beg -i /static /images /javascript /stylesheets\nacl url_static path_end -i .jpg .gif .png .css .js",
            "(path begins with, in any case, /static /images /javascript /stylesheets | path ends with, in any case, .jpg .gif .png .css .js)",
        ),
        (
            "acl a path /x\nacl b hdr(x) y\nif a !b or b !a",
            "(path is /x) && !(field x is y) || (field x is y) && !(path is /x)",
        ),
        ("cookie(staging) -m found", "(cookie staging is there)"),
        ("rand(100) lt 25", "(0 to 25 of 100 by chance)"),
        ("rand(100) ge 75", "(75 to 100 of 100 by chance)"),
        ("rand(10) 0:4", "(0 to 5 of 10 by chance)"),
        ("!src 10.0.0.0/8 192.0.2.1", "!(client is in 10.0.0.0/8, 192.0.2.1/32)"),
        ("! path_reg ^/v[0-9]+/", "!(path matches ^/v[0-9]+/)"),
        ("path_reg \\.php$", "(path matches \\.php$)"),
        ("path -m end -i .css", "(path ends with, in any case, .css)"),
        ("hdr(X-Version) -m sub beta", "(field x-version has beta)"),
        ("hdr_beg(Host) -i www.", "(field host begins with, in any case, www.)"),
        (
            "{ path_beg /a } !{ method POST } || { urlp(q) 1 }",
            "(path begins with /a) && !(method is POST) || (parameter q is 1)",
        ),
        ("if { path /a }", "(path is /a)"),
        ("path_beg -- -i", "(path begins with -i)"),
        ("hdr(x) \"a b\" c\\ d", "(field x is a b c d)"),
    ] {
        assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_outside_of_the_subset_is_an_error() {
    for (text, expected) in [
        ("", AclError::Empty),
        (" \n# nothing\n", AclError::Empty),
        ("!", AclError::Empty),
        ("path_beg /a ||", AclError::Empty),
        ("|| path_beg /a", AclError::Empty),
        ("{ }", AclError::Empty),
        ("path_beg", AclError::Value),
        ("path_beg \"\"", AclError::Value),
        ("path_reg (?=x)", AclError::Value),
        ("src", AclError::Value),
        ("src here", AclError::Value),
        ("rand(0) lt 1", AclError::Value),
        ("rand(100) lt", AclError::Value),
        ("rand(100) lt -1", AclError::Value),
        ("cookie(a) -m found x", AclError::Value),
        ("hdr(a\u{e9}) x", AclError::Value),
        ("path -f /etc/list", AclError::Flag),
        ("path -m len 5", AclError::Flag),
        ("path -m beg -m end x", AclError::Flag),
        ("path,lower /a", AclError::Flag),
        ("hdr(a),lower b", AclError::Flag),
        ("src -m str 10.0.0.1", AclError::Flag),
        ("rand(100) ne 5", AclError::Flag),
        ("path_dir a", AclError::Fetch),
        ("hdr x", AclError::Fetch),
        ("ssl_fc", AclError::Fetch),
        ("var(txn.host) a", AclError::Fetch),
        ("hdr(a", AclError::Fetch),
        ("{ path_beg /a", AclError::Words),
        ("path_beg /a { path_end .css }", AclError::Words),
        ("path_beg \"/a", AclError::Words),
        ("path_beg /a\\", AclError::Words),
        ("path_beg /a\u{1}", AclError::Words),
        ("acl a path /x\nacl b path /y", AclError::Name),
        ("acl a path /x\na b", AclError::Name),
        ("acl a", AclError::Empty),
        ("acl", AclError::Name),
        ("acl a{ path /x", AclError::Name),
        ("path /x\npath /y", AclError::Name),
        ("{ path /x } y", AclError::Name),
    ] {
        assert_eq!(shown(text), Err(expected), "{text:?}");
    }
    assert_eq!(shown(&"{ path /x } ".repeat(129)), Err(AclError::TooLong));
    assert_eq!(shown(&format!("path {}", "x".repeat(8192))), Err(AclError::TooLong));
    assert!(shown(&"{ path /x } ".repeat(128)).is_ok());
}

#[test]
fn draws_of_one_condition_are_told_apart() {
    let read = condition("{ rand(2) lt 1 } { rand(2) lt 1 }", 7).unwrap();
    assert_ne!(read.any[0][0], read.any[0][1]);
}
