//! Passwords.

use super::super::auth_options::{AuthKind, UserLayout};
use super::super::ingress_nginx::{name_secret, realm};
use super::super::table::{Annotation, Verdict};
use super::super::value::Value;
use super::{INGRESS, row};

/// What clients are told where nothing is said.
const REALM: &str = "Protected Content";

/// By key.
pub(super) const ROWS: [Annotation; 3] = [
    row(
        "auth-realm",
        Value::Text {
            values: "a text without control characters, of at most 256",
            read: |draft, text, _| realm(draft, text),
        },
        "`Protected Content`",
        INGRESS,
        Verdict::Bounded("one that cannot be read is replaced by the default, and passwords are asked for"),
        "What clients are told that the password is for.",
    ),
    row(
        "auth-secret",
        Value::Text {
            values: "`name` or `namespace/name` of a Secret",
            read: |draft, text, carrier| {
                name_secret(draft, text.trim(), carrier);
                Some(())
            },
        },
        "none: with `auth-type` nobody is served (503)",
        INGRESS,
        Verdict::Bounded(
            "hashes that take long let nobody in: bcrypt with a cost above 14, SHA-crypt with more than 500,000 rounds; at most 10,000 users",
        ),
        "The Secret with the users: each is a key, and the value is the hash of the password, as `openssl passwd` or `mkpasswd` write it\n\
         (crypt(3): MD5, SHA-256, SHA-512, bcrypt, DES). It is of the namespace of the Ingress, unless `--secrets-across-namespaces` is\n\
         given. Where it is missing or may not be named nobody is served (503).",
    ),
    row(
        "auth-type",
        Value::Text {
            values: "`basic-auth`",
            read: |draft, text, _| {
                let kind = match text.trim() {
                    "" => return None,
                    "basic-auth" => AuthKind::Basic,
                    _ => {
                        draft.is_unreadable(
                            "is not known, so nobody is served: all requests are answered with 503",
                            "Use basic-auth, over https",
                        );
                        AuthKind::Unsupported
                    }
                };
                let auth = draft.options.of_auth();
                (auth.kind, auth.layout) = (Some(kind), Some(UserLayout::Map));
                auth.usual_realm = Some(REALM.into());
                Some(())
            },
        },
        "no password is asked for",
        INGRESS,
        Verdict::Different(
            "another value lets nobody in (503); who is wrong too often is answered with 429; the limits of hashes are stated in \
             docs/security.md",
        ),
        "Asks for a user's name and password, else 401. It comes behind redirects and lists of addresses. Paths at or below\n\
         `/.well-known/acme-challenge` ask for none. Pods do not get the password: `Authorization` stays here.",
    ),
];
