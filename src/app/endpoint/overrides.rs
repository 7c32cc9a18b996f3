//! The annotation `tidegate.dev/endpoint-overrides` as text, and an edit of it: one endpoint's entry is set or taken back, those of pods
//! that are gone are removed, and all others stay as they are written.

use super::pods::ServiceEndpoint;
use crate::translate::annotations::endpoint_overrides;

/// The share of an endpoint of which nothing is said.
const USUAL_WEIGHT: u16 = 100;

/// What becomes of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Wish {
    Drain,
    Maint,
    Ready,
    Weight(u16),
}

/// What an edit comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edited {
    /// The value of the annotation; empty: there is none any more.
    pub(super) text: String,
    /// Entries that were removed because their pod is gone, as they were written.
    pub(super) stale: Vec<String>,
}

struct Entry<'t> {
    text: &'t str,
    who: &'t str,
    uid: Option<&'t str>,
    what: &'t str,
}

impl<'t> Entry<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (name, what) = text.split_once('=')?;
        let (who, uid) = match name.trim().split_once('@') {
            Some((who, uid)) => (who, Some(uid)),
            None => (name.trim(), None),
        };
        Some(Self { text, who, uid, what: what.trim() })
    }

    fn is_of(&self, endpoint: &ServiceEndpoint) -> bool {
        endpoint.is(self.who) && self.uid.is_none_or(|uid| endpoint.uid() == Some(uid))
    }

    fn is_weight(&self) -> bool {
        self.what.starts_with("weight:")
    }
}

impl Wish {
    fn is_weight(self) -> bool {
        matches!(self, Self::Weight(_))
    }

    /// What an entry says; `None`: there is no entry.
    fn entry(self) -> Option<String> {
        match self {
            Self::Drain => Some("drain".into()),
            Self::Maint => Some("maint".into()),
            Self::Ready | Self::Weight(USUAL_WEIGHT) => None,
            Self::Weight(weight) => Some(format!("weight:{weight}")),
        }
    }
}

/// The same with several wishes, in their order.
pub(super) fn edit_all(
    text: &str,
    all: &[ServiceEndpoint],
    chosen: &ServiceEndpoint,
    wishes: &[Wish],
) -> Result<Edited, &'static str> {
    let mut edited = Edited { text: text.to_owned(), stale: Vec::new() };
    for wish in wishes {
        let Edited { text, stale } = edit(&edited.text, all, chosen, *wish)?;
        edited.text = text;
        edited.stale.extend(stale);
    }
    Ok(edited)
}

/// The annotation `text` with this wish for `chosen`, one of the endpoints that there are.
pub(super) fn edit(
    text: &str,
    all: &[ServiceEndpoint],
    chosen: &ServiceEndpoint,
    wish: Wish,
) -> Result<Edited, &'static str> {
    let unreadable =
        "the annotation has an entry that cannot be read, so all of it is ignored: correct it with kubectl annotate";
    if endpoint_overrides(text).is_none() {
        return Err(unreadable);
    }
    let (mut kept, mut stale) = (Vec::new(), Vec::new());
    for text in text.split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let entry = Entry::parse(text).ok_or(unreadable)?;
        // UIDs are never used again, so nobody misses it.
        let is_stale = entry.uid.is_some_and(|uid| all.iter().all(|endpoint| endpoint.uid() != Some(uid)));
        if is_stale {
            stale.push(entry.text.to_owned());
        } else if !entry.is_of(chosen) || entry.is_weight() != wish.is_weight() {
            kept.push(entry.text.to_owned());
        }
    }
    kept.extend(wish.entry().map(|what| format!("{}={what}", chosen.entry_name())));
    let text = kept.join("; ");
    if endpoint_overrides(&text).is_none() {
        return Err("the annotation would have more than 256 entries, or more than 32 KiB");
    }
    Ok(Edited { text, stale })
}

#[cfg(test)]
mod tests {
    use super::super::pods::tests::endpoint;
    use super::*;

    #[test]
    fn one_entry_is_edited_and_the_others_stay() {
        let all = [endpoint("web-1", "10.0.0.1", "u1"), endpoint("web-2", "10.0.0.2", "u2")];
        let edited = |text: &str, wish| {
            let Edited { text, stale } = edit(text, &all, &all[0], wish).unwrap();
            (text, stale)
        };
        let plain = |text: &str| (text.to_owned(), Vec::new());
        assert_eq!(edited("", Wish::Drain), plain("web-1@u1=drain"));
        assert_eq!(edited("web-1@u1=drain", Wish::Maint), plain("web-1@u1=maint"));
        assert_eq!(edited("web-1@u1=drain", Wish::Ready), plain(""));
        assert_eq!(edited("10.0.0.1=drain;web-2=maint", Wish::Ready), plain("web-2=maint"));
        // A state and a share are two entries.
        assert_eq!(edited("web-1=drain", Wish::Weight(7)), plain("web-1=drain; web-1@u1=weight:7"));
        assert_eq!(edited("web-1=drain; 10.0.0.1@u1=weight:7", Wish::Weight(100)), plain("web-1=drain"));
        assert_eq!(edited("web-1@u1=weight:7", Wish::Ready), plain("web-1@u1=weight:7"));
        let both = edit_all("web-2=maint; x@u9=drain", &all, &all[0], &[Wish::Weight(7), Wish::Drain]).unwrap();
        assert_eq!(both.text, "web-2=maint; web-1@u1=weight:7; web-1@u1=drain");
        assert_eq!(both.stale, ["x@u9=drain"]);
        // Of a pod that had the address, of one that is gone, and of nobody yet.
        let before = "10.0.0.1@u0=drain; web-0@u9=maint; web-3=drain; web-2@u2=weight:3";
        let stale = vec!["10.0.0.1@u0=drain".to_owned(), "web-0@u9=maint".to_owned()];
        assert_eq!(edited(before, Wish::Drain), ("web-3=drain; web-2@u2=weight:3; web-1@u1=drain".into(), stale));
    }

    #[test]
    fn what_cannot_be_read_is_not_edited() {
        let all = [endpoint("web-1", "10.0.0.1", "u1")];
        assert!(edit("web-1=stop", &all, &all[0], Wish::Drain).unwrap_err().contains("kubectl annotate"));
        let full: String = (0..256).map(|at| format!("pod-{at}=drain;")).collect();
        assert!(edit(&full, &all, &all[0], Wish::Drain).unwrap_err().contains("256 entries"));
    }
}
