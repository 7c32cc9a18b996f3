//! The keys that replicas share: what is wrong with the Secret of `--shared-keys`.

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity, SharedKeys};

use super::input::Input;

const REMEDY: &str =
    "Put 32 or more random bytes into each entry of its data, such as those of: openssl rand -base64 48";

/// The keys that are in the Secret now. `None`: it is there, and they cannot be used.
pub fn shared_keys(input: &Input) -> Option<SharedKeys> {
    let secret = input.settings().shared_keys.as_ref().and_then(|name| input.objects().secret(name));
    let Some(secret) = secret else { return Some(SharedKeys::default()) };
    secret.shared.as_ref().and_then(|keys| keys.as_ref().ok()).cloned()
}

/// What is wrong with this Secret, if it is the one that has the keys.
pub(crate) fn problems(input: &Input, name: &ObjectName) -> Vec<Problem> {
    if input.settings().shared_keys.as_ref() != Some(name) {
        return Vec::new();
    }
    let instead = "so this process uses keys of its own, or those that it had from this Secret before";
    let (code, message) = match input.objects().secret(name).map(|secret| &secret.shared) {
        Some(Some(Ok(_))) => return Vec::new(),
        Some(Some(Err(fault))) => (ProblemCode::InvalidSecret, format!("it has no keys to share: {fault}; {instead}")),
        Some(None) => (ProblemCode::InvalidSecret, format!("its type is for certificates, {instead}")),
        None => {
            let message = "the Secret is missing or may not be read, so this process uses keys of its own";
            (ProblemCode::SecretNotFound, message.to_owned())
        }
    };
    let object = ObjectRef::new(ObjectKind::Secret, name.clone());
    vec![Problem {
        object,
        field: "--shared-keys".into(),
        code,
        severity: Severity::Warning,
        message,
        remedy: REMEDY.into(),
    }]
}
