//! How each Ingress fares: from what translation finds, and from nothing else.

use std::collections::BTreeMap;

use crate::model::{Filter, ObjectKind, ObjectRef, Problem, ProblemCode, Severity, Snapshot};
use crate::source::objects::Ingress;
use crate::translate::annotations::{NGINX_PREFIX, Standing, field_of, standing};
use crate::translate::{self, Input};

use super::report::{AnnotationTotal, Finding, IngressReport, OtherFinding, Verdict};
use super::words::{plain, sentence};

/// The annotation that needs a flag of the controller.
const PASSTHROUGH: &str = "nginx.ingress.kubernetes.io/ssl-passthrough";

/// What was judged.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) ingresses: Vec<IngressReport>,
    pub(super) annotations: Vec<AnnotationTotal>,
    pub(super) others: Vec<OtherFinding>,
    /// Classes of the Ingresses that were left out, with their number.
    pub(super) left_out: BTreeMap<String, usize>,
    /// Findings that were passed over because no object of the kind was read: by kind.
    pub(super) unchecked: BTreeMap<ObjectKind, usize>,
}

/// Kinds of which no object was read: what is said to be missing may be there.
pub(super) struct Unread {
    pub(super) services: bool,
    pub(super) secrets: bool,
    pub(super) config_maps: bool,
    /// Whether ingress-nginx does not read `ssl-passthrough` either.
    pub(super) passthrough: bool,
}

/// Translates everything, and sorts what is found.
pub(super) fn judge(input: &Input, source: &[Problem], unread: &Unread, old: &BTreeMap<ObjectRef, String>) -> Judged {
    let (snapshot, findings) = translate::snapshot(input);
    let open = open(&snapshot);
    let mut of_object: BTreeMap<&ObjectRef, Vec<&Problem>> = BTreeMap::new();
    for problem in source.iter().chain(findings.values().flatten()) {
        of_object.entry(&problem.object).or_default().push(problem);
    }
    let mut judged = Judged::default();
    let mut totals = BTreeMap::new();
    let mut ingresses: Vec<_> = input.objects().ingresses().collect();
    ingresses.sort_by(|a, b| a.name.cmp(&b.name));
    for ingress in ingresses {
        let object = ObjectRef { kind: ObjectKind::Ingress, name: ingress.name.clone() };
        if !translate::is_ours(input, ingress) {
            let class = translate::asked_class(ingress).unwrap_or_default();
            *judged.left_out.entry(plain(class)).or_default() += 1;
            // Of the other classes nothing is said, but for one that does not exist.
            continue;
        }
        let mut problems = of_object.remove(&object).unwrap_or_default();
        let is_told = |problem: &&Problem| !(unread.passthrough && problem.field == field_of(PASSTHROUGH));
        problems.retain(|problem| is_told(problem) && is_checked(problem, unread, &mut judged.unchecked));
        count(&mut totals, ingress, &problems);
        let mut report = of_ingress(ingress, &problems, old.get(&object));
        if report.verdict == Verdict::Refused && open.get(&object) == Some(&false) {
            report.verdict = Verdict::Closed;
        }
        judged.ingresses.push(report);
    }
    judged.annotations = sorted(totals);
    // What is wrong with keys of ingress-nginx's own ConfigMap is told with the keys.
    let is_other = |object: &ObjectRef| match object.kind {
        ObjectKind::Ingress => false,
        ObjectKind::ConfigMap => input.settings().nginx_config_map.as_ref() != Some(&object.name),
        ObjectKind::IngressClass
        | ObjectKind::Service
        | ObjectKind::EndpointSlice
        | ObjectKind::Secret
        | ObjectKind::File => true,
    };
    let others = of_object.into_iter().filter(|(object, _)| is_other(object));
    for problem in others.flat_map(|(_, problems)| problems) {
        if is_checked(problem, unread, &mut judged.unchecked) {
            judged
                .others
                .push(OtherFinding { object: sentence(&problem.object.to_string()), finding: finding(problem, None) });
        }
    }
    judged.others.sort();
    judged.others.dedup();
    judged
}

/// The objects that routes come from, and whether any of these routes lets somebody pass.
fn open(snapshot: &Snapshot) -> BTreeMap<ObjectRef, bool> {
    let mut open = BTreeMap::new();
    for route in snapshot.hosts.values().flat_map(|host| host.routes.iter()) {
        if let Some(object) = route.origin.object() {
            *open.entry(object).or_default() |= !route.filters.iter().any(Filter::closes);
        }
    }
    open
}

/// Whether an object that is said to be missing was looked for.
fn is_checked(problem: &Problem, unread: &Unread, unchecked: &mut BTreeMap<ObjectKind, usize>) -> bool {
    let kind = match problem.code {
        ProblemCode::ServiceNotFound if unread.services => ObjectKind::Service,
        ProblemCode::SecretNotFound if unread.secrets => ObjectKind::Secret,
        ProblemCode::ConfigMapNotFound if unread.config_maps => ObjectKind::ConfigMap,
        _ => return true,
    };
    *unchecked.entry(kind).or_default() += 1;
    false
}

/// Whether a finding is about what moving changes. The others hold under ingress-nginx as well: it answers 503 without a Service,
/// serves its own certificate without a Secret, gives a path to the oldest Ingress, and ignores keys that it does not have.
fn is_of_moving(problem: &Problem) -> bool {
    match problem.code {
        // A certificate is unusable everywhere; users or authorities may be written in a form that nginx reads.
        ProblemCode::InvalidSecret => !problem.field.starts_with("spec.tls"),
        ProblemCode::EndpointsForbidden
        | ProblemCode::InvalidManifest
        | ProblemCode::InvalidField
        | ProblemCode::InvalidHost
        | ProblemCode::UnknownAnnotation
        | ProblemCode::Conflict
        | ProblemCode::ClassNotFound
        | ProblemCode::ServiceNotFound
        | ProblemCode::ExternalNameUnresolved
        | ProblemCode::PortNotFound
        | ProblemCode::UnsupportedProtocol
        | ProblemCode::PortRefused
        | ProblemCode::PortUnavailable
        | ProblemCode::NoEndpoints
        | ProblemCode::SecretNotFound
        | ProblemCode::ConfigMapNotFound
        | ProblemCode::CertificateMismatch
        | ProblemCode::CertificateExpired => false,
        ProblemCode::InvalidPath
        | ProblemCode::PatternPath
        | ProblemCode::InvalidAnnotation
        | ProblemCode::UnsupportedAnnotation
        | ProblemCode::OverriddenAnnotation
        | ProblemCode::CanaryWithoutMain
        | ProblemCode::HostNotOwned
        | ProblemCode::UnsupportedParameters
        | ProblemCode::UnsupportedBackend
        | ProblemCode::UnsupportedService
        | ProblemCode::ExternalNameRefused
        | ProblemCode::EndpointRejected
        | ProblemCode::SecretNotListed
        | ProblemCode::SecretForbidden
        | ProblemCode::TooManySecrets
        | ProblemCode::ConfigMapNotListed
        | ProblemCode::ConfigMapForbidden
        | ProblemCode::TooManyConfigMaps
        | ProblemCode::InvalidConfigMap
        | ProblemCode::UnknownKey
        | ProblemCode::UnsupportedKey
        | ProblemCode::OverriddenKey
        | ProblemCode::InvalidCertificate => true,
    }
}

fn of_ingress(ingress: &Ingress, problems: &[&Problem], old_version: Option<&String>) -> IngressReport {
    let (mut findings, mut faults) = (Vec::new(), Vec::new());
    let mut verdict = Verdict::Works;
    for problem in problems {
        if is_of_moving(problem) && !is_of_nobody(ingress, problem) {
            verdict = verdict.min(match problem.severity {
                Severity::Error => Verdict::Refused,
                Severity::Warning => Verdict::Differs,
            });
            findings.push(finding(problem, Some(ingress)));
        } else if !(problem.code == ProblemCode::InvalidManifest && problem.field == "apiVersion") {
            // Old versions are told by themselves.
            faults.push(finding(problem, Some(ingress)));
        }
    }
    findings.sort();
    findings.dedup();
    faults.sort();
    faults.dedup();
    let mut hosts: Vec<_> =
        ingress.rules.iter().filter(|rule| !rule.host.is_empty()).map(|rule| plain(&rule.host)).collect();
    hosts.dedup();
    IngressReport {
        namespace: plain(&ingress.name.namespace),
        name: plain(&ingress.name.name),
        hosts,
        verdict,
        findings,
        faults,
        old_version: old_version.cloned(),
    }
}

/// Whether a finding is about annotations of other controllers only, which have no effect in ingress-nginx either.
fn is_of_nobody(ingress: &Ingress, problem: &Problem) -> bool {
    problem.code == ProblemCode::UnsupportedAnnotation
        && problem.field == "metadata.annotations"
        && !ingress.annotations.with_prefix(NGINX_PREFIX).any(|(key, _)| standing(key) == Some(Standing::Unread))
}

fn finding(problem: &Problem, ingress: Option<&Ingress>) -> Finding {
    let Problem { object: _, field, code, severity, message, remedy } = problem;
    let annotations = ingress.into_iter().flat_map(|ingress| ingress.annotations.iter());
    let annotation = annotations.map(|(key, _)| key).find(|key| field_of(key) == *field);
    Finding {
        severity: severity.as_str(),
        code: code.as_str(),
        place: annotation.map_or_else(|| plain(field), |key| plain(key)),
        message: sentence(message),
        remedy: sentence(remedy),
    }
}

fn count(totals: &mut BTreeMap<String, AnnotationTotal>, ingress: &Ingress, problems: &[&Problem]) {
    for (key, _) in ingress.annotations.with_prefix(NGINX_PREFIX) {
        let short = plain(key.strip_prefix(NGINX_PREFIX).unwrap_or(key));
        let field = field_of(key);
        let has_finding = problems.iter().any(|problem| problem.field == field);
        let total = totals.entry(short.clone()).or_insert_with(|| {
            let (verdict, text) = match standing(key) {
                Some(Standing::Exact) => ("exact", String::new()),
                Some(Standing::Bounded(how)) => ("exact, bounded", how.to_owned()),
                Some(Standing::Different(how)) => ("different", how.to_owned()),
                Some(Standing::NoEffect(why)) => ("no effect", why.to_owned()),
                Some(Standing::Refused(why)) => ("refused", why),
                Some(Standing::Nobodys) => ("none of ingress-nginx", String::new()),
                Some(Standing::Unread) | None => ("not read", String::new()),
            };
            AnnotationTotal { annotation: short, ingresses: 0, findings: 0, verdict, text }
        });
        total.ingresses += 1;
        total.findings += usize::from(has_finding);
    }
}

fn sorted(totals: BTreeMap<String, AnnotationTotal>) -> Vec<AnnotationTotal> {
    let mut totals: Vec<_> = totals.into_values().collect();
    totals.sort_by_key(|total| (std::cmp::Reverse((total.findings, total.ingresses)), total.annotation.clone()));
    totals
}
