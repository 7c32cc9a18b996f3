//! The flags of ingress-nginx's controller, and what each becomes here: knowledge, and nothing else.
//!
//! What needs other objects (the class, the default backend, the published Service) is worked out in `installation`.

use super::fields;
use super::plan::{self, Plan};
use super::setting::{Becomes, Row};

use Becomes::{NoEffect, NotServed, Same, Sets};

const fn row(name: &'static str, default: &'static str, becomes: Becomes) -> Row {
    Row { name, default, becomes }
}

const HERE: Becomes = Same("read for this report");
const LOGS: Becomes = NoEffect("the program's log has logLevel and logFormat");
const API: Becomes = NoEffect("the pod's service account leads to the API server");
const ELECTION: Becomes = NoEffect("a Lease decides who writes status and Events");
const METRICS: Becomes =
    NoEffect("docs/metrics.md says which metrics there are, also under the names of ingress-nginx");
const PORTS: Becomes = NoEffect("the ports of pods are containerPorts, those of the Service service.ports");
const HEALTH: Becomes = NoEffect("/healthz and /readyz are at the metrics port");
const WEBHOOK: Becomes =
    NoEffect("there is no webhook: faults are told on the Ingress, and admissionPolicy refuses some by a policy");
const AT_ONCE: Becomes = NoEffect("changes take effect at once, and nothing is reloaded");
const GEOIP: Becomes = NotServed("there is no database of countries");

/// By name.
pub(super) const ROWS: &[Row] = &[
    row("alsologtostderr", "false", LOGS),
    row(
        "annotations-prefix",
        "nginx.ingress.kubernetes.io",
        NotServed("only nginx.ingress.kubernetes.io/ is read: rename the annotations"),
    ),
    row("apiserver-host", "", API),
    row("bucket-factor", "0", METRICS),
    row("certificate-authority", "", API),
    row("configmap", "", HERE),
    row("controller-class", "k8s.io/ingress-nginx", Same("`ingressClass.controllerName`")),
    row("deep-inspect", "true", WEBHOOK),
    row("default-backend-service", "", Same("`defaultBackend`, see the values")),
    row("default-server-port", "8181", PORTS),
    row("default-ssl-certificate", "", Sets("`defaultCertificate`", default_certificate)),
    row("disable-catch-all", "false", NotServed("an Ingress without a host takes requests for hosts that nobody has")),
    row("disable-full-test", "false", WEBHOOK),
    row("disable-leader-election", "false", ELECTION),
    row("disable-svc-external-name", "false", Sets("`externalName: false`", no_external_names)),
    row("disable-sync-events", "false", NoEffect("Events tell of faults only")),
    row("dynamic-configuration-retries", "15", AT_ONCE),
    row("election-id", "ingress-controller-leader", ELECTION),
    row("election-ttl", "30s", ELECTION),
    row("enable-annotation-validation", "true", NoEffect("every annotation is validated")),
    row("enable-metrics", "false", Sets("`metrics.compat`", metrics)),
    row("enable-ssl-chain-completion", "false", NotServed("put the whole chain into the Secret")),
    row(
        "enable-ssl-passthrough",
        "false",
        NotServed("TLS is not passed through yet: use a Service of type LoadBalancer"),
    ),
    row("enable-topology-aware-routing", "false", Sets("`zoneAware.enabled`", zone_aware)),
    row("exclude-socket-metrics", "", METRICS),
    row("health-check-path", "/healthz", HEALTH),
    row("health-check-timeout", "10", HEALTH),
    row("healthz-host", "", HEALTH),
    row("healthz-port", "10254", HEALTH),
    row("http-port", "80", PORTS),
    row("https-port", "443", PORTS),
    row("ingress-class", "nginx", Same("`ingressClass.name`")),
    row("ingress-class-by-name", "false", NoEffect("an IngressClass counts by its spec.controller")),
    row("internal-logger-address", "127.0.0.1:11514", LOGS),
    row("kubeconfig", "", API),
    row("length-buckets", "", METRICS),
    row("logtostderr", "true", LOGS),
    row("maxmind-edition-ids", "GeoLite2-City,GeoLite2-ASN", GEOIP),
    row("maxmind-license-key", "", GEOIP),
    row("maxmind-mirror", "", GEOIP),
    row("maxmind-retries-count", "1", GEOIP),
    row("maxmind-retries-timeout", "0s", GEOIP),
    row("metrics-per-host", "true", METRICS),
    row("metrics-per-undefined-host", "false", METRICS),
    row("monitor-max-batch-size", "10000", METRICS),
    row(
        "post-shutdown-grace-period",
        "10",
        NoEffect("the process ends when its connections have ended: drain.timeout"),
    ),
    row("profiler-port", "10245", PORTS),
    row("profiling", "true", NoEffect("there is no profiler to reach")),
    row("publish-service", "", Same("`status.publishService`, see the values")),
    row("publish-status-address", "", Sets("`status.publishAddresses`", publish_addresses)),
    row("report-node-internal-ip-address", "false", NotServed("name the addresses in status.publishAddresses")),
    row("report-status-classes", "false", METRICS),
    row("root-ca-file", "", API),
    row("shutdown-grace-period", "0", Sets("`drain.delay`", drain_delay)),
    row("size-buckets", "", METRICS),
    row("skip-headers", "false", LOGS),
    row("skip_headers", "false", LOGS),
    row("ssl-passthrough-proxy-port", "442", PORTS),
    row("status-port", "10246", PORTS),
    row("status-update-interval", "60", AT_ONCE),
    row("stderrthreshold", "2", LOGS),
    row("stream-port", "10247", PORTS),
    row("sync-period", "0s", AT_ONCE),
    row("sync-rate-limit", "0.3", AT_ONCE),
    row("tcp-services-configmap", "", Same("`streams.tcpConfigMap`, see the values")),
    row("time-buckets", "", METRICS),
    row("udp-services-configmap", "", Same("`streams.udpConfigMap`, see the values")),
    row(
        "update-status",
        "true",
        Sets("`status.report`", |plan, value| plan.boolean("status.report", value, "update-status")),
    ),
    row(
        "update-status-on-shutdown",
        "true",
        NoEffect("the address stays: other replicas serve, and the last one is replaced"),
    ),
    row("v", "2", LOGS),
    row("validating-webhook", "", WEBHOOK),
    row("validating-webhook-certificate", "", WEBHOOK),
    row("validating-webhook-key", "", WEBHOOK),
    row("version", "false", NoEffect("it only prints")),
    row("vmodule", "", LOGS),
    row(
        "watch-ingress-without-class",
        "false",
        Sets("`watch.ingressWithoutClass`", |plan, value| {
            plan.boolean("watch.ingressWithoutClass", value, "watch-ingress-without-class")
        }),
    ),
    row("watch-namespace", "", Sets("`watch.namespaces`", watch_namespaces)),
    row("watch-namespace-selector", "", NotServed("list the namespaces in watch.namespaces")),
];

/// Dashboards that are made for ingress-nginx go on.
fn metrics(plan: &mut Plan, value: &str) -> Option<String> {
    match plan::boolean(value)? {
        true => {
            plan.set("metrics.compat", "ingress-nginx", "--enable-metrics: dashboards made for ingress-nginx go on")
        }
        false => Some("metrics are always there, under names of their own".into()),
    }
}

fn default_certificate(plan: &mut Plan, value: &str) -> Option<String> {
    let (namespace, name) = value.split_once('/')?;
    let secret = fields::Named::new(namespace, name)?;
    plan.set("defaultCertificate", secret.to_string(), "default-ssl-certificate")
}

fn no_external_names(plan: &mut Plan, value: &str) -> Option<String> {
    let is_off = plan::boolean(value)?;
    plan.set("externalName", !is_off, "disable-svc-external-name")
}

fn zone_aware(plan: &mut Plan, value: &str) -> Option<String> {
    plan.set("zoneAware.enabled", plan::boolean(value)?, "enable-topology-aware-routing")
}

fn publish_addresses(plan: &mut Plan, value: &str) -> Option<String> {
    let addresses: Vec<&str> = value.split(',').map(str::trim).filter(|address| !address.is_empty()).collect();
    let is_good = |address: &&str| address.parse::<std::net::IpAddr>().is_ok() || fields::is_name(address);
    if addresses.is_empty() || !addresses.iter().all(is_good) {
        return None;
    }
    plan.set("status.publishAddresses", addresses, "publish-status-address")
}

fn drain_delay(plan: &mut Plan, value: &str) -> Option<String> {
    if value.trim() == "0" {
        return Some("`drain.delay: 25s`, the default".into());
    }
    plan.duration("drain.delay", value, "shutdown-grace-period")
}

fn watch_namespaces(plan: &mut Plan, value: &str) -> Option<String> {
    if value.is_empty() {
        return Some("all namespaces, as by default".into());
    }
    let namespaces = plan::namespaces(value)?;
    plan.set("watch.namespaces", namespaces, "watch-namespace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_in_order_and_stand_once() {
        assert!(
            ROWS.is_sorted_by(|a, b| a.name < b.name),
            "{:?}",
            ROWS.windows(2).find(|w| w[0].name >= w[1].name).map(|w| w[1].name)
        );
    }

    #[test]
    fn values_that_are_no_names_set_nothing() {
        let mut plan = Plan::default();
        for value in ["a", "a/b/c", "../b", "a/{{ x }}", ""] {
            assert_eq!(default_certificate(&mut plan, value), None, "{value}");
        }
        assert_eq!(publish_addresses(&mut plan, "192.0.2.1, a b"), None);
        assert_eq!(watch_namespaces(&mut plan, "shop,a/b"), None);
        assert_eq!(plan.finish().0, []);
    }
}
