//! What `kubectl auth can-i --list` says for the service account in each mode is what docs/rbac.md says.

use std::collections::BTreeSet;

use tidegate_e2e::{DEADLINE, eventually};
use tokio::time::Instant;

use crate::{api, kubectl, template};

const CLASSES: &str = "ingressclasses.networking.k8s.io [] [get list watch]";
/// Of the release's own namespace: where the other pods are.
const SLICES: &str = "endpointslices.discovery.k8s.io [] [get list watch]";
const SECRETS: &str = "secrets [] [get list watch]";
const SERVICES: &str = "services [] [get list watch]";
/// What is read of and reported to a namespace.
const SERVED: &[&str] = &[
    "ingresses.networking.k8s.io [] [get list watch]",
    SERVICES,
    "endpointslices.discovery.k8s.io [] [get list watch]",
    "ingresses.networking.k8s.io/status [] [patch]",
    "events.events.k8s.io [] [create patch]",
];

/// Values, and the rights in the release's namespace, in `NS-a` (the one that values name) and in `NS-b`, beside the
/// Lease in the first.
struct Mode {
    name: &'static str,
    values: &'static [&'static str],
    own: Vec<&'static str>,
    named: Vec<&'static str>,
    other: Vec<&'static str>,
}

fn modes() -> Vec<Mode> {
    let with = |more: &[&'static str]| [SERVED, more].concat();
    let durable = || {
        let patched =
            |right: &'static str| if right == SERVICES { "services [] [get list watch patch]" } else { right };
        with(&[CLASSES, SECRETS]).into_iter().map(patched).collect::<Vec<_>>()
    };
    vec![
        Mode {
            name: "cluster",
            values: &[],
            own: with(&[CLASSES, SECRETS]),
            named: with(&[CLASSES, SECRETS]),
            other: with(&[CLASSES, SECRETS]),
        },
        Mode {
            name: "namespaces",
            values: &["secrets.access=namespaces", "secrets.namespaces={rights-a}"],
            own: with(&[CLASSES]),
            named: with(&[CLASSES, SECRETS]),
            other: with(&[CLASSES]),
        },
        Mode {
            name: "names",
            values: &["secrets.access=names", "secrets.names.rights-a={x,y}"],
            own: with(&[CLASSES]),
            named: with(&[CLASSES, "secrets [x] [get watch]", "secrets [y] [get watch]"]),
            other: with(&[CLASSES]),
        },
        Mode {
            name: "watched",
            values: &["watch.namespaces={rights-a}"],
            own: vec![CLASSES, SLICES],
            named: with(&[CLASSES, SECRETS]),
            other: vec![CLASSES],
        },
        Mode {
            name: "durable",
            values: &["stats.enabled=true", "stats.durableActions=true"],
            own: durable(),
            named: durable(),
            other: durable(),
        },
        Mode {
            name: "durable-watched",
            values: &["stats.enabled=true", "stats.durableActions=true", "watch.namespaces={rights-a}"],
            own: vec![CLASSES, SLICES],
            named: durable(),
            other: vec![CLASSES],
        },
        Mode {
            name: "watched-names",
            values: &["watch.namespaces={rights-a}", "secrets.access=names", "secrets.names.rights-a={x}"],
            own: vec![CLASSES, SLICES],
            named: with(&[CLASSES, "secrets [x] [get watch]"]),
            other: vec![CLASSES],
        },
        Mode {
            name: "watched-no-class",
            values: &["watch.namespaces={rights-a}", "ingressClass.lookup=false", "ingressClass.create=false"],
            own: vec![SLICES],
            named: with(&[SECRETS]),
            other: vec![],
        },
    ]
}

#[test]
fn the_service_account_may_do_in_each_mode_what_is_documented_and_nothing_else() {
    for name in ["rights", "rights-a", "rights-b"] {
        api().apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"));
    }
    for mode in modes() {
        let values: Vec<_> = mode.values.iter().flat_map(|value| ["--set", value]).collect();
        let only = ["--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml"];
        let yaml = template("tidegate", "rights", &[&values[..], &only[..]].concat());
        kubectl(&["apply", "-f", "-"], &yaml).expect("roles are valid");
        let mut own = mode.own;
        own.push("leases.coordination.k8s.io [] [create]");
        own.push("leases.coordination.k8s.io [tidegate] [get update]");
        for (namespace, expected) in [("rights", &own), ("rights-a", &mode.named), ("rights-b", &mode.other)] {
            let expected: BTreeSet<_> = expected.iter().map(ToString::to_string).collect();
            let mut last = BTreeSet::new();
            let what = format!("{} in {namespace}", mode.name);
            // Roles take effect a moment after they were made.
            let deadline = Instant::now() + DEADLINE;
            while last != expected && Instant::now() < deadline {
                last = rights("tidegate", namespace).difference(&rights("nobody", namespace)).cloned().collect();
            }
            assert_eq!(last, expected, "{what}");
        }
        kubectl(&["delete", "-f", "-"], &yaml).expect("they are there");
        eventually("nothing is granted any more", || {
            (rights("tidegate", "rights-a") == rights("nobody", "rights-a")).then_some(())
        });
    }
}

/// Lines of `kubectl auth can-i --list` without non-resource URLs: resource, names, verbs.
fn rights(account: &str, namespace: &str) -> BTreeSet<String> {
    let user = format!("system:serviceaccount:rights:{account}");
    let groups = ["system:serviceaccounts", "system:serviceaccounts:rights", "system:authenticated"];
    let groups: Vec<_> = groups.iter().map(|group| format!("--as-group={group}")).collect();
    let mut arguments = vec!["auth", "can-i", "--list", "--no-headers", "--as", &user, "-n", namespace];
    arguments.extend(groups.iter().map(String::as_str));
    let (said, _) = kubectl(&arguments, "").expect("the API server answers");
    let resources = said.lines().filter_map(|line| {
        let (resource, rest) = line.split_once(' ')?;
        let rest = rest.trim_start().strip_prefix("[]")?;
        (!resource.is_empty()).then(|| format!("{resource} {}", rest.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    resources.collect()
}
