//! What values make of the rendered objects, and that the program takes the options it is given.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tidegate_e2e::Tidegate;

use crate::{chart, output, template};

/// The objects of a release `tidegate` with these `--set` values, and maybe options of helm after them.
fn objects(values: &[&str], options: &[&str]) -> Vec<Value> {
    let set: Vec<_> = values.iter().flat_map(|value| ["--set", value]).collect();
    let yaml = template("tidegate", "tidegate", &[&set[..], options].concat());
    let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

/// The one object of a kind and name.
fn object(objects: &[Value], kind: &str, name: &str) -> Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let object = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "two {kind} {name}");
    object.clone()
}

/// The options of the container.
fn options(objects: &[Value]) -> Vec<String> {
    let workload = objects.iter().find(|object| object["kind"] == "Deployment" || object["kind"] == "DaemonSet");
    let arguments = workload.expect("a workload")["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    serde_json::from_value(arguments).expect("a list of texts")
}

/// All of charts/tidegate/ci.
pub(crate) fn sets() -> Vec<PathBuf> {
    let mut sets: Vec<_> =
        std::fs::read_dir(chart().join("ci")).expect("value sets").flatten().map(|entry| entry.path()).collect();
    sets.retain(|path| path.is_file());
    sets.sort();
    assert!(sets.len() >= 12, "{sets:?}");
    sets
}

#[test]
fn the_program_takes_the_options_of_every_value_set_and_those_of_a_user_after_them() {
    for set in sets() {
        let file = set.to_str().expect("UTF-8");
        let extra = ["--log-level=debug", "--drain-delay=1s", "--http=127.0.0.1:80", "--ssl-redirect=false"];
        let value = format!("extraArgs={{{}}}", extra.join(","));
        let given = options(&objects(&[&value], &["--values", file]));
        assert!(given.ends_with(&extra.map(str::to_owned)), "{file}: {given:?}");
        // Help is given only if all before it is right.
        let mut tidegate = Command::new(Tidegate::program());
        output(tidegate.args(&given).arg("--help"), "").unwrap_or_else(|said| panic!("{file}: {given:?}: {said}"));
    }
}

#[test]
fn only_a_service_of_node_ports_has_a_port_for_health_checks_unless_asked_to() {
    let ports = |values: &[&str]| -> Vec<String> {
        let service = object(&objects(values, &[]), "Service", "tidegate");
        let ports = service["spec"]["ports"].as_array().expect("ports").iter();
        ports.map(|port| port["name"].as_str().expect("a name").to_owned()).collect()
    };
    for (values, has_health) in [
        (&[][..], true),
        (&["loadBalancer.profile=local"], true),
        (&["service.health.enabled=false"], false),
        (&["service.type=LoadBalancer"], false),
        (&["service.type=ClusterIP"], false),
        (&["service.type=LoadBalancer", "service.health.enabled=true"], true),
    ] {
        let expected: &[&str] = if has_health { &["http", "https", "health"] } else { &["http", "https"] };
        assert_eq!(ports(values), expected, "{values:?}");
    }
}

#[test]
fn names_that_yaml_takes_for_something_else_stay_names() {
    for name in ["on", "123", "1e3", "null"] {
        let class = format!("ingressClass.name={name}");
        let account = format!("serviceAccount.name={name}");
        let objects = objects(&[], &["--set-string", &class, "--set-string", &account]);
        assert_eq!(object(&objects, "IngressClass", name)["metadata"]["name"], name);
        assert_eq!(object(&objects, "ServiceAccount", name)["metadata"]["name"], name);
        assert!(options(&objects).contains(&format!("--ingress-class={name}")));
    }
}
