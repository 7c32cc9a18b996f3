use super::*;
use crate::model::Sources;

/// What a snippet for a location comes to: its severity, its message, and what it sets.
fn judged(text: &str, snippets: Snippets) -> (Option<Severity>, String, Option<SnippetOptions>) {
    let mut draft = Draft { choices: Choices { snippets, ..Choices::default() }, ..Draft::default() };
    read(&mut draft, text, Place::Location);
    let finding = draft.finding.take();
    let (severity, message) = finding.map_or((None, String::new()), |of| (Some(of.severity), of.message.into()));
    (severity, message, draft.options.of_rare().edits.of_location.take())
}

/// What a snippet is translated to, one thing after the other; `None`: it is refused.
fn translated(text: &str) -> Option<Vec<String>> {
    let SnippetOptions::Known(known) = judged(text, Snippets::Translated).2? else { return None };
    let Translated { request, response, rules, sources } = *known;
    let request = request.iter().map(|edit| format!("> {edit}"));
    let response = response.iter().map(|edit| format!("< {edit} {:?}", edit.answers));
    let sources = sources.map(|sources| match sources {
        Sources::Unreadable => "nobody".to_owned(),
        Sources::Lists { denied, allowed } => {
            format!("not {denied}, only {}", allowed.map_or("all".into(), |allowed| allowed.to_string()))
        }
    });
    Some(request.chain(response).chain(rules.iter().map(ToString::to_string)).chain(sources).collect())
}

#[test]
fn nginx_z2_what_people_write_is_translated() {
    for (text, expected) in [
        ("more_set_headers \"X-Frame-Options: DENY\" 'X-B: c: d';", "< x-frame-options: DENY All|< x-b: c: d All"),
        ("more_set_headers 'Server:'; more_set_headers Server;", "< -server All|< -server All"),
        ("more_clear_headers Server X-Powered-By;", "< -server All|< -x-powered-by All"),
        ("add_header X-A b; add_header X-B \"c\" always;", "< +x-a: b Successful|< +x-b: c All"),
        ("add_header X-A b; proxy_hide_header X-A;", "< -x-a All|< +x-a: b Successful"),
        ("expires 1h;", "< cache-control: max-age=3600 Successful|< -expires Successful"),
        ("expires -1;", "< cache-control: no-cache Successful|< expires: Thu, 01 Jan 1970 00:00:01 GMT Successful"),
        ("more_set_input_headers 'X-A: $host';", "> x-a: ${host}"),
        ("proxy_set_header X-Forwarded-Proto https; proxy_set_header Host $host;", "> x-forwarded-proto: https"),
        ("proxy_set_header Accept-Encoding \"\";", "> -accept-encoding"),
        ("return 301 https://b.example$request_uri;", "everything -> 301 https://b.example${request_uri}"),
        ("return 302 $scheme://b.example/x;", "everything -> 302 ${scheme}://b.example/x"),
        ("return /x;", "everything -> 302 /x"),
        ("return 444;", "everything -> 403"),
        ("rewrite ^/a/(.*)$ /b/$1 permanent;", "path ^/a/(.*)$ -> 301 /b/${1}${is_args}${args}"),
        ("rewrite ^(.*)$ https://b.example$1? redirect;", "everything -> 302 https://b.example${uri}"),
        ("deny 10.0.0.1; allow 10.0.0.0/8; deny all;", "not 10.0.0.1/32, only 10.0.0.0/8"),
        ("deny 10.0.0.1;", "not 10.0.0.1/32, only all"),
        ("location = /x { deny all; access_log off; }", "path ^/x$ -> 403"),
        ("location /x.y { return 404; }", r"path ^/x\.y -> 404"),
        ("location ~* \\.(php|env)$ { deny all; return 404; }", r"path (?i)\.(php|env)$ -> 404"),
        (
            "if ($host = 'a.example') { return 301 https://b.example; }",
            r"${host} ~ ^a\.example$ -> 301 https://b.example",
        ),
        ("if ($http_user_agent ~* \"(bot|spider)\") { return 403; }", "${http_user_agent} ~ (?i)(bot|spider) -> 403"),
        ("if ($http_x_key != \"s\") { return 403; }", "${http_x_key} !~ ^s$ -> 403"),
        ("if ($http_x_key) { return 403; }", "${http_x_key} !~ ^0?$ -> 403"),
        ("if ($request_uri ~ ^/x) { return 403; }", "path ^/x -> 403|${request_uri} ~ ^/x -> 403"),
        (
            "if ($host ~ ^www\\.(.*)) { rewrite ^(.*)$ https://b.example$1 permanent; }",
            r"${host} ~ ^www\.(.*) -> 301 https://b.example${uri}${is_args}${args}",
        ),
    ] {
        let expected: Vec<_> = expected.split('|').map(str::to_owned).collect();
        let expected =
            if text.contains("(bot|") || text.contains("(php|") { vec![expected.join("|")] } else { expected };
        assert_eq!(translated(text), Some(expected), "{text}");
    }
}

#[test]
fn nginx_z2_a_snippet_with_anything_else_is_refused_as_a_whole() {
    for (text, is_closed) in [
        ("add_header X-A b; sub_filter a b;", false),
        ("add_header X-A $nobody_knows;", false),
        ("add_header Content-Length 7;", false),
        ("more_set_headers -s 404 'X-A: b';", false),
        ("more_clear_headers 'X-*';", false),
        ("proxy_set_header Host b.example;", false),
        ("return 301 ftp://b.example;", false),
        ("return 301 //evil.example;", false),
        ("return 200 'ok';", false),
        ("rewrite ^/a /b break;", false),
        ("set $a b;", false),
        ("if ($host = a) { add_header X-A b; }", false),
        ("proxy_read_timeout forever;", false),
        ("if ($geoip_country_code = XX) { return 403; }", true),
        ("if ($host ~ (?<!a)b) { return 403; }", true),
        ("allow 10.0.0.0/8; deny 11.0.0.1;", true),
        ("deny unix:;", true),
        ("auth_request /auth;", true),
        ("limit_req zone=a;", true),
        ("satisfy any; allow 10.0.0.0/8; deny all;", true),
        ("internal;", true),
        ("location /x { add_header X-A b; deny all; }", true),
        ("location /x { allow 10.0.0.0/8; deny all; }", true),
        ("limit_except GET { deny all; }", true),
        ("access_by_lua_block { ngx.exit(403) }", true),
        ("frobnicate on;", true),
        ("add_header X-A 'b;", true),
        ("proxy_pass http://evil;", true),
        ("include /etc/passwd;", true),
    ] {
        for mode in [Snippets::Translated, Snippets::Refused] {
            let (severity, message, options) = judged(text, mode);
            assert_eq!(severity, Some(Severity::Error), "{text}");
            assert_eq!(options, is_closed.then_some(SnippetOptions::Closed), "{text}: {message}");
        }
    }
}

#[test]
fn nginx_z2_by_default_a_snippet_has_no_effect_unless_it_restricts() {
    let (severity, message, options) = judged("more_set_headers 'X-A: b'; proxy_read_timeout 60;", Snippets::Refused);
    assert_eq!((severity, options), (Some(Severity::Error), None));
    assert!(message.contains("fields of answers are edited"), "{message}");
    for text in ["return 403;", "deny all;", "location = /x { deny all; }", "if ($host = a) { return 404; }"] {
        assert_eq!(judged(text, Snippets::Refused).2, Some(SnippetOptions::Closed), "{text}");
    }
}

#[test]
fn nginx_z2_what_holds_anyway_is_told_and_changes_nothing() {
    for text in [
        "proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection \"upgrade\";",
        "proxy_set_header X-Real-IP $remote_addr; # as always",
        "proxy_http_version 1.1; proxy_buffering off; server_tokens off;",
        "",
    ] {
        for mode in [Snippets::Translated, Snippets::Refused] {
            let (severity, _, options) = judged(text, mode);
            assert_eq!((severity, options), (Some(Severity::Warning), None), "{text}");
        }
    }
}

#[test]
fn nginx_z2_times_and_lengths_become_those_of_the_policy() {
    let choices = Choices { snippets: Snippets::Translated, ..Choices::default() };
    let mut draft = Draft { choices, ..Draft::default() };
    read(&mut draft, "proxy_read_timeout 5m; proxy_send_timeout 7; client_max_body_size 8m;", Place::Location);
    assert_eq!(draft.finding, None);
    let policy = draft.options.policy(&std::sync::Arc::default(), std::num::NonZeroU32::MIN);
    assert_eq!((policy.timeouts.response.as_secs(), policy.timeouts.upload.as_secs()), (300, 7));
    assert_eq!(policy.body_bytes, Some(8 << 20));
}

#[test]
fn times_and_lengths_of_a_server_change_nothing_as_each_location_has_its_own() {
    let choices = Choices { snippets: Snippets::Translated, ..Choices::default() };
    let mut draft = Draft { choices, ..Draft::default() };
    read(&mut draft, "proxy_read_timeout 5m; client_max_body_size 8m;", Place::Server);
    assert!(draft.finding.is_some());
    assert_eq!(draft.options.policy(&std::sync::Arc::default(), std::num::NonZeroU32::MIN), std::sync::Arc::default());
}
