//! The reference of all annotations, made from their tables.

use std::fmt::Write;

use super::dialects::DialectName;
use super::table::Annotation;

const INTRODUCTION: &str = "\
# Annotations

<!-- Generated from src/translate/annotations; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->

Annotations on an Ingress set what the Ingress API has no field for, for all its routes. Those that may stand on a Service count for
all routes to it, whichever Ingress they belong to, and win over those of the Ingress: what is known of the Service is nearer to
its pods. Nothing is said about the loser then. A value on a Service that cannot be read, and one that only an Ingress may carry,
are reported on the Service, once an Ingress that is served routes to it.

Three dialects are read: Tidegate's own, always, and those of ingress-nginx and of haproxytech's kubernetes-ingress unless
`--dialects` leaves them out (`--dialects tidegate.dev`; chart: `dialects`). With `--profile ingress-nginx` those of haproxytech are
left out unless `--dialects` names them: ingress-nginx does not read them.

A value that cannot be read is reported as `InvalidAnnotation` and the default applies. Where annotations of several dialects set
the same thing, `tidegate.dev/` wins, then the dialect that comes first in `--dialects`, and the other one is reported as
`OverriddenAnnotation` if it says something else. A key that begins with `tidegate.dev/` or `haproxy.org/` and is not listed is
reported as `UnknownAnnotation` and has no effect, and so is one with a prefix that looks misspelt.

haproxytech's keys may begin with `haproxy.com/` too; of two that differ `haproxy.org/` wins. `ingress.kubernetes.io/`, which was also that
of ingress-nginx and Traefik, is read as haproxytech's only where `haproxy.org` stands in front of `nginx.ingress.kubernetes.io` in
`--dialects`, or that is left out. Where `--controller-name` is that of haproxytech's controller (`haproxy.org/ingress-controller/…`),
`haproxy.org` always comes first.

Annotations of other controllers have no effect and are reported as `UnsupportedAnnotation`, unless they ask for what happens here
anyway: as an error where they restrict access (authentication, address lists, rate limits, client certificates, middlewares that are
no redirect to https), because requests are served without that restriction. Names that ingress-nginx does not have are reported as
`UnknownAnnotation`, with the nearest that it has, or as such an error. `tidegate check` shows all of them, also before an Ingress is
moved.

The verdict says how an annotation compares with what it does where it comes from: `exact`; `exact, bounded`: the same for every use that
is documented there, and what is bounded or refused because it would harm others; `different`, and how; `no effect`, and why that
is harmless; `refused`, why, and what to do instead. A value for which the difference matters is reported as
`UnsupportedAnnotation`. What ingress-nginx does without an annotation is no part of this: its defaults are not ours, unless
`--profile ingress-nginx` (chart: `profile`) asks for them:

| what | ours | with `--profile ingress-nginx` |
|---|---|---|
| longest body of a request | no limit | 1 MiB (`--max-body-bytes`, `proxy-body-size`) |
| wait for a connection to a pod | 1 s | 5 s (`--connect-timeout`, `proxy-connect-timeout`) |
| silence of a WebSocket | 1 h | 60 s (`--tunnel-idle-timeout`, `proxy-read-timeout`) |
| answers over https | as pods give them | `Strict-Transport-Security: max-age=31536000; includeSubDomains` in place of the pod's own |
| redirect to https | keeps a slash at the end | leaves it out (`preserve-trailing-slash`) |
| paths of type ImplementationSpecific | as Prefix | by text: `/foo` takes `/foobar`; the longest of them and of Prefix paths counts |
| a request for `/foo` where a rule has `/foo/` | Prefix takes it | is sent to `/foo/` with 301, unless a rule has `/foo` or paths are patterns |
| fields for pods | `X-Forwarded-*`, `X-Real-IP`, `X-Request-ID` | `X-Scheme`, `X-Forwarded-Scheme` and `X-Original-Forwarded-For` too; fields with `_` in their name are dropped |

An option that is given wins over the profile, and an annotation over both. ingress-nginx's own ConfigMap (`--nginx-configmap`, see
[nginx-configmap.md](nginx-configmap.md)) comes between: behind annotations and options that are given, before the profile.

Keys that ingress-nginx has no longer or never had (`secure-backends`, `rate-limit`, `client-max-body-size`) are reported as
`UnknownAnnotation`, with what may be meant.

Snippets of nginx's configuration are never written anywhere as text. Their directives are read. By default (`--nginx-snippets
refuse`; chart: `nginxSnippets`) they have no effect, which is reported with the annotation that does the same; one with a directive
that restricts access, such as `deny`, `auth_request`, `limit_req` or `return 403`, or that cannot be read or is not known, closes the
routes of its Ingress: 503. With `--nginx-snippets translate` a snippet that filters can do is done by filters, all of it or nothing.
There is no ModSecurity: requests that it was to inspect are served, which is reported as an error, or with `--waf-missing fail`
(chart: `wafMissing`) answered with 503.

Some values may have variables, written `$name` or `${name}`. A value with any other variable is refused.

| variable | what it stands for |
|---|---|
| `$1` to `$9` | what a group of the path's pattern matches, or of the pattern that is replaced |
| `$arg_NAME`, `$cookie_NAME`, `$http_NAME` | a parameter of the query, a cookie, a header field (`-` written as `_`) |
| `$args`, `$query_string`, `$is_args` | the query; `?` where there is one |
| `$content_length`, `$content_type` | the header fields |
| `$escaped_request_uri` | `$request_uri`, encoded as a value of a query |
| `$host` | the host in lower case, without the port |
| `$http_host`, `$best_http_host` | the host as the client sent it |
| `$namespace`, `$ingress_name` | the Ingress whose route it is |
| `$remote_addr`, `$the_real_ip`, `$realip_remote_addr` | the address of the client |
| `$request_method` | the method |
| `$request_uri` | the path and the query as the client sent them |
| `$scheme`, `$pass_access_scheme` | `http` or `https`, which the client used |
| `$service_name`, `$service_port` | the Service that the request goes to, of a canary the canary's; its port as the Ingress names it |
| `$uri`, `$document_uri` | the path, decoded |
";

/// The reference of all annotations, as Markdown: `docs/annotations.md`.
pub fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    for name in DialectName::ALL {
        let dialect = name.table();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n## {}\n\n| annotation | values | default | applies to | verdict |\n|---|---|---|---|---|",
            dialect.title
        );
        for annotation in dialect.annotations() {
            let Annotation { key, value, default, scopes, verdict, doc: _ } = annotation;
            let (values, prefix, verdict) = (value.in_words(), dialect.prefix, verdict.in_words());
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            let _ = writeln!(text, "| `{prefix}{key}` | {values} | {default} | {} | {verdict} |", scopes.join("; "));
        }
        for annotation in dialect.annotations() {
            let _ = writeln!(text, "\n### `{}{}`\n\n{}", dialect.prefix, annotation.key, annotation.doc);
        }
    }
    text
}
