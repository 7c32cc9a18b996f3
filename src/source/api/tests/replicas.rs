//! What is read of the installation itself, where few namespaces are: the EndpointSlices of one Service, and one Secret.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fake::{Answer, Asked, Followed, list};
use crate::model::{ObjectName, ProblemCode};
use crate::source::api::{ClassAccess, ConfigMapAccess, SecretAccess, Settings};

/// Of the namespace `shop` alone; the installation is in `edge`.
fn settings() -> Settings {
    Settings {
        namespaces: vec!["shop".into()],
        classes: ClassAccess::None,
        secrets: SecretAccess::Namespaces(vec!["shop".into()]),
        config_maps: ConfigMapAccess::Names(BTreeSet::new()),
        config_maps_of_options: Default::default(),
        shared_keys: Some(ObjectName::new("edge", "keys")),
        self_service: Some(ObjectName::new("edge", "tidegate-replicas")),
        signature: None,
    }
}

fn is_own(asked: &Asked) -> bool {
    asked.query.contains("service-name%3Dtidegate-replicas") || asked.query.contains("service-name=tidegate-replicas")
}

fn slice() -> Value {
    json!({
        "metadata": {
            "name": "tidegate-replicas-x", "namespace": "edge", "resourceVersion": "3",
            "labels": {"kubernetes.io/service-name": "tidegate-replicas"},
        },
        "addressType": "IPv4", "ports": [],
        "endpoints": [{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "tidegate-1", "uid": "u"}}],
    })
}

#[tokio::test]
async fn the_slices_and_the_secret_of_the_installation_are_read_whatever_namespaces_are() {
    let mut followed = Followed::start_with(settings(), |asked| match asked.resource.as_str() {
        "endpointslices" if is_own(asked) && !asked.is_watch => Some(Answer::Body(list(&[slice()], "3", ""))),
        "secrets" if asked.name == "keys" && !asked.is_watch => Some(Answer::Body(
            json!({"kind": "Secret", "metadata": {"name": "keys", "namespace": "edge", "resourceVersion": "4"}})
                .to_string(),
        )),
        _ => None,
    })
    .await;
    followed.want([ObjectName::new("edge", "keys")].into());
    followed.until_synced().await;
    assert!(followed.objects.contains_key("EndpointSlice edge/tidegate-replicas-x"), "{:?}", followed.objects);
    assert!(followed.objects.contains_key("Secret edge/keys"), "{:?}", followed.objects);
    let asked = followed.asked("secrets", false);
    assert!(asked.iter().filter(|asked| asked.name == "keys").all(|asked| asked.query.is_empty()), "{asked:?}");
}

#[tokio::test]
async fn where_they_may_not_be_read_everything_else_is_followed_and_told() {
    let mut followed = Followed::start_with(settings(), |asked| {
        let is_ours = asked.resource == "endpointslices" && is_own(asked) || asked.name == "keys";
        is_ours.then_some(Answer::Status(403, "forbidden"))
    })
    .await;
    followed.want([ObjectName::new("edge", "keys")].into());
    followed.until_synced().await;
    while followed.problems.len() < 2 {
        followed.next().await;
    }
    let mut told: Vec<_> = followed.problems.iter().map(|problem| (problem.object.to_string(), problem.code)).collect();
    told.sort();
    let service = "Service edge/tidegate-replicas".to_owned();
    assert_eq!(
        told,
        [("Secret edge/keys".to_owned(), ProblemCode::SecretForbidden), (service, ProblemCode::EndpointsForbidden)]
    );
}
