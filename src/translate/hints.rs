//! From where endpoints are to be used: `hints` of EndpointSlices, read as kube-proxy reads them (KEP-2433, KEP-3015).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::EndpointSpec;
use crate::source::objects::SliceHints;

use super::settings::Place;

/// Says of each endpoint whether it is far from where this process runs. `hinted` are endpoints with what their slice says of them.
///
/// Hints count where every endpoint has them and some are for here; otherwise all endpoints are alike, so that neither a zone without
/// endpoints nor hints that are not complete yet take a Service away. Hints for nodes come before those for zones.
pub(super) fn apply(place: &Place, hinted: &[(SocketAddr, &SliceHints)], specs: &mut [EndpointSpec]) {
    let (node, zone) = (place.node.as_ref(), place.zone.as_ref());
    let near = node
        .and_then(|node| near(hinted, specs, |hints| &hints.nodes, node))
        .or_else(|| near(hinted, specs, |hints| &hints.zones, zone?));
    let Some(near) = near else { return };
    for spec in specs {
        spec.is_far = !near.contains(&spec.address);
    }
}

/// The addresses that are for `here`; `None`: hints of this kind do not count.
fn near(
    hinted: &[(SocketAddr, &SliceHints)],
    specs: &[EndpointSpec],
    of: fn(&SliceHints) -> &[Arc<str>],
    here: &Arc<str>,
) -> Option<HashSet<SocketAddr>> {
    let those = |may_be: &dyn Fn(&[Arc<str>]) -> bool| -> HashSet<SocketAddr> {
        hinted.iter().filter(|(_, hints)| may_be(of(hints))).map(|(address, _)| *address).collect()
    };
    let near = those(&|hints| hints.contains(here));
    let hinted = those(&|hints| !hints.is_empty());
    let all_are_hinted = specs.iter().all(|spec| hinted.contains(&spec.address));
    let some_are_near = specs.iter().any(|spec| near.contains(&spec.address));
    (all_are_hinted && some_are_near).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of endpoints with these hints are far, from zone `a` and node `n`.
    fn far(hints: &[(&[&str], &[&str])]) -> Vec<bool> {
        let texts = |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect();
        let address = |number: usize| SocketAddr::from(([10, 0, 0, number as u8], 80));
        let hints: Vec<_> =
            hints.iter().map(|(zones, nodes)| SliceHints { zones: texts(zones), nodes: texts(nodes) }).collect();
        let hinted: Vec<_> = hints.iter().enumerate().map(|(number, hints)| (address(number), hints)).collect();
        let mut specs: Vec<_> = hinted.iter().map(|(address, _)| EndpointSpec::active(*address)).collect();
        let place = Place { zone: Some("a".into()), node: Some("n".into()) };
        apply(&place, &hinted, &mut specs);
        specs.iter().map(|spec| spec.is_far).collect()
    }

    #[test]
    fn hints_count_where_all_have_one_and_some_are_for_here() {
        assert_eq!(far(&[(&["a"], &[]), (&["b"], &[]), (&["b", "a"], &[])]), [false, true, false]);
        assert_eq!(far(&[(&["a"], &[]), (&[], &[])]), [false, false], "not all have one");
        assert_eq!(far(&[(&["b"], &[]), (&["c"], &[])]), [false, false], "none is for here");
        assert_eq!(far(&[]), [true; 0]);
    }

    #[test]
    fn hints_for_nodes_come_first_where_they_count() {
        assert_eq!(far(&[(&["a"], &["n"]), (&["a"], &["m"])]), [false, true]);
        assert_eq!(far(&[(&["a"], &["m"]), (&["b"], &["o"])]), [false, true], "no endpoint on the node: by zone");
    }
}
