//! Fields of answers that a ConfigMap has.

use super::super::edit_options::CustomHeaders;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;
use super::config_map_name;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "custom-headers",
    value: Value::Text {
        values: "`name` or `namespace/name` of a ConfigMap",
        read: |draft, text, carrier| {
            let named = match config_map_name::of(draft, text, carrier) {
                Some(name) => CustomHeaders::Named(name),
                None => {
                    draft.is_unreadable(
                        "names no ConfigMap, so all requests are answered with 503",
                        "Write the namespace and name of a ConfigMap, with a slash between",
                    );
                    CustomHeaders::Unusable
                }
            };
            draft.options.of_rare().edits.custom = Some(named);
            Some(())
        },
    },
    default: "none",
    scopes: &[Scope::Ingress],
    verdict: Verdict::Bounded(
        "a change of the ConfigMap counts at once; a field that frames a message or belongs to a connection is refused: 503",
    ),
    doc: "The ConfigMap with fields for the answers of these routes, ours among them: each key is a name and its value, which has no\n\
          variables, stands in place of what pods send under this name. Only names that `--allowed-response-headers`, or\n\
          `global-allowed-response-headers` of ingress-nginx's ConfigMap, lists may be set: by default none. The ConfigMap is of the\n\
          namespace of the Ingress, unless `--config-maps-across-namespaces` is given, and the process must be allowed to read it\n\
          (`--config-map-names`). Where it is missing, or any of its fields may not be set, all requests are answered with 503, as\n\
          in ingress-nginx.",
}];
