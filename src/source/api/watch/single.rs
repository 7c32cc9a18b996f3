//! One object by its name, without a list: it is read, then a watch of it alone sends its changes. A role can grant both for a
//! single object, `get` and `watch` with `resourceNames`. A `list` would need another grant.
//!
//! The version of an object is that of its last change, which the server often does not know any more, and an answer that there
//! is no such object has none. So the watch begins at any version: the server sends the object as it knows it, which may be older
//! than what was just read, and then its changes. Older versions are ignored.

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::super::failure::{Failure, Reason};
use super::super::lenient;
use super::{End, State, Watch, garbage};
use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};

/// The version that stands for any: a watch from here begins with what is there.
pub(super) const ANY: &str = "0";

impl Watch {
    /// Reads the object of this name. Returns the version to watch from.
    pub(super) async fn read(&self, state: &mut State, name: &str) -> Result<String, End> {
        let started = Instant::now();
        // It is never closed.
        let _turn = self.turns.acquire().await.ok();
        match self.access.get(self.scope.get(name)?).await {
            Ok(body) => {
                let raw: &RawValue = serde_json::from_slice(&body).map_err(|error| garbage("object", &error))?;
                let item = lenient::item(self.scope.kind, raw, self.signature.as_ref());
                if item.name.as_ref().is_none_or(|found| &*found.name != name) {
                    return Err(Failure::new(Reason::Garbage, "an object that was not asked for").into());
                }
                state.overtaken = Some(item.version.clone());
                self.take(state, item).await?;
            }
            Err(failure) if failure.says_absent(name) => self.absent(state, name).await?,
            Err(failure) => return Err(failure.into()),
        }
        state.heard = Some(started);
        Ok(ANY.to_owned())
    }

    /// There is no such object. That is sent the first time as well, because saved objects may have it.
    async fn absent(&self, state: &mut State, name: &str) -> Result<(), End> {
        let namespace = self.scope.namespace.clone().unwrap_or_default();
        let name = ObjectName { namespace, name: name.into() };
        if state.known.contains(&name) || !state.was_listed {
            self.send(self.gone(name.clone())).await?;
            state.known.remove(&name);
        }
        self.cured(state, name).await?;
        Ok(())
    }
}

impl State {
    /// Whether this version is not newer than what was read or received before.
    pub(super) fn is_overtaken(&self, version: &str) -> bool {
        let Some(last) = &self.overtaken else { return false };
        match (version.parse::<u64>(), last.parse::<u64>()) {
            (Ok(version), Ok(last)) => version <= last,
            // Versions that are not numbers have no order.
            (Ok(_) | Err(_), Ok(_) | Err(_)) => version == last,
        }
    }
}

/// The finding about an object that the settings allow to read and our role does not.
pub(in super::super) fn forbidden(object: ObjectRef) -> Problem {
    let (code, message, plural) = match object.kind {
        ObjectKind::ConfigMap => (
            ProblemCode::ConfigMapForbidden,
            "options and annotations name this ConfigMap, but the controller's role does not allow following it, so no change of it is taken in",
            "configmaps",
        ),
        ObjectKind::Service => {
            let message = "--self-service names this Service, but the controller's role does not allow following its EndpointSlices, so limits for all replicas are not divided";
            let remedy = format!("Grant get, list and watch of endpointslices in namespace {}", object.name.namespace);
            let (code, severity) = (ProblemCode::EndpointsForbidden, Severity::Warning);
            return Problem { object, field: String::new(), code, severity, message: message.into(), remedy };
        }
        ObjectKind::Ingress
        | ObjectKind::IngressClass
        | ObjectKind::EndpointSlice
        | ObjectKind::Secret
        | ObjectKind::File => (
            ProblemCode::SecretForbidden,
            "--secret-names, --default-certificate or --shared-keys names this Secret, but the controller's role does not allow following it, so nothing new is taken from it",
            "secrets",
        ),
    };
    Problem {
        field: String::new(),
        code,
        severity: Severity::Error,
        message: message.into(),
        remedy: format!(
            "Grant get and watch of {plural} with resourceNames [{}] in namespace {}, or take it off the list",
            object.name.name, object.name.namespace
        ),
        object,
    }
}
