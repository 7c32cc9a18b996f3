use super::*;

/// One host with routes named like their paths, Exact ones with `=` in front.
fn paths(exacts: &[&str], prefixes: &[&str]) -> Table {
    let exacts = exacts.iter().map(|path| exact(path, &format!("={path}")));
    let prefixes = prefixes.iter().map(|path| prefix(path, path));
    table([host("a.com", exacts.chain(prefixes).collect())])
}

#[test]
fn b17_kep_path_examples() {
    for (number, exacts, prefixes, path, expected) in [
        (1, &[][..], &["/"][..], "/any/path", Some("/")),
        (2, &["/foo"], &[], "/foo", Some("=/foo")),
        (3, &["/foo"], &[], "/bar", None),
        (4, &["/foo"], &[], "/foo/", None),
        (5, &["/foo/"], &[], "/foo", None),
        (6, &[], &["/foo"], "/foo", Some("/foo")),
        (6, &[], &["/foo"], "/foo/", Some("/foo")),
        (7, &[], &["/foo/"], "/foo", Some("/foo/")),
        (7, &[], &["/foo/"], "/foo/", Some("/foo/")),
        (8, &[], &["/aaa/bb"], "/aaa/bbb", None),
        (9, &[], &["/aaa/bbb"], "/aaa/bbb", Some("/aaa/bbb")),
        (10, &[], &["/aaa/bbb/"], "/aaa/bbb", Some("/aaa/bbb/")),
        (11, &[], &["/aaa/bbb"], "/aaa/bbb/", Some("/aaa/bbb")),
        (12, &[], &["/aaa/bbb"], "/aaa/bbb/ccc", Some("/aaa/bbb")),
        (13, &[], &["/aaa/bbb"], "/aaa/bbbxyz", None),
        (14, &[], &["/", "/aaa"], "/aaa/ccc", Some("/aaa")),
        (15, &[], &["/", "/aaa", "/aaa/bbb"], "/aaa/bbb", Some("/aaa/bbb")),
        (16, &[], &["/", "/aaa", "/aaa/bbb"], "/ccc", Some("/")),
        (17, &[], &["/aaa"], "/ccc", None),
        (18, &["/foo"], &["/foo"], "/foo", Some("=/foo")),
    ] {
        assert_eq!(found(&paths(exacts, prefixes), "a.com", path), expected, "example {number}: {path}");
    }
}

#[test]
fn b17_conformance_suite_path_rules() {
    let table = paths(&["/foo/"], &["/foo", "/aaa", "/aaa/bbb"]);
    for (path, expected) in [
        ("/foo", Some("/foo")),
        ("/foo/", Some("=/foo/")),
        ("/FOO", None),
        ("/aaa/bbb/ccc", Some("/aaa/bbb")),
        ("/aaa/ccc", Some("/aaa")),
        ("/aaaccc", None),
    ] {
        assert_eq!(found(&table, "a.com", path), expected, "{path}");
    }
}

#[test]
fn rule_02_exact_is_the_whole_path_and_case_sensitive() {
    let table = paths(&["/foo"], &[]);
    for (path, expected) in [("/foo", Some("=/foo")), ("/foo/", None), ("/FOO", None), ("/foo/x", None), ("/fo", None)]
    {
        assert_eq!(found(&table, "a.com", path), expected, "{path}");
    }
}

#[test]
fn rule_03_prefix_works_by_element() {
    let table = paths(&[], &["/aaa/bbb"]);
    for (path, expected) in [("/aaa/bbb", true), ("/aaa/bbb/", true), ("/aaa/bbb/ccc", true), ("/aaa/bbbc", false)] {
        assert_eq!(found(&table, "a.com", path).is_some(), expected, "{path}");
    }
}

#[test]
fn rule_04_trailing_slash_of_a_prefix_is_ignored_and_root_takes_all() {
    let table = paths(&[], &["/", "/aaa/bbb/"]);
    assert_eq!(found(&table, "a.com", "/aaa/bbb"), Some("/aaa/bbb/"));
    for path in ["/", "/x", "/x/y/", ""] {
        assert_eq!(found(&table, "a.com", path), Some("/"), "{path}");
    }
}

#[test]
fn rule_05_longer_of_two_prefixes_that_differ_by_a_slash_wins() {
    for table in [paths(&[], &["/foo", "/foo/"]), paths(&[], &["/foo/", "/foo"])] {
        for path in ["/foo", "/foo/", "/foo/x"] {
            assert_eq!(found(&table, "a.com", path), Some("/foo/"), "{path}");
        }
    }
}

#[test]
fn rule_06_longest_path_first_and_exact_beats_prefix_at_equal_length() {
    let table = paths(&["/foo", "/foo/bar"], &["/", "/foo", "/foo/bar/baz"]);
    for (path, expected) in [
        ("/foo", "=/foo"),
        ("/foo/", "/foo"),
        ("/foo/bar", "=/foo/bar"),
        ("/foo/bar/", "/foo"),
        ("/foo/bar/baz/", "/foo/bar/baz"),
        ("/x", "/"),
    ] {
        assert_eq!(found(&table, "a.com", path), Some(expected), "{path}");
    }
}

#[test]
fn rule_07_any_exact_hit_beats_every_prefix() {
    assert_eq!(found(&paths(&["/foo"], &["/foo/"]), "a.com", "/foo"), Some("=/foo"));
}

#[test]
fn of_routes_with_one_path_the_first_whose_predicates_hold_takes_the_request() {
    let routes = || {
        vec![
            prefix("/a", "no predicates"),
            asking(prefix("/a", "query"), &["query c"]),
            asking(prefix("/a", "header"), &["header b"]),
            asking(prefix("/a", "two headers"), &["header b", "header d"]),
            asking(prefix("/a", "method"), &["method A"]),
            asking(prefix("/a", "younger method"), &["method A"]),
            asking(prefix("/a/", "longer"), &["header e"]),
            asking(exact("/a", "exact"), &["header e", "header f"]),
            asking(prefix("/a/b", "deeper"), &["query g"]),
            prefix("/", "root"),
        ]
    };
    let others = (0..20).map(|n| exact(&format!("/other/{n}"), "other"));
    for table in
        [table([host("a.com", routes())]), table([host("a.com", routes().into_iter().chain(others).collect())])]
    {
        for (path, has, expected) in [
            ("/a", &[][..], "no predicates"),
            ("/a", &["c"], "query"),
            ("/a", &["b", "c"], "header"),
            ("/a", &["b", "d"], "two headers"),
            ("/a/x", &["A", "b", "d"], "method"),
            ("/a", &["A", "e"], "longer"),
            ("/a", &["e", "f"], "exact"),
            ("/a/b", &["g"], "deeper"),
            ("/a/b", &["c"], "query"),
            ("/a/b/c", &[], "no predicates"),
            ("/x", &["A", "b"], "root"),
        ] {
            assert_eq!(find_for(&table, "a.com", path, has), Ok(Some(expected)), "{path} {has:?}");
        }
    }
}

#[test]
fn where_no_predicates_hold_shorter_paths_and_the_fallback_follow() {
    let routes = vec![asking(exact("/a", "exact"), &["header b"]), asking(prefix("/", "root"), &["header c"])];
    let table = table([with_fallback(host("a.com", routes), "fallback"), host("", vec![prefix("/", "any")])]);
    for (has, expected) in [(&["b", "c"][..], "exact"), (&["c"], "root"), (&[], "fallback")] {
        assert_eq!(find_for(&table, "a.com", "/a", has), Ok(Some(expected)), "{has:?}");
    }
}

#[test]
fn spellings_of_a_path_are_compared_for_the_same_request() {
    let routes = vec![asking(prefix("/admin", "admin"), &["header b"]), prefix("/", "root")];
    let table = table([host("a.com", routes)]);
    for (path, has, expected) in [
        ("/%61dmin", &[][..], Ok(Some("root"))),
        ("/%61dmin", &["b"], Ok(Some("admin"))),
        ("/admin/./x", &["b"], Ok(Some("admin"))),
        ("/public/../admin", &[], Ok(Some("root"))),
        ("/public/../admin", &["b"], Err(PathRefusal::Ambiguous)),
    ] {
        assert_eq!(find_for(&table, "a.com", path, has), expected, "{path} {has:?}");
    }
}

#[test]
fn rule_08_paths_are_case_sensitive() {
    let table = paths(&["/Foo"], &["/foo"]);
    assert_eq!(found(&table, "a.com", "/Foo"), Some("=/Foo"));
    assert_eq!(found(&table, "a.com", "/foo"), Some("/foo"));
    assert_eq!(found(&table, "a.com", "/fOO"), None);
}

#[test]
fn rule_09_query_takes_no_part() {
    let table = paths(&["/foo"], &[]);
    for path in ["/foo?", "/foo?a=/../b", "/foo?%zz", "/foo?/bar"] {
        assert_eq!(found(&table, "a.com", path), Some("=/foo"), "{path}");
    }
}

#[test]
fn rule_10_paths_above_the_root_are_refused() {
    let table = paths(&[], &["/"]);
    for path in ["/..", "/../a", "/a/../../b", "/%2e%2e", "/..;/a", "/a//../.."] {
        assert_eq!(find(&table, "a.com", path), Err(PathRefusal::Invalid), "{path}");
    }
}

/// The table of reliability 1.6, every row.
#[test]
fn b16_rule_10_path_canonicalisation_table() {
    const A: Result<Option<&str>, PathRefusal> = Ok(Some("/admin"));
    const B: Result<Option<&str>, PathRefusal> = Ok(Some("/"));
    const AMBIGUOUS: Result<Option<&str>, PathRefusal> = Err(PathRefusal::Ambiguous);
    const INVALID: Result<Option<&str>, PathRefusal> = Err(PathRefusal::Invalid);
    let tables = [paths(&[], &["/admin", "/"]), {
        // The same with so many routes that the other index is used.
        let others: Vec<_> = (0..20).map(|n| format!("/other/{n}")).collect();
        paths(&[], &others.iter().map(String::as_str).chain(["/admin", "/"]).collect::<Vec<_>>())
    }];
    for (path, verdict) in [
        ("/admin/x", A),
        // RFC 3986 §6.2.2.2: every server takes them for what they escape.
        ("/%61dmin/x", A),
        ("/admi%6E", A),
        ("/%61dmin%2fx", B),
        ("/admin%7e", B),
        ("/%61dmin/../x", AMBIGUOUS),
        ("/public/../admin", AMBIGUOUS),
        ("/public/%2e%2e/admin", AMBIGUOUS),
        ("/public/%2E./admin", AMBIGUOUS),
        ("/public/..;x=1/admin", AMBIGUOUS),
        ("/;/admin", AMBIGUOUS),
        ("/.;/admin", AMBIGUOUS),
        ("/public%2f..%2fadmin", AMBIGUOUS),
        ("/x/..%2fadmin", AMBIGUOUS),
        ("/.%5Cadmin", AMBIGUOUS),
        ("/public%2f..;x%2fadmin", AMBIGUOUS),
        ("/public%2f%2e%2e", AMBIGUOUS),
        ("/public%2f..a%2f.b", B),
        ("/admin%2fx", B),
        ("//admin", AMBIGUOUS),
        ("/public//x", B),
        ("/admin/./x", A),
        ("/admin/y/../x", A),
        ("/admin/..", AMBIGUOUS),
        ("/ADMIN", B),
        ("/admin%00", INVALID),
        ("/admin%0d%0a", INVALID),
        ("/a%zz", INVALID),
        ("/a%", INVALID),
        ("/admin\\x", INVALID),
        ("/admin%5cx", B),
        ("/ä", INVALID),
        ("/%c3%a4", B),
        ("/admin?x=/../", A),
        ("*", INVALID),
        ("", B),
        // Beyond the table: order of collapsing and resolving; parameters of ordinary segments; well-known dots.
        ("/admin//../x", AMBIGUOUS),
        ("/admin//./x", A),
        ("/x//../admin", AMBIGUOUS),
        ("/a;x=1/b", B),
        ("/admin/a;x=1", A),
        ("/admin;x=1/b", B),
        ("/.well-known/acme-challenge/token", B),
        ("/admin/...", A),
        ("/admin%20x", B),
        ("/admin/%20", A),
    ] {
        for table in &tables {
            assert_eq!(find(table, "a.com", path), verdict, "{path}");
        }
    }
}

#[test]
fn rule_10_rules_are_matched_however_they_are_spelled() {
    let table =
        table([host("a.com", vec![prefix("/foo%20bar", "space"), exact("/%61", "a"), prefix("/%c3%bc/", "ue")])]);
    for (path, expected) in [
        ("/foo%20bar/x", Ok(Some("space"))),
        ("/foo%20%62ar", Ok(Some("space"))),
        ("/a", Ok(Some("a"))),
        ("/%61", Ok(Some("a"))),
        ("/%C3%bc", Ok(Some("ue"))),
        ("/%c3%BC/", Ok(Some("ue"))),
    ] {
        assert_eq!(find(&table, "a.com", path), expected, "{path}");
    }
}

#[test]
fn fault_x04_an_escape_of_an_unreserved_character_is_the_character() {
    let table = paths(&["/v1.0"], &["/~user", "/a-b_c", "/"]);
    for (path, expected) in [
        ("/%7Euser", "/~user"),
        ("/%7euser/x", "/~user"),
        ("/~%75ser", "/~user"),
        ("/a%2Db%5fc", "/a-b_c"),
        ("/v1%2e0", "=/v1.0"),
        // Once, and no further.
        ("/%257Euser", "/"),
        ("/%25%37%45user", "/"),
    ] {
        assert_eq!(found(&table, "a.com", path), Some(expected), "{path}");
    }
}

#[test]
fn rule_11_host_without_paths_sends_all_to_its_fallback() {
    let table = table([with_fallback(host("a.com", vec![]), "own"), host("*.com", vec![prefix("/", "wild")])]);
    assert_eq!(found(&table, "a.com", "/x"), Some("own"));
}

#[test]
fn rule_12_empty_path_is_the_root() {
    assert_eq!(found(&table([host("a.com", vec![prefix("", "root")])]), "a.com", "/x"), Some("root"));
}

#[test]
fn rule_14_same_path_with_another_type_lives_beside_it() {
    let table = paths(&["/foo"], &["/foo"]);
    assert_eq!((found(&table, "a.com", "/foo"), found(&table, "a.com", "/foo/x")), (Some("=/foo"), Some("/foo")));
}

#[test]
fn rule_15_hosts_are_case_insensitive_without_port_and_dot() {
    let table = table([host("Foo.com", vec![prefix("/", "foo")])]);
    for name in ["foo.com", "FOO.com", "foo.com:8080", "foo.com.", "Foo.com.:443"] {
        assert_eq!(found(&table, name, "/"), Some("foo"), "{name}");
    }
}

#[test]
fn rule_16_wildcard_is_exactly_one_label() {
    let table = table([host("*.foo.com", vec![prefix("/", "wild")])]);
    for (name, expected) in
        [("a.foo.com", true), ("a.b.foo.com", false), ("foo.com", false), (".foo.com", false), ("afoo.com", false)]
    {
        assert_eq!(found(&table, name, "/").is_some(), expected, "{name}");
    }
}

#[test]
fn rule_17_matching_host_keeps_its_unmatched_paths() {
    let units = [
        host("a.foo.com", vec![prefix("/a", "exact")]),
        host("*.foo.com", vec![prefix("/w", "wild")]),
        host("", vec![prefix("/", "any")]),
    ];
    let table = table(units);
    for (name, path, expected) in [
        ("a.foo.com", "/a", Some("exact")),
        ("a.foo.com", "/w", None),
        ("b.foo.com", "/w", Some("wild")),
        ("b.foo.com", "/a", None),
        ("foo.com", "/a", Some("any")),
    ] {
        assert_eq!(found(&table, name, path), expected, "{name}{path}");
    }
}

#[test]
fn rule_17_tls_entry_alone_claims_no_requests() {
    let certificate = certificate(0);
    let table = table([
        with_tls(host("a.foo.com", vec![]), &[certificate]),
        host("*.foo.com", vec![prefix("/", "wild")]),
        with_tls(host("b.com", vec![]), &[]),
        host("", vec![prefix("/", "any")]),
    ]);
    assert_eq!((found(&table, "a.foo.com", "/"), found(&table, "b.com", "/")), (Some("wild"), Some("any")));
    assert!(has_tls(&table, "a.foo.com"));
    let found = table.find(Some("a.foo.com"), "/", &|_| true, &mut String::new()).unwrap();
    assert_eq!((found.host.map(ToString::to_string).as_deref(), found.has_tls), (Some("*.foo.com"), true));
}

#[test]
fn a_wildcard_of_more_labels_takes_what_nothing_more_specific_takes() {
    let units = [
        host("a.x.z", vec![prefix("/", "exact")]),
        host("*.x.z", vec![prefix("/", "one label")]),
        host("**.x.z", vec![prefix("/", "more labels")]),
        host("**.z", vec![prefix("/", "fewest in common")]),
        host("", vec![prefix("/", "any")]),
    ];
    let all = table(units.clone());
    for (name, expected) in [
        ("a.x.z", "exact"),
        ("b.x.z", "one label"),
        ("b.a.x.z", "more labels"),
        ("c.b.a.x.z", "more labels"),
        ("x.z", "fewest in common"),
        ("b.y.z", "fewest in common"),
        ("z", "any"),
        ("x.zz", "any"),
    ] {
        assert_eq!(found(&all, name, "/"), Some(expected), "{name}");
    }
    let [_, _, more, ..] = units;
    let key = more.key.clone();
    let without = all.with_host(&key, None, &mut resolve);
    assert_eq!((found(&without, "b.a.x.z", "/"), without.host_count()), (Some("fewest in common"), 4));
    let back = without.with_host(&key, Some(&Arc::new(more)), &mut resolve);
    assert_eq!((found(&back, "b.a.x.z", "/"), dump(&back)), (Some("more labels"), dump(&all)));
}

#[test]
fn what_a_unit_does_not_keep_goes_to_less_specific_ones() {
    let falls_through = |unit: HostSpec| HostSpec { unmatched: Unmatched::FallThrough, ..unit };
    let table = table([
        falls_through(host("a.x.z", vec![prefix("/exact", "exact")])),
        falls_through(host("*.x.z", vec![prefix("/one", "one label"), prefix("/exact", "not reached")])),
        host("**.z", vec![prefix("/more", "more labels")]),
        with_fallback(host("", vec![prefix("/any", "any")]), "catch-all"),
    ]);
    for (name, path, expected) in [
        ("a.x.z", "/exact", "exact"),
        ("a.x.z", "/one", "one label"),
        ("a.x.z", "/more", "more labels"),
        ("a.x.z", "/any", "catch-all"),
        ("b.y.z", "/any", "catch-all"),
        ("other", "/any", "any"),
    ] {
        assert_eq!(found(&table, name, path), Some(expected), "{name}{path}");
    }
}

#[test]
fn other_listeners_serve_their_own_hosts() {
    let listener = |port| ListenerKey { port, transport: Transport::Tcp };
    let on = |ports: &[u16], unit: HostSpec| {
        let listeners = ListenerSet::Of(Arc::new(ports.iter().copied().map(listener).collect()));
        HostSpec { key: HostKey { listeners, ..unit.key }, ..unit }
    };
    let default = host("a.com", vec![prefix("/", "default")]);
    let one = on(&[81, 82], host("a.com", vec![prefix("/", "two listeners")]));
    let other = on(&[83], host("a.com", vec![prefix("/", "one listener")]));
    let all = table([default, one.clone(), other]);
    let of = |table: &Table, port| found(&table.of_listener(&listener(port))?, "a.com", "/").map(str::to_owned);
    assert_eq!((found(&all, "a.com", "/"), all.host_count()), (Some("default"), 1));
    assert_eq!(
        [81, 82, 83, 84].map(|port| of(&all, port)),
        [Some("two listeners".into()), Some("two listeners".into()), Some("one listener".into()), None]
    );
    let without = all.with_host(&one.key, None, &mut resolve);
    assert_eq!([81, 83].map(|port| of(&without, port)), [None, Some("one listener".into())]);
}

#[test]
fn rule_18_rules_without_host_take_hosts_that_nobody_claims() {
    let table = table([host("", vec![prefix("/", "any")]), host("a.com", vec![prefix("/", "a")])]);
    assert_eq!((found(&table, "b.com", "/"), found(&table, "a.com", "/")), (Some("any"), Some("a")));
}

#[test]
fn rule_22_addresses_and_absent_hosts_belong_to_rules_without_host() {
    let table =
        table([with_fallback(host("", vec![prefix("/x", "any")]), "catch"), host("a.com", vec![prefix("/", "a")])]);
    for name in ["10.0.0.1", "[::1]:80", ""] {
        assert_eq!((found(&table, name, "/x"), found(&table, name, "/")), (Some("any"), Some("catch")), "{name}");
    }
}

#[test]
fn rule_23_idn_hosts_are_compared_as_a_labels() {
    let table = table([host("xn--bcher-kva.example", vec![prefix("/", "books")])]);
    assert_eq!(found(&table, "XN--BCHER-kva.example", "/"), Some("books"));
}

#[test]
fn rule_24_catch_all_takes_every_host_and_path() {
    let table = table([with_fallback(host("", vec![]), "catch"), host("a.com", vec![exact("/a", "a")])]);
    for (name, path, expected) in [("b.com", "/", "catch"), ("a.com", "/x", "catch"), ("a.com", "/a", "a")] {
        assert_eq!(found(&table, name, path), Some(expected), "{name}{path}");
    }
}

#[test]
fn rule_25_fallback_of_a_host_takes_its_unmatched_paths_alone() {
    let table = table([
        with_fallback(host("a.com", vec![prefix("/a", "a")]), "own"),
        host("b.com", vec![prefix("/b", "b")]),
        with_fallback(host("*.c.com", vec![prefix("/c", "c")]), "wild own"),
        with_fallback(host("", vec![prefix("/any", "any")]), "catch"),
    ]);
    for (name, path, expected) in [
        ("a.com", "/x", "own"),
        ("a.com", "/any", "own"),
        ("b.com", "/x", "catch"),
        ("b.com", "/any", "catch"),
        ("x.c.com", "/x", "wild own"),
        ("d.com", "/any", "any"),
        ("d.com", "/x", "catch"),
    ] {
        assert_eq!(found(&table, name, path), Some(expected), "{name}{path}");
    }
}

#[test]
fn rule_26_nothing_matches_without_default_backend() {
    let table = paths(&["/a"], &[]);
    let found = table.find(Some("a.com"), "/x", &|_| true, &mut String::new()).unwrap();
    assert_eq!((found.route.is_none(), found.host.is_some()), (true, true));
    let found = table.find(Some("b.com"), "/x", &|_| true, &mut String::new()).unwrap();
    assert_eq!((found.route.is_none(), found.host.is_none()), (true, true));
    assert_eq!(super::found(&Table::empty(), "a.com", "/"), None);
}

#[test]
fn rule_54_certificate_of_exact_name_then_wildcard_then_default() {
    let (own, wild, default) = (certificate(0), certificate(1), certificate(2));
    let table = table([
        with_tls(host("a.foo.com", vec![prefix("/", "a")]), &[own]),
        host("b.foo.com", vec![prefix("/", "b")]),
        with_tls(host("*.foo.com", vec![]), &[wild]),
        // Rule 56: a TLS entry without a usable Secret serves the default certificate.
        with_tls(host("c.foo.com", vec![prefix("/", "c")]), &[]),
        host("d.com", vec![prefix("/", "d")]),
    ]);
    let table = table.with_default_certificate(Some(Arc::clone(default)));
    for (name, certificate, source, covered) in [
        ("a.foo.com", own, CertificateSource::Entry, true),
        ("b.foo.com", wild, CertificateSource::Entry, true),
        ("c.foo.com", default, CertificateSource::EntryByDefault, true),
        ("x.foo.com", wild, CertificateSource::Entry, true),
        ("x.y.foo.com", default, CertificateSource::Default, false),
        ("foo.com", default, CertificateSource::Default, false),
        ("d.com", default, CertificateSource::Default, false),
    ] {
        let list = std::slice::from_ref(certificate);
        assert_eq!(table.certificates(Some(name)), Certificates { list, source }, "{name}");
        assert_eq!(has_tls(&table, name), covered, "{name}");
        let found = table.find(Some(name), "/", &|_| true, &mut String::new()).unwrap();
        assert_eq!(found.has_tls, covered, "{name}");
    }
    let bare = table.with_default_certificate(None);
    assert_eq!(bare.certificates(Some("c.foo.com")).list, []);
    assert_eq!(bare.certificates(Some("d.com")).list, []);
}

#[test]
fn rule_53_tls_of_rules_without_host_covers_hosts_that_nobody_claims() {
    let any = with_tls(host("", vec![prefix("/", "any")]), &[certificate(0)]);
    let table = table([any, host("a.com", vec![prefix("/", "a")])]);
    assert_eq!(table.certificates(Some("b.com")).source, CertificateSource::Entry);
    assert_eq!((has_tls(&table, "b.com"), has_tls(&table, "a.com")), (true, false));
}

#[test]
fn rule_58_no_server_name_gets_the_default_certificate() {
    let default = certificate(2);
    let table = table([with_tls(host("", vec![prefix("/", "any")]), &[certificate(0)])])
        .with_default_certificate(Some(Arc::clone(default)));
    let list = std::slice::from_ref(default);
    assert_eq!(table.certificates(None), Certificates { list, source: CertificateSource::Default });
}

#[test]
fn a_change_of_one_host_shares_the_others() {
    let before = table([host("a.com", vec![prefix("/", "a")]), host("b.com", vec![prefix("/", "b")])]);
    let changed = host("a.com", vec![prefix("/", "new"), exact("/x", "x")]);
    let changed = Arc::new(changed);
    let after = before.with_host(&changed.key, Some(&changed), &mut resolve);
    let unit = |table: &Table, name| std::ptr::from_ref(table.host(&HostPattern::parse(name).unwrap()).unwrap());
    assert_eq!(unit(&before, "b.com"), unit(&after, "b.com"));
    assert_eq!((found(&before, "a.com", "/"), found(&after, "a.com", "/")), (Some("a"), Some("new")));
    assert_eq!((before.route_count(), after.route_count(), after.routes().count()), (2, 3, 3));
    let empty = Arc::new(HostSpec::empty(changed.key.clone()));
    for spec in [None, Some(&empty)] {
        let gone = after.with_host(&changed.key, spec, &mut resolve);
        assert_eq!((gone.host_count(), gone.route_count(), found(&gone, "a.com", "/")), (1, 1, None));
    }
}
