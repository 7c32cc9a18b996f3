//! Annotations: the dialects in which authors set what the Ingress API has no field for.
//!
//! A dialect is a prefix and a table with one row for each annotation (`table`). The table is the parser, the documentation
//! and the list that unknown keys are compared with. All dialects write the same `Options`; of two that set the same thing
//! the one that comes first in `Dialects` wins. The annotations of an object are read once, when it arrives; the index keeps
//! what they set beside the object.

mod affinity_options;
mod answer_options;
mod anyway;
mod auth_options;
mod canary_options;
mod choices;
mod client_options;
mod cookie_values;
mod cors_options;
mod defaults;
mod dialects;
mod document;
mod draft;
mod edit_options;
mod error_options;
mod exposed;
mod external_auth_options;
mod faults;
mod foreign;
mod haproxy;
mod haproxy_keys;
mod ingress_nginx;
mod limit_options;
mod lines;
mod location_options;
mod meant;
mod mirror_options;
mod native;
mod nginx_keys;
mod options;
mod parsed;
mod path_options;
mod pod_options;
mod policy_options;
mod rare_options;
mod reading;
mod redirect_target;
mod restricting;
mod rewrite_target;
mod service_url;
pub mod snippets;
mod source_options;
mod standing;
mod table;
mod take_over;
mod upstream_options;
mod value;

use crate::model::{ObjectRef, Problem};
use crate::source::objects::Annotations;

pub(crate) use anyway::{Anyway, Usual};
pub(crate) use auth_options::{AuthKind, AuthOptions, Satisfy, UserLayout};
pub use choices::{Choices, MissingWaf, Snippets};
pub(crate) use client_options::{ClientOptions, SubjectPattern};
pub use dialects::{DialectName, Dialects};
pub use document::document;
#[cfg(test)]
pub(crate) use draft::Draft;
pub(crate) use edit_options::{CustomHeaders, EditOptions};
pub(crate) use exposed::Exposed;
pub use haproxy::{AclError, condition as haproxy_condition};
pub use haproxy_keys::document as document_haproxy_keys;
pub(crate) use haproxy_keys::{HaproxyKeys, read as read_haproxy_keys};
pub(crate) use location_options::{LocationOptions, client_port};
pub(crate) use mirror_options::MirrorOptions;
pub(crate) use native::{endpoint_overrides, number as port_number, service_port};
pub use nginx_keys::document as document_nginx_keys;
pub(crate) use nginx_keys::{GlobalKeys, NginxKeys, read as read_nginx_keys};
pub use nginx_keys::{KeyEffect, NginxKey, nginx_key};
pub(crate) use options::Options;
pub(crate) use parsed::Parsed;
pub(crate) use path_options::Taken;
pub(crate) use pod_options::{NamedSecret, PodProtocol, PodTlsOptions};
pub(crate) use reading::read;
pub(crate) use service_url::{ServiceUrl, UrlHost, service};
pub(crate) use source_options::SourceOptions;
pub use standing::{NGINX_PREFIX, Standing, field_of, standing};
pub(crate) use table::Scope;
#[cfg(test)]
pub(crate) use table::{Annotation, Dialect, Unlisted, Verdict};
#[cfg(test)]
pub(crate) use value::Value;

/// Whether an annotation with this key says how pods are spoken to. Its value belongs to the backends that it was written with.
pub(crate) fn concerns_pods(key: &str) -> bool {
    key.strip_prefix(ingress_nginx::DIALECT.prefix).is_some_and(ingress_nginx::concerns_pods)
        || haproxy::DIALECT.short(key).is_some_and(haproxy::concerns_pods)
}

/// Findings about the annotations of a Service. What other controllers read there is for them.
pub(crate) fn problems_of_service(object: &ObjectRef, parsed: &Parsed) -> Vec<Problem> {
    parsed.faults().iter().map(|fault| fault.problem(object)).collect()
}

/// Findings about the annotations of an object: those that were made when they were read, and those about other
/// controllers' annotations that ask for something else than what happens anyway.
pub(crate) fn problems(
    dialects: &Dialects,
    object: &ObjectRef,
    annotations: &Annotations,
    parsed: &Parsed,
    anyway: Option<Anyway>,
) -> Vec<Problem> {
    let read = parsed.faults().iter().map(|fault| fault.problem(object));
    read.chain(foreign::problems(dialects, object, annotations, anyway)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::objects::annotations::PREFIXES;

    #[test]
    fn no_dialect_lists_a_key_twice_and_topics_are_in_order() {
        for dialect in Dialects::default().tables() {
            let keys: BTreeSet<_> = dialect.annotations().map(|annotation| annotation.key).collect();
            assert_eq!(keys.len(), dialect.annotations().count(), "{}", dialect.prefix);
            for group in dialect.groups {
                assert!(group.is_sorted_by_key(|annotation| annotation.key), "{}", group[0].key);
            }
        }
    }

    #[test]
    fn sources_keep_what_the_dialects_read() {
        for dialect in DialectName::ALL {
            assert!(PREFIXES.contains(&dialect.table().prefix));
        }
    }
}
