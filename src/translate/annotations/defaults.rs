//! What holds for objects that set nothing themselves: values of annotations that somebody else gives, such as ingress-nginx's own
//! ConfigMap. They come behind all annotations of an object.

use crate::model::{ObjectKind, ObjectName, ObjectRef};

use super::choices::Choices;
use super::draft::Draft;
use super::external_auth_options::{AuthUrl, ExternalAuthOptions};
use super::parsed::Parsed;
use super::table::Annotation;

/// The values.
#[derive(Debug)]
pub(crate) struct Defaults {
    rows: Box<[(&'static Annotation, Box<str>)]>,
    choices: Choices,
    /// What they come to for an object without annotations. It is the same for all of these.
    shared: Parsed,
}

impl Defaults {
    /// Values of annotations, which can be read.
    pub(super) fn new(rows: Vec<(&'static Annotation, Box<str>)>, choices: Choices) -> Self {
        let mut defaults = Self { rows: rows.into(), choices, shared: Parsed::default() };
        let mut draft = Draft::default();
        defaults.fill(&mut draft, &ObjectName::new("", ""));
        defaults.shared = Parsed::new(draft, Vec::new());
        defaults
    }

    /// Of an object without annotations.
    pub(super) fn shared(&self) -> Parsed {
        self.shared.clone()
    }

    /// What they set, for what needs no object.
    pub(crate) fn options(&self) -> &super::options::Options {
        self.shared.options()
    }

    /// Sets what an object does not.
    pub(super) fn fill(&self, draft: &mut Draft, carrier: &ObjectName) {
        let mut all = Draft::default();
        for (row, text) in &self.rows {
            let mut of_row = Draft { choices: self.choices, ..Draft::default() };
            // It was read before.
            let _ = row.value.read(&mut of_row, text, carrier);
            all.absorb(of_row);
        }
        let mut references = std::mem::take(&mut all.references);
        references.retain(|object| object.kind != ObjectKind::Service);
        if all.options.rare().is_some() {
            let auth = std::mem::take(&mut all.options.of_rare().external_auth);
            references.extend(authenticate(draft, auth, carrier));
        }
        all.references = references;
        draft.absorb(all);
    }
}

/// Who is asked for all objects is asked for this one too, unless it asks somebody itself or says that nobody is asked. Returns
/// the Service.
fn authenticate(draft: &mut Draft, auth: ExternalAuthOptions, carrier: &ObjectName) -> Option<ObjectRef> {
    let has_own = draft
        .options
        .rare()
        .is_some_and(|rare| rare.external_auth.asked().is_some() || rare.external_auth.takes_global == Some(false));
    if has_own || auth.asked().is_none() {
        return None;
    }
    let auth = auth.for_all();
    let service = match &auth.url {
        Some(AuthUrl::Url(url)) => {
            url.service(&carrier.namespace).map(|service| ObjectRef::new(ObjectKind::Service, service))
        }
        Some(AuthUrl::Unreadable) | None => None,
    };
    draft.options.of_rare().external_auth = auth;
    service
}

impl PartialEq for Defaults {
    fn eq(&self, other: &Self) -> bool {
        let texts = |of: &Self| of.rows.iter().map(|(row, text)| (row.key, text.clone())).collect::<Vec<_>>();
        self.choices == other.choices && texts(self) == texts(other)
    }
}

impl Eq for Defaults {}
