//! Findings about the annotations of a Service.

use crate::model::{ObjectRef, Problem};

use super::super::annotations;
use super::super::input::Input;

/// The findings. About a Service that nobody of ours routes to, and that asks for no port, there are none.
pub(super) fn problems(input: &Input, service: &ObjectRef) -> Vec<Problem> {
    let Some(parsed) = input.index().annotations_of(&service.name) else { return Vec::new() };
    let mut users = input.index().users(service.kind, &service.name).iter();
    let is_used = users.any(|user| user.is_ours(input.objects(), input.settings()));
    let has_stream = || input.streams().has(service) || input.streams().of_service(&service.name).next().is_some();
    let asks_for_streams = parsed.options().rare().is_some_and(|rare| rare.exposed.is_some());
    if !is_used && !input.is_default_backend(&service.name) && !asks_for_streams && !has_stream() {
        return Vec::new();
    }
    annotations::problems_of_service(service, parsed)
}
