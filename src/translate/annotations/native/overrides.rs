//! What the author of a Service says of some of its endpoints.

use std::net::IpAddr;

use crate::model::{EndpointOverride, EndpointState, ObjectName, OverrideOf, PodMark, Weight};

use super::super::draft::Draft;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Most entries.
const MOST: usize = 256;
/// Longest value, bytes.
const LONGEST: usize = 32 * 1024;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "endpoint-overrides",
    value: Value::Text {
        values: "entries with `;` between: an address or the name of a pod, perhaps `@` and the UID of the pod, `=`, and `drain`, `maint` \
                 or `weight:0` to `weight:256`",
        read: |draft: &mut Draft, text, _: &ObjectName| {
            draft.options.of_rare().upstream.overrides = Some(endpoint_overrides(text)?.into());
            Some(())
        },
    },
    default: "all endpoints get equal shares",
    scopes: &[Scope::Service],
    verdict: Verdict::Exact,
    doc: "Takes endpoints out of use or gives them another share, for all replicas and until it is taken back: `drain` gets no\n\
          requests but those that a cookie leads there, `maint` none at all, and what is in flight goes on; `weight:50` gets half of the\n\
          usual share of 100. An entry with a UID is for that pod alone: once another one has its address, it is ignored, and\n\
          `tidegate explain` says so. `10.1.2.3=drain; web-7d9f-x2x4z@6f0c…=weight:10`.",
}];

/// The entries of a value; `None`: one of them cannot be read, or there are too many, so that nothing of it counts.
pub(crate) fn endpoint_overrides(text: &str) -> Option<Vec<EndpointOverride>> {
    if text.len() > LONGEST {
        return None;
    }
    let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    let overrides: Option<Vec<_>> = entries.map(entry).collect();
    overrides.filter(|overrides| overrides.len() <= MOST)
}

fn entry(text: &str) -> Option<EndpointOverride> {
    let (who, what) = text.split_once('=')?;
    let (who, uid) = match who.trim().split_once('@') {
        Some((who, uid)) => (who, Some(uid)),
        None => (who.trim(), None),
    };
    let is_name = |text: &str| {
        (1..=253).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
    };
    let of = match who.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => OverrideOf::Address(address),
        Err(_) if is_name(who) => OverrideOf::Pod(PodMark::of(who, "").name),
        Err(_) => return None,
    };
    let uid = match uid {
        Some(uid) if is_name(uid) => Some(PodMark::of("", uid).uid),
        Some(_) => return None,
        None => None,
    };
    let (mut state, mut weight) = (None, None);
    match what.trim() {
        "drain" => state = Some(EndpointState::Draining),
        "maint" => state = Some(EndpointState::Maintenance),
        share => {
            let digits = share.strip_prefix("weight:")?;
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            weight = Some(Weight::new(digits.parse().ok().filter(|_| is_number)?)?);
        }
    }
    Some(EndpointOverride { of, uid, state, weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_an_endpoint_and_say_what_becomes_of_it() {
        let read = endpoint_overrides(" 10.0.0.1=drain; web-1@6f0c-1 = maint;[fd00::1]=weight:0 ;; fd00::2=weight:256")
            .unwrap();
        let said = |at: usize| (read[at].state, read[at].weight.map(Weight::get), read[at].uid.is_some());
        assert_eq!(read[0].of, OverrideOf::Address([10, 0, 0, 1].into()));
        assert_eq!(said(0), (Some(EndpointState::Draining), None, false));
        assert_eq!(said(1), (Some(EndpointState::Maintenance), None, true));
        assert_eq!((said(2).1, said(3).1), (Some(0), Some(256)));
        assert!(endpoint_overrides("").unwrap().is_empty());
        for text in [
            "10.0.0.1",
            "=drain",
            "a=ready",
            "a=weight:257",
            "a=weight:-1",
            "a=weight:",
            "A=drain",
            "a@=drain",
            "a b=drain",
        ] {
            assert_eq!(endpoint_overrides(text), None, "{text}");
        }
        assert_eq!(endpoint_overrides(&"a=drain;".repeat(MOST + 1)), None);
    }
}
