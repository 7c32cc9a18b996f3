//! Passwords.

use super::super::auth_options::{AuthKind, Satisfy, UserLayout};
use super::super::draft::Draft;
use super::super::pod_options::NamedSecret;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::{Value, Word};
use super::secret_name;
use crate::model::ObjectName;

/// Longest realm. Characters.
const LONGEST_REALM: usize = 256;

/// By key.
pub(super) const ROWS: [Annotation; 5] = [
    Annotation {
        key: "auth-realm",
        value: Value::Text {
            values: "a text without control characters, of at most 256",
            read: |draft, text, _| realm(draft, text),
        },
        default: "`Authentication Required`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "one that cannot be read is replaced by the default, and passwords are asked for; `off` is a realm like any other",
        ),
        doc: "What clients are told that the password is for.",
    },
    Annotation {
        key: "auth-secret",
        value: Value::Text {
            values: "`name` or `namespace/name` of a Secret",
            read: |draft, text, carrier| {
                secret(draft, text.trim(), carrier);
                Some(())
            },
        },
        default: "none: with `auth-type` nobody is served (503)",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Bounded(
            "hashes that take long let nobody in: bcrypt with a cost above 14, SHA-crypt with more than 500,000 rounds; at most 10,000 users",
        ),
        doc: "The Secret with the users and the hashes of their passwords: bcrypt, apr1, MD5-crypt, SHA-crypt, DES-crypt, `{SHA}`, `{SSHA}` and\n\
              `{PLAIN}`, as `htpasswd` writes them. It may be of any type but `kubernetes.io/tls`, and of the namespace of the Ingress, unless\n\
              `--secrets-across-namespaces` is given. A change counts at once. Where it is missing or may not be named nobody is served (503).\n\
              An entry that cannot be read lets nobody in and is reported; so is DES-crypt, which is weak.",
    },
    Annotation {
        key: "auth-secret-type",
        value: Value::Text {
            values: "`auth-file` or `auth-map`",
            read: |draft, text, _| {
                let layout = match text {
                    "auth-file" => UserLayout::File,
                    "auth-map" => UserLayout::Map,
                    _ => {
                        draft.is_unreadable(
                            "is no form of a Secret with users, so nobody is served: all requests are answered with 503",
                            "Use auth-file or auth-map",
                        );
                        UserLayout::Unknown
                    }
                };
                draft.options.of_auth().layout = Some(layout);
                Some(())
            },
        },
        default: "`auth-file`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "How the Secret holds the users: with `auth-file` as lines `user:hash` in its key `auth`, with `auth-map` each user as a\n\
              key and the hash as its value.",
    },
    Annotation {
        key: "auth-type",
        value: Value::Text { values: "`basic`", read: kind },
        default: "no password is asked for",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Different(
            "with `digest` nobody is served (503); who is wrong too often is answered with 429; the limits of hashes are stated in docs/security.md",
        ),
        doc: "Asks for a user's name and password, else 401. It comes behind redirects and lists of addresses, so no password is\n\
              asked for where https is used instead. Paths at or below `/.well-known/acme-challenge` ask for none. Pods do not get\n\
              the password: `Authorization` stays here.",
    },
    Annotation {
        key: "satisfy",
        value: Value::OneOf(&[
            Word { text: "all", set: |draft| draft.options.of_auth().satisfy = Some(Satisfy::All) },
            Word { text: "any", set: |draft| draft.options.of_auth().satisfy = Some(Satisfy::Any) },
        ]),
        default: "`all`",
        scopes: &[Scope::Ingress],
        verdict: Verdict::Exact,
        doc: "With `any` one of these is enough: an address that `allowlist-source-range` has, a password of `auth-type`, the consent of\n\
              `auth-url`. They are looked at in this order, up to the first that lets the client in. Where none does, the last decides what\n\
              is answered: the service, with `auth-signin` the way there (302), without a service the question for a password (401). Where\n\
              one that is asked for cannot be read or done, nobody is served (503).",
    },
];

/// An empty value is none.
fn kind(draft: &mut Draft, text: &str, _: &ObjectName) -> Option<()> {
    let kind = match text.trim() {
        "" => return None,
        "basic" => AuthKind::Basic,
        "digest" => {
            draft.is_unreadable(
                "is not spoken, as it needs passwords in clear or MD5 of them, so nobody is served: all requests are answered with 503",
                "Use basic, over https",
            );
            AuthKind::Unsupported
        }
        _ => {
            draft.is_unreadable(
                "is not known, so nobody is served: all requests are answered with 503",
                "Use basic, over https",
            );
            AuthKind::Unsupported
        }
    };
    draft.options.of_auth().kind = Some(kind);
    Some(())
}

/// A realm without control characters.
pub(in super::super) fn realm(draft: &mut Draft, text: &str) -> Option<()> {
    let text = text.trim();
    let is_realm = text.chars().count() <= LONGEST_REALM && !text.contains(char::is_control);
    draft.options.of_auth().realm = is_realm.then(|| text.into());
    is_realm.then_some(())
}

/// A Secret that cannot be used lets nobody in.
pub(in super::super) fn secret(draft: &mut Draft, text: &str, carrier: &ObjectName) {
    let (namespace, name) = text.split_once('/').unwrap_or((&carrier.namespace, text));
    let named = if let Some(named) = secret_name::of(draft, namespace, name, carrier) {
        named
    } else {
        draft.is_unreadable(
            "names no Secret, so nobody is served where a password is asked for (503)",
            "Write the name of a Secret",
        );
        NamedSecret::Unusable
    };
    draft.options.of_auth().secret = Some(named);
}
