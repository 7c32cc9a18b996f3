//! Values with variables of nginx.

use crate::model::{Captures, Template, TemplateError};

use super::super::draft::Draft;

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
