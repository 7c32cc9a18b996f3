//! Passwords as annotations ask for them, with the users of the Secret that they name.

use std::sync::Arc;

use crate::model::{
    AuthService, BasicAuth, EnoughPassword, Excused, ExternalAuth, ObjectName, ProblemCode, Severity, Sources, UserList,
};
use crate::source::objects::Secret;

use super::annotations::{AuthKind, AuthOptions, NamedSecret, Options, Satisfy, UserLayout};
use super::input::Input;
use super::secret::{SecretFinding, allowed};

/// What stands where no realm is given.
const REALM: &str = "Authentication Required";
/// Where challenges of certificate authorities are answered (RFC 8555 §8.3). Paths of rules at or below it ask for no password.
const ACME: &str = "/.well-known/acme-challenge";
const INSTEAD: &str = "nobody is served: all requests are answered with 503";

/// Who has a password; `None`: none is asked for.
pub(super) fn basic_auth(input: &Input, options: &Options) -> Option<Arc<BasicAuth>> {
    let auth = options.auth()?;
    let kind = auth.kind()?;
    Some(Arc::new(match list(input, auth, kind) {
        Ok((_, list)) => BasicAuth::Users {
            realm: auth.realm().cloned().unwrap_or_else(|| REALM.into()),
            users: Arc::clone(&list.users),
            excused: excused(options),
        },
        Err(_) => BasicAuth::Unknown,
    }))
}

/// Whether no password is asked for at a path, as a rule gives it. `open` are the paths that are said for all routes.
pub(super) fn is_exempt(path: &str, open: Option<&[Box<str>]>) -> bool {
    if let Some(open) = open {
        return open.iter().any(|open| path.starts_with(&**open));
    }
    path.strip_prefix(ACME).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the lists of addresses are only another way in where something else is asked for, and no condition of their own.
pub(super) fn is_alternative(sources: &Sources, options: &Options) -> bool {
    match sources {
        Sources::Unreadable => false,
        Sources::Lists { .. } => is_one_enough(options),
    }
}

/// Whether one of the ways in is enough.
fn is_one_enough(options: &Options) -> bool {
    options.auth().is_some_and(|auth| auth.satisfy() == Satisfy::Any)
}

/// A password and the consent of a service, each with what the other is to it. Where one of them is enough a single filter looks at
/// both, and nobody is served where one of them is not known.
pub(super) fn together(
    options: &Options,
    password: Option<Arc<BasicAuth>>,
    consent: Option<Arc<ExternalAuth>>,
) -> (Option<Arc<BasicAuth>>, Option<Arc<ExternalAuth>>) {
    if !is_one_enough(options) {
        return (password, consent);
    }
    match (password.as_deref(), consent.as_deref()) {
        (Some(BasicAuth::Users { realm, users, excused: _ }), Some(ExternalAuth::Service(service))) => {
            let passwords = Some(EnoughPassword { realm: Arc::clone(realm), users: Arc::clone(users) });
            let service = AuthService { passwords, ..(**service).clone() };
            (None, Some(Arc::new(ExternalAuth::Service(Box::new(service)))))
        }
        (Some(BasicAuth::Users { .. }), Some(ExternalAuth::Unusable)) => (None, consent),
        (Some(BasicAuth::Unknown), Some(_)) | (None, _) | (_, None) => (password, consent),
    }
}

/// Whose address is enough. A list of addresses that are refused allows none by itself.
pub(super) fn excused(options: &Options) -> Option<Excused> {
    match (options.auth()?.satisfy(), options.sources()?.rule()?) {
        (Satisfy::Any, Sources::Lists { denied, allowed }) => allowed.map(|allowed| Excused { allowed, denied }),
        (Satisfy::Any, Sources::Unreadable) | (Satisfy::All, _) => None,
    }
}

/// What is wrong with the users that an object asks for, or with asking for them.
pub(super) fn finding(input: &Input, options: &Options) -> Option<SecretFinding> {
    let auth = options.auth()?;
    let Some(kind) = auth.kind() else {
        let without =
            "auth-secret names users, but without auth-type no password is asked for, and everybody is served";
        let is_told = || finding_of(ProblemCode::UnsupportedAnnotation, without.into(), "Set auth-type to basic");
        return auth.secret().map(|_| is_told());
    };
    match list(input, auth, kind) {
        Ok((name, list)) => of_list(name, list, matches!(auth.secret(), Some(NamedSecret::OfOther(_)))),
        Err(finding) => finding.map(|finding| *finding),
    }
}

/// The users, with the Secret that has them. An error without a finding was told with the annotation.
fn list<'a>(
    input: &'a Input,
    auth: &'a AuthOptions,
    kind: AuthKind,
) -> Result<(&'a ObjectName, &'a UserList), Option<Box<SecretFinding>>> {
    let fault = |code, message, remedy| Err(Some(Box::new(finding_of(code, message, remedy))));
    let name = match (kind, auth.secret()) {
        (AuthKind::Unsupported, _) => return Err(None),
        (AuthKind::Basic, Some(named)) => allowed(input, named, INSTEAD)?,
        (AuthKind::Basic, None) => {
            let message = format!("auth-type asks for passwords, but no auth-secret names users, so {INSTEAD}");
            return fault(ProblemCode::InvalidAnnotation, message, "Set auth-secret to a Secret with users");
        }
    };
    let Some(secret) = input.objects().secret(name) else {
        let message = format!("Secret {name} does not exist or may not be read, so {INSTEAD}");
        return fault(
            ProblemCode::SecretNotFound,
            message,
            "Create the Secret, with lines of htpasswd in its key auth",
        );
    };
    let Secret { users: Some(users), .. } = &**secret else {
        let message = format!("Secret {name} is of type kubernetes.io/tls, which has no users, so {INSTEAD}");
        return fault(ProblemCode::InvalidSecret, message, "Use a Secret of type Opaque");
    };
    match (auth.layout(), &users.file) {
        (UserLayout::Map, _) => Ok((name, &users.map)),
        (UserLayout::File, Some(file)) => Ok((name, file)),
        (UserLayout::File, None) => {
            let message = format!("Secret {name} has no key auth, so {INSTEAD}");
            let remedy = "Put lines of htpasswd into the key auth, or set auth-secret-type to auth-map";
            fault(ProblemCode::InvalidSecret, message, remedy)
        }
        (UserLayout::Unknown, _) => Err(None),
    }
}

/// What is wrong with entries of a list. Of one of another namespace it is not told where: keys are for those who have the Secret.
fn of_list(name: &ObjectName, list: &UserList, is_of_other: bool) -> Option<SecretFinding> {
    let UserList { users, faults, fault_count } = list;
    let told: Vec<_> =
        if is_of_other { vec![format!("{fault_count}")] } else { faults.iter().map(ToString::to_string).collect() };
    let told = told.join("; ");
    let more = if is_of_other { 0 } else { fault_count - faults.len() };
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let message = match (users.is_empty(), *fault_count) {
        (false, 0) => return of_weak(name, users.weak()),
        (true, 0) => format!("Secret {name} has no users, so all requests are answered with 401"),
        (true, _) => {
            format!("Secret {name} has no user that can be used, so all requests are answered with 401: {told}{more}")
        }
        (false, _) => format!("Secret {name} has entries that let nobody in: {told}{more}"),
    };
    let remedy = "Write each user as htpasswd -B does";
    Some(finding_of(ProblemCode::InvalidSecret, message, remedy))
}

/// What is told of hashes that let people in and should not be there.
fn of_weak(name: &ObjectName, count: usize) -> Option<SecretFinding> {
    let weak = format!(
        "Secret {name} has {count} of DES-crypt among its hashes: of these passwords only eight characters count, and who has the hash soon has the password"
    );
    let finding = finding_of(ProblemCode::InvalidSecret, weak, "Write each user as htpasswd -B does");
    (count > 0).then_some(SecretFinding { severity: Severity::Warning, ..finding })
}

fn finding_of(code: ProblemCode, message: String, remedy: &str) -> SecretFinding {
    SecretFinding { code, severity: Severity::Error, message, remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_n8_rules_at_or_below_the_path_of_challenges_are_exempt_and_no_other() {
        for (path, expected) in [
            ("/.well-known/acme-challenge", true),
            ("/.well-known/acme-challenge/", true),
            ("/.well-known/acme-challenge/x", true),
            ("/.well-known/acme-challenges", false),
            ("/.well-known/", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(is_exempt(path, None), expected, "{path}");
        }
        let open = ["/a".into(), "/.well-known/".into()];
        for (path, expected) in [("/a", true), ("/ab", true), ("/.well-known/x", true), ("/", false), ("/b/a", false)] {
            assert_eq!(is_exempt(path, Some(&open)), expected, "{path}");
        }
        assert!(!is_exempt("/.well-known/acme-challenge/x", Some(&[])));
    }
}
