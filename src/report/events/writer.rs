//! One Event (events.k8s.io/v1).
//!
//! Its name follows from the object and the problem. A problem that is reported again, even after a restart, finds the Event
//! that exists and adds to its count.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::model::{ObjectKind, ObjectRef, Problem};
use crate::observe::EventWrite;
use crate::report::lease::Term;
use crate::report::{Clients, WRITE_TIMEOUT};

use super::book::REPEAT;

/// Longest note that the API accepts. Bytes.
const LONGEST_NOTE: usize = 1024;
/// Longest part of an object's name at the start of the name of its Event: with the hash it stays below 253. Bytes.
const LONGEST_PREFIX: usize = 230;
/// The namespace of Events about objects without one.
const CLUSTER_NAMESPACE: &str = "default";
/// Longest reporting instance that the API accepts. Bytes.
const LONGEST_INSTANCE: usize = 128;

/// Who Events are from.
#[derive(Clone, Debug)]
pub(in crate::report) struct Author {
    /// `reportingController`.
    pub(in crate::report) controller: String,
    /// `reportingInstance`.
    pub(in crate::report) instance: String,
}

/// Writes Events while the term lasts.
pub(in crate::report) struct Writer {
    clients: Clients,
    author: Author,
    term: Term,
}

impl Writer {
    /// In the name of this author.
    pub(in crate::report) fn new(clients: Clients, mut author: Author, term: Term) -> Self {
        author.instance.truncate(cut(&author.instance, LONGEST_INSTANCE));
        Self { clients, author, term }
    }

    pub(super) fn term(&self) -> Term {
        self.term.clone()
    }

    /// Writes an Event about a problem.
    pub(super) async fn write(&self, problem: &Problem) -> EventWrite {
        if !self.term.is_held() {
            return EventWrite::Failed;
        }
        match tokio::time::timeout(WRITE_TIMEOUT, self.tell(problem)).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                tracing::debug!(object = %problem.object, %error, "an Event was not taken");
                EventWrite::Failed
            }
            Err(_) => EventWrite::Failed,
        }
    }

    async fn tell(&self, problem: &Problem) -> kube::Result<EventWrite> {
        let Some(resource) = resource(problem.object.kind) else { return Ok(EventWrite::Skipped) };
        let Some(uid) = self.uid(&problem.object, &resource).await? else { return Ok(EventWrite::Skipped) };
        let event = event(problem, &resource, &uid, &self.author, Timestamp::now());
        let name = event.metadata.name.clone().unwrap_or_default();
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced((self.clients)(), &namespace);
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => Ok(EventWrite::Written),
            Err(kube::Error::Api(status)) if status.code == 409 => repeat(&api, &name).await,
            // A namespace that is being deleted accepts no new objects.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(EventWrite::Skipped),
            Err(error) => Err(error),
        }
    }

    /// The object's uid; `None` when it was deleted. Only metadata is read, because the content of a Secret is not needed.
    async fn uid(&self, object: &ObjectRef, resource: &ApiResource) -> kube::Result<Option<String>> {
        let name = &object.name;
        let api: Api<DynamicObject> = match &*name.namespace {
            "" => Api::all_with((self.clients)(), resource),
            namespace => Api::namespaced_with((self.clients)(), namespace, resource),
        };
        Ok(api.get_metadata_opt(&name.name).await?.and_then(|object| object.metadata.uid))
    }
}

/// Adds one to the count of the Event that exists, unless that was done a short while ago. An empty patch reads the Event, so
/// that a role needs create and patch only.
async fn repeat(api: &Api<Event>, name: &str) -> kube::Result<EventWrite> {
    let params = PatchParams::default();
    let known = api.patch(name, &params, &Patch::Merge(json!({}))).await?;
    let now = Timestamp::now();
    let (count, last) = match &known.series {
        Some(EventSeries { count, last_observed_time }) => (*count, Some(last_observed_time)),
        None => (1, known.event_time.as_ref()),
    };
    let age = last.map_or(i64::MAX, |last| now.as_second().saturating_sub(last.0.as_second()));
    // A minute less, because clocks and pauses are not exact. A time in the future comes from a wrong clock.
    if (0..i64::try_from(REPEAT.as_secs()).unwrap_or(i64::MAX) - 60).contains(&age) {
        return Ok(EventWrite::Unchanged);
    }
    let series = EventSeries { count: count.saturating_add(1), last_observed_time: MicroTime(now) };
    api.patch(name, &params, &Patch::Merge(json!({ "series": series }))).await?;
    Ok(EventWrite::Repeated)
}

fn event(problem: &Problem, resource: &ApiResource, uid: &str, author: &Author, now: Timestamp) -> Event {
    let ObjectRef { kind: _, name } = &problem.object;
    let namespace = if name.namespace.is_empty() { CLUSTER_NAMESPACE } else { &name.namespace };
    let regarding = ObjectReference {
        api_version: Some(resource.api_version.clone()),
        kind: Some(resource.kind.clone()),
        name: Some(name.name.to_string()),
        namespace: Some(name.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    };
    Event {
        metadata: ObjectMeta {
            name: Some(event_name(problem, uid)),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        action: Some("Translate".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(note(problem)),
        reason: Some(problem.code.as_str().to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some(author.controller.clone()),
        reporting_instance: Some(author.instance.clone()),
        type_: Some("Warning".to_owned()),
        ..Event::default()
    }
}

/// What the author of the object reads.
fn note(problem: &Problem) -> String {
    let mut note = format!("{}: {}. {}.", problem.field, problem.message, problem.remedy);
    if note.len() > LONGEST_NOTE {
        note.truncate(cut(&note, LONGEST_NOTE - '…'.len_utf8()));
        note.push('…');
    }
    note
}

/// The object's name and a hash of what distinguishes this problem from others (FNV-1a: the same in every version).
fn event_name(problem: &Problem, uid: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [uid, problem.code.as_str(), &problem.field, &problem.message] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let name = &problem.object.name.name;
    let prefix = name[..cut(name, LONGEST_PREFIX)].trim_end_matches(['.', '-']);
    format!("{prefix}.{hash:016x}")
}

/// The last character boundary at or below this.
fn cut(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What the API calls this kind; `None` for what is not an object.
fn resource(kind: ObjectKind) -> Option<ApiResource> {
    let resource = kind.resource()?;
    Some(ApiResource {
        group: resource.group().to_owned(),
        version: resource.version().to_owned(),
        api_version: resource.api_version.to_owned(),
        kind: kind.as_str().to_owned(),
        plural: resource.plural.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ObjectName, ProblemCode, Severity};

    fn problem(message: &str) -> Problem {
        Problem {
            object: ObjectRef { kind: ObjectKind::Ingress, name: ObjectName::new("shop", "web") },
            field: "spec.rules[0].host".into(),
            code: ProblemCode::InvalidHost,
            severity: Severity::Error,
            message: message.into(),
            remedy: "Write another".into(),
        }
    }

    #[test]
    fn a_note_is_cut_between_characters_and_never_too_long() {
        assert_eq!(note(&problem("it is bad")), "spec.rules[0].host: it is bad. Write another.");
        for pad in 0..4 {
            let long = note(&problem(&("x".repeat(pad) + &"é".repeat(1000))));
            assert!(long.len() <= LONGEST_NOTE && long.ends_with('…'), "{}", long.len());
        }
    }

    #[test]
    fn the_name_tells_object_and_problem_and_is_always_the_same() {
        let name = event_name(&problem("a"), "uid-1");
        assert_eq!(name, event_name(&problem("a"), "uid-1"));
        assert!(name.starts_with("web.") && name.len() == 4 + 16);
        assert_ne!(name, event_name(&problem("b"), "uid-1"));
        assert_ne!(name, event_name(&problem("a"), "uid-2"));
        let mut long = problem("a");
        long.object.name = ObjectName::new("shop", "a".repeat(229) + ".bbb");
        let name = event_name(&long, "uid");
        assert!(name.len() <= 253 && !name.contains(".."), "{name}");
    }

    #[test]
    fn every_kind_is_told_in_its_namespace() {
        let author = Author { controller: "c".into(), instance: "i".into() };
        let mut problem = problem("a");
        problem.object = ObjectRef { kind: ObjectKind::IngressClass, name: ObjectName::new("", "tidegate") };
        let resource = resource(ObjectKind::IngressClass).unwrap();
        let event = event(&problem, &resource, "u", &author, Timestamp::UNIX_EPOCH);
        assert_eq!(event.metadata.namespace.as_deref(), Some("default"));
        let regarding = event.regarding.unwrap();
        assert_eq!((regarding.namespace, regarding.api_version.as_deref()), (None, Some("networking.k8s.io/v1")));
    }
}
