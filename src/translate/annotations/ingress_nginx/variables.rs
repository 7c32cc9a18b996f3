//! Values with variables of nginx.

use crate::model::{Captures, Part, PodHost, Template, TemplateError, Variable};

use super::super::draft::Draft;

/// Whether a template can come to a host at all.
pub(super) fn may_be_host(template: &Template) -> bool {
    let sample = template.parts().iter().map(|part| match part {
        Part::Text(text) => text,
        Part::Variable(Variable::ServicePort) => "80",
        Part::Variable(_) => "a",
    });
    PodHost::is_one(&sample.collect::<String>())
}

/// Reads a value. `None`: it is refused, and the draft says why.
pub(super) fn read(draft: &mut Draft, text: &str, captures: Captures) -> Option<Template> {
    match Template::parse(text, captures) {
        Ok(template) => Some(template),
        Err(TemplateError::Syntax) => {
            draft.refuses(
                "has a $ with no name of a variable behind it, so it is not applied",
                "Write a variable such as $request_uri, or leave the $ out",
            );
            None
        }
        Err(TemplateError::Unknown) => {
            draft.refuses(
                "has a variable that is not known here, so it is not applied",
                "Use one of the variables in docs/annotations.md",
            );
            None
        }
    }
}
