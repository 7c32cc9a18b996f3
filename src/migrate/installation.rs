//! What an installation of ingress-nginx comes to: its settings, its Service and its classes, as values of Tidegate's chart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{ObjectName, Problem};
use crate::source::manifests::Written;
use crate::source::objects::ConfigMap;
use crate::translate::annotations::{Choices, KeyEffect, MissingWaf, NginxKey, Snippets, nginx_key, read_nginx_keys};

use super::Wishes;
use super::controller::{CLASS, CONTROLLER, Controller};
use super::fields::{self, Named, port, texts};
use super::plan::{Entry, Plan};
use super::setting::{Outcome, Setting, kept, take_up, take_up_key};
use super::words::plain;
use super::{flags, keys};

/// Objects that an installation may have, of the kinds that are looked at.
pub(super) struct Surroundings<'a> {
    /// All of them.
    pub(super) objects: &'a [Written],
    /// The class and the controller that are moved.
    pub(super) class: &'a str,
    pub(super) controller_class: &'a str,
}

/// What the values came from, and they themselves.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) flags: Vec<Setting>,
    pub(super) keys: Vec<Setting>,
    pub(super) streams: Vec<Stream>,
    pub(super) values: Vec<Entry>,
    pub(super) notes: Vec<String>,
    /// The Service of the controller.
    pub(super) service: Option<Named>,
    /// The ConfigMap of the controller, if the values follow it.
    pub(super) followed: Option<ConfigMap>,
}

/// A TCP or UDP service: none is served yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
    /// The port that the controller listens on.
    pub port: String,
    /// `NAMESPACE/SERVICE:PORT`, as it is written.
    pub target: String,
}

/// Works out the values. Without a controller they are those of the class alone.
pub(super) fn moved(around: &Surroundings<'_>, controller: Option<&Controller>, wishes: &Wishes) -> Moved {
    let mut plan = Plan::default();
    let mut notes = Vec::new();
    plan.set("profile", "ingress-nginx", "the defaults of ingress-nginx");
    classes(around, &mut plan);
    let mut moved = Moved {
        flags: Vec::new(),
        keys: Vec::new(),
        streams: Vec::new(),
        values: Vec::new(),
        notes: Vec::new(),
        service: None,
        followed: None,
    };
    if let Some(controller) = controller {
        workload(around, controller, &mut plan, &mut notes);
        moved.flags = controller.flags.iter().map(|(name, value)| flag(name, value, &mut plan)).collect();
        (moved.keys, moved.followed) = config_map_keys(around, controller, &mut plan, &mut notes);
        if plan.get("accessLogFormat").is_none() && plan.get("accessLog").is_none() {
            plan.set("accessLogFormat", "ingress-nginx", "its lines go on; without this they are JSON");
        }
        moved.streams = streams(around, controller, &mut plan, &mut notes);
        default_backend(around, controller, &mut plan, &mut notes);
        secrets(&mut plan);
        moved.service = service(around, controller, &mut plan, &mut notes);
        published(controller, moved.service.as_ref(), &mut plan);
    }
    match wishes.snippets {
        Some(Snippets::Translated) => drop(plan.set("nginxSnippets", "translate", "")),
        Some(Snippets::Refused) => drop(plan.set("nginxSnippets", "refuse", "")),
        None => {}
    }
    if wishes.waf == MissingWaf::Closed {
        plan.set("wafMissing", "fail", "");
    }
    let (values, more) = plan.finish();
    moved.values = values;
    notes.extend(more);
    moved.notes = notes;
    moved
}

fn flag(name: &str, value: &str, plan: &mut Plan) -> Setting {
    let row = flags::ROWS.iter().find(|row| row.name == name);
    let shown = if name.len() == 1 { format!("-{name}") } else { format!("--{name}") };
    take_up(row, shown, value, plan)
}

/// An object of a kind by its name.
fn find<'a>(objects: &'a [Written], kind: &str, name: &Named) -> Option<&'a Value> {
    let is_it = |object: &&Written| object.kind == kind && fields::name_of(&object.value).as_ref() == Some(name);
    objects.iter().find(is_it).map(|object| &object.value)
}

/// The IngressClass is there already: a chart cannot create it again.
fn classes(around: &Surroundings<'_>, plan: &mut Plan) {
    let of_controller = |object: &&Written| {
        object.kind == "IngressClass"
            && object.value.pointer("/spec/controller").and_then(Value::as_str) == Some(around.controller_class)
    };
    let class = around.objects.iter().find(|object| {
        of_controller(object) && object.value.pointer("/metadata/name").and_then(Value::as_str) == Some(around.class)
    });
    let is_default = class.is_some_and(|class| {
        let annotations = texts(class.value.pointer("/metadata/annotations"));
        annotations.get("ingressclass.kubernetes.io/is-default-class").is_some_and(|value| value == "true")
    });
    if class.is_some() {
        plan.set(
            "ingressClass.create",
            false,
            "it exists: docs/migrate-from-ingress-nginx.md, step 3, says how to keep it when you uninstall ingress-nginx",
        );
    } else {
        plan.set("ingressClass.create", true, "none was found; false if it exists");
    }
    if fields::is_name(around.class) {
        plan.set("ingressClass.name", around.class, "");
    }
    let is_controller = |text: &str| {
        let (domain, path) = text.split_once('/').unwrap_or((text, "a"));
        fields::is_name(domain) && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
    };
    if is_controller(around.controller_class) {
        plan.set("ingressClass.controllerName", around.controller_class, "");
    }
    if is_default && class.is_none() {
        plan.set("ingressClass.isDefault", true, "");
    }
}

/// Kind, replicas, and where pods run.
fn workload(around: &Surroundings<'_>, controller: &Controller, plan: &mut Plan, notes: &mut Vec<String>) {
    if controller.kind == "DaemonSet" {
        plan.set("kind", "DaemonSet", "");
    } else if let Some(replicas) = controller.replicas.filter(|replicas| (1..=1000).contains(replicas)) {
        plan.set("replicaCount", replicas, "");
    }
    autoscaling(around, controller, plan);
    let ports = controller.ports.iter();
    let host_port = |inside: u64| {
        let is_it = |port: &&Value| port.get("containerPort").and_then(Value::as_u64) == Some(inside);
        port(ports.clone().find(is_it)?.get("hostPort"))
    };
    let inside = |flag: &str, default: u64| controller.flag(flag).and_then(|port| port.parse().ok()).unwrap_or(default);
    let (http, https) = (inside("http-port", 80), inside("https-port", 443));
    let on_host = controller.pod.get("hostNetwork").and_then(Value::as_bool) == Some(true);
    let of_host =
        |inside: u64| host_port(inside).or_else(|| u16::try_from(inside).ok().filter(|port| on_host && *port > 0));
    if let (Some(http), Some(https)) = (of_host(http), of_host(https)) {
        let comment = if on_host { "hostNetwork: here only the ports are those of the node" } else { "hostPort" };
        plan.set("hostPort.enabled", true, comment);
        plan.set("hostPort.http", http, "");
        plan.set("hostPort.https", https, "");
        notes.push(
            "Ports of the node itself are taken by ingress-nginx as long as it runs there: install side by side without \
             hostPort, or on other nodes"
                .into(),
        );
    }
    let linux = ("kubernetes.io/os".to_owned(), "linux".to_owned());
    let selector = texts(controller.pod.get("nodeSelector"));
    if !selector.is_empty() && selector != BTreeMap::from([linux]) {
        plan.set("nodeSelector", json!(selector), "");
    }
    if let Some(tolerations) = list_of_maps(controller.pod.get("tolerations")) {
        plan.set("tolerations", tolerations, "");
    }
    if let Some(class) =
        controller.pod.get("priorityClassName").and_then(Value::as_str).filter(|class| fields::is_name(class))
    {
        plan.set("priorityClassName", class, "");
    }
}

fn list_of_maps(value: Option<&Value>) -> Option<Value> {
    let list = value?.as_array().filter(|list| !list.is_empty() && list.iter().all(Value::is_object))?;
    Some(Value::Array(list.clone()))
}

fn autoscaling(around: &Surroundings<'_>, controller: &Controller, plan: &mut Plan) {
    if controller.kind != "Deployment" {
        return;
    }
    let text = |object: &Value, field: &str| object.pointer(field).and_then(Value::as_str).map(str::to_owned);
    let scaler = around.objects.iter().find(|object| {
        object.kind == "HorizontalPodAutoscaler"
            && text(&object.value, "/spec/scaleTargetRef/name").as_deref() == Some(&*controller.name.name)
            && text(&object.value, "/spec/scaleTargetRef/kind").as_deref() == Some("Deployment")
            && fields::name_of(&object.value).is_some_and(|name| name.namespace == controller.name.namespace)
    });
    let Some(scaler) = scaler else { return };
    let number = |field: &str| scaler.value.pointer(field).and_then(Value::as_u64).filter(|number| *number > 0);
    let (least, most) = (number("/spec/minReplicas").unwrap_or(1), number("/spec/maxReplicas"));
    let Some(most) = most.filter(|most| *most >= least) else { return };
    plan.set("autoscaling.enabled", true, "as the HorizontalPodAutoscaler of ingress-nginx");
    plan.set("autoscaling.minReplicas", least, "");
    plan.set("autoscaling.maxReplicas", most, "");
    let metrics = scaler.value.pointer("/spec/metrics").and_then(Value::as_array).into_iter().flatten();
    let target = |resource: &str| {
        let is_it = |metric: &&Value| metric.pointer("/resource/name").and_then(Value::as_str) == Some(resource);
        metrics
            .clone()
            .find(is_it)?
            .pointer("/resource/target/averageUtilization")?
            .as_u64()
            .filter(|target| *target > 0)
    };
    let (cpu, memory) = (target("cpu"), target("memory"));
    if cpu.is_some() || memory.is_some() {
        plan.set("autoscaling.targetCPUUtilizationPercentage", cpu.map_or(Value::Null, Value::from), "");
        plan.set("autoscaling.targetMemoryUtilizationPercentage", memory.map_or(Value::Null, Value::from), "");
    }
}

fn config_map_keys(
    around: &Surroundings<'_>,
    controller: &Controller,
    plan: &mut Plan,
    notes: &mut Vec<String>,
) -> (Vec<Setting>, Option<ConfigMap>) {
    let Some(name) = controller.named_by("configmap") else { return Default::default() };
    let Some(config_map) = find(around.objects, "ConfigMap", &name) else {
        notes.push(format!("The controller's ConfigMap {name} was not found: what it sets is not in this report"));
        return Default::default();
    };
    let data = texts(config_map.get("data"));
    let row_of = |key: &str| keys::ROWS.iter().find(|row| row.name == key);
    // What no value of the chart can say, the ConfigMap itself can.
    let is_left = |key: &str, value: &str| {
        let acts = |known: NginxKey| known.effect == KeyEffect::Acts && !known.is_default(value);
        row_of(key).is_none() && nginx_key(key).is_some_and(acts)
    };
    let is_followed = data.iter().any(|(key, value)| is_left(key, value));
    if is_followed {
        let comment =
            "it sets what no other value does: docs/migrate-from-ingress-nginx.md, step 3, says how to keep it";
        plan.set("nginxConfigMap", name.to_string(), comment);
    }
    let text = |(key, value): (&String, &String)| (Arc::from(&**key), Arc::from(&**value));
    let name = ObjectName::new(&*name.namespace, &*name.name);
    let map = ConfigMap { name, data: data.iter().map(text).collect(), is_too_large: false };
    let findings = findings_of(&map, &data);
    let take = |(key, value): (&String, &String)| {
        if is_left(key, value) {
            return kept(key, value, findings.get(&**key).map(|message| &**message));
        }
        let known = nginx_key(key);
        let setting = take_up_key(row_of(key), known.as_ref(), key, value, plan);
        // An option would win over the key for good.
        let option =
            known.and_then(|known| known.option).filter(|_| is_followed && setting.outcome == Outcome::Becomes);
        match option.filter(|option| plan.leave_out(option)) {
            Some(_) => kept(key, value, None),
            None => setting,
        }
    };
    (data.iter().map(take).collect(), is_followed.then_some(map))
}

/// What following a ConfigMap would find wrong with its keys: a message for each.
fn findings_of(map: &ConfigMap, data: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let found = read_nginx_keys(map, Choices::default(), &|_| false).findings;
    let of_key = |problem: Problem| {
        let key = data.keys().find(|key| problem.field == format!("data[{key:?}]"))?;
        Some((key.clone(), format!("{}. {}", problem.message, problem.remedy)))
    };
    found.into_iter().filter_map(of_key).collect()
}

fn streams(
    around: &Surroundings<'_>,
    controller: &Controller,
    plan: &mut Plan,
    notes: &mut Vec<String>,
) -> Vec<Stream> {
    let mut found = Vec::new();
    for (flag, protocol, value) in [
        ("tcp-services-configmap", "TCP", "streams.tcpConfigMap"),
        ("udp-services-configmap", "UDP", "streams.udpConfigMap"),
    ] {
        let Some(name) = controller.named_by(flag) else { continue };
        match find(around.objects, "ConfigMap", &name) {
            Some(config_map) => {
                let comment =
                    "its ports are to be listed in streams.ports, so that the Service has them: docs/streams.md";
                plan.set(value, name.to_string(), comment);
                found.extend(texts(config_map.get("data")).iter().map(|(port, target)| Stream {
                    protocol,
                    port: plain(port),
                    target: plain(target),
                }));
            }
            None => notes.push(format!("ConfigMap {name} ({protocol} services) was not found")),
        }
    }
    found
}

/// `--default-backend-service` names no port: it is the Service's first.
fn default_backend(around: &Surroundings<'_>, controller: &Controller, plan: &mut Plan, notes: &mut Vec<String>) {
    let Some(name) = controller.named_by("default-backend-service") else { return };
    let first = find(around.objects, "Service", &name).and_then(|service| port(service.pointer("/spec/ports/0/port")));
    let is_watched =
        plan.get("watch.namespaces").and_then(Value::as_array).is_none_or(|list| list.contains(&json!(name.namespace)));
    match first {
        Some(port) if is_watched => {
            let comment = if name.namespace == controller.name.namespace {
                "default-backend-service; if it belongs to ingress-nginx it goes with it"
            } else {
                "default-backend-service"
            };
            plan.set("defaultBackend", format!("{name}:{port}"), comment);
        }
        Some(_) => notes.push(format!(
            "The default backend {name} is in a namespace that watch.namespaces does not list, so it is not in the values"
        )),
        None => notes.push(format!("The default backend {name} was not found: set defaultBackend to {name}:PORT yourself")),
    }
}

/// With namespaces, that of the default certificate must be one whose Secrets may be read.
fn secrets(plan: &mut Plan) {
    let Some(Value::Array(watched)) = plan.get("watch.namespaces").cloned() else { return };
    let certificate = plan.get("defaultCertificate").and_then(Value::as_str).and_then(|name| name.split_once('/'));
    let Some((namespace, _)) = certificate else { return };
    let namespace = json!(namespace);
    if !watched.contains(&namespace) {
        let all: Vec<Value> = watched.into_iter().chain([namespace]).collect();
        plan.set("secrets.namespaces", all, "watch.namespaces, and that of defaultCertificate");
    }
}

/// The Service that leads to the controller.
fn service(
    around: &Surroundings<'_>,
    controller: &Controller,
    plan: &mut Plan,
    notes: &mut Vec<String>,
) -> Option<Named> {
    let mut candidates: Vec<(Named, &Value)> = around
        .objects
        .iter()
        .filter(|object| object.kind == "Service")
        .filter_map(|object| Some((fields::name_of(&object.value)?, &object.value)))
        .filter(|(name, service)| {
            let selector = texts(service.pointer("/spec/selector"));
            let selects = selector.iter().all(|(key, value)| controller.labels.get(key) == Some(value));
            name.namespace == controller.name.namespace
                && !selector.is_empty()
                && selects
                && web_port(service, "http").is_some()
        })
        .collect();
    let published = controller.named_by("publish-service");
    candidates.sort_by_key(|(name, service)| {
        let rank =
            ["LoadBalancer", "NodePort"].iter().position(|kind| service.pointer("/spec/type") == Some(&json!(kind)));
        (Some(name) != published.as_ref(), rank.unwrap_or(2), name.clone())
    });
    let mut candidates = candidates.into_iter();
    let (name, service) = candidates.next()?;
    for (other, _) in candidates {
        notes.push(format!("Service {other} leads to ingress-nginx too: make one like it for Tidegate's pods"));
    }
    describe(service, plan, notes);
    Some(name)
}

/// The port of a Service for http or https, by name or number.
fn web_port<'a>(service: &'a Value, name: &str) -> Option<&'a Value> {
    let number = if name == "http" { 80 } else { 443 };
    let ports = service.pointer("/spec/ports")?.as_array()?;
    let named = ports.iter().find(|port| port.get("name").and_then(Value::as_str) == Some(name));
    named.or_else(|| ports.iter().find(|port| port.get("port").and_then(Value::as_u64) == Some(number)))
}

fn describe(service: &Value, plan: &mut Plan, notes: &mut Vec<String>) {
    let text = |field: &str| service.pointer(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind = text("/spec/type")
        .filter(|kind| matches!(*kind, "NodePort" | "LoadBalancer" | "ClusterIP"))
        .unwrap_or("ClusterIP");
    plan.set("service.type", kind, "");
    let mut annotations = texts(service.pointer("/metadata/annotations"));
    // Written by programs, about the object that carries them.
    annotations
        .retain(|key, _| !["kubectl.kubernetes.io/", "meta.helm.sh/"].iter().any(|prefix| key.starts_with(prefix)));
    if annotations.contains_key("service.beta.kubernetes.io/aws-load-balancer-ssl-cert") {
        plan.set("loadBalancer.terminatesTls", true, "aws-load-balancer-ssl-cert");
        notes.push(
            "TLS ends at the AWS load balancer: it must send what it decrypted to Tidegate's http port, see docs/aws-nlb.md".into(),
        );
    }
    // Where ingress-nginx answers health checks, Tidegate does not.
    let is_check = |key: &str| key.starts_with("service.beta.kubernetes.io/aws-load-balancer-healthcheck-");
    if annotations.keys().any(|key| is_check(key)) {
        annotations.retain(|key, _| !is_check(key));
        notes.push(
            "The health check of the AWS load balancer is not in the values: it names a port and path of ingress-nginx. docs/aws-nlb.md \
             has those of Tidegate"
                .into(),
        );
    }
    if !annotations.is_empty() {
        plan.set("service.annotations", json!(annotations), "");
    }
    for (name, ports, nodes) in [
        ("http", "service.ports.http", "service.nodePorts.http"),
        ("https", "service.ports.https", "service.nodePorts.https"),
    ] {
        let Some(entry) = web_port(service, name) else { continue };
        let default = if name == "http" { 80 } else { 443 };
        if let Some(port) = port(entry.get("port")).filter(|port| *port != default) {
            plan.set(ports, port, "");
        }
        if kind != "ClusterIP"
            && let Some(node) = port(entry.get("nodePort"))
        {
            let comment = "taken as long as the Service of ingress-nginx has it: leave it out side by side";
            plan.set(nodes, node, if name == "http" { comment } else { "" });
        }
    }
    let others = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let others = others.filter(|port| ["http", "https"].iter().all(|name| web_port(service, name) != Some(port)));
    let others: Vec<String> = others.filter_map(|port| Some(port.get("port")?.as_u64()?.to_string())).collect();
    if !others.is_empty() {
        notes.push(format!("The Service has other ports too, which Tidegate does not serve: {}", others.join(", ")));
    }
    if kind != "ClusterIP" && text("/spec/externalTrafficPolicy") == Some("Local") {
        plan.set("service.externalTrafficPolicy", "Local", "");
    }
    if text("/spec/internalTrafficPolicy") == Some("Local") {
        plan.set("service.internalTrafficPolicy", "Local", "");
    }
    if let Some(policy) =
        text("/spec/ipFamilyPolicy").filter(|policy| matches!(*policy, "PreferDualStack" | "RequireDualStack"))
    {
        plan.set("service.ipFamilyPolicy", policy, "");
    }
    let addresses = |field: &str| {
        let list = service.pointer(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let is_address = |text: &&str| text.parse::<std::net::IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok();
        let list: Vec<&str> = list.filter(is_address).collect();
        (!list.is_empty()).then(|| json!(list))
    };
    if let Some(addresses) = addresses("/spec/externalIPs") {
        plan.set("service.externalIPs", addresses, "");
    }
    if kind == "LoadBalancer" {
        load_balancer(service, addresses("/spec/loadBalancerSourceRanges"), plan);
    }
}

fn load_balancer(service: &Value, ranges: Option<Value>, plan: &mut Plan) {
    let text = |field: &str| service.pointer(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(class) = text("/spec/loadBalancerClass") {
        plan.set("service.loadBalancerClass", class, "");
    }
    if let Some(address) = text("/spec/loadBalancerIP").filter(|address| address.parse::<std::net::IpAddr>().is_ok()) {
        plan.set(
            "service.loadBalancerIP",
            address,
            "free only when the Service of ingress-nginx has gone: leave it out side by side",
        );
    }
    if let Some(ranges) = ranges {
        plan.set("service.loadBalancerSourceRanges", ranges, "");
    }
    if service.pointer("/spec/allocateLoadBalancerNodePorts") == Some(&json!(false)) {
        plan.set("service.allocateLoadBalancerNodePorts", false, "");
    }
}

/// The chart publishes its own Service; another one must be named.
fn published(controller: &Controller, own: Option<&Named>, plan: &mut Plan) {
    let Some(name) = controller.named_by("publish-service") else { return };
    if own != Some(&name) && plan.get("status.publishAddresses").is_none() {
        plan.set("status.publishService", name.to_string(), "publish-service");
    }
}

/// The class and controller of an installation, or those that are usual.
pub(super) fn class_of(controller: Option<&Controller>) -> (String, String) {
    let class = controller.map_or(CLASS, Controller::class);
    let name = controller.map_or(CONTROLLER, Controller::controller);
    (class.to_owned(), name.to_owned())
}
