//! Black box over loopback: Tidegate in process between raw clients and scripted pods. Test names carry the rule of
//! the semantics notes or the class of the reliability notes they show.

#[path = "../support/mod.rs"]
mod support;

mod forwarding;
