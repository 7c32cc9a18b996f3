//! Texts that paths begin with, wherever elements end. The longest is found by one binary search, however many there are.

/// Texts in order of bytes.
#[derive(Debug)]
pub(super) struct Texts(Box<[Entry]>);

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    /// Position in the host's list of routes.
    route: u32,
    /// The longest other text that this one begins with.
    shorter: Option<u32>,
}

impl Texts {
    /// Of texts, each once, with the positions of their routes.
    pub(super) fn new(mut texts: Vec<(Box<str>, u32)>) -> Self {
        texts.sort_unstable();
        let mut entries: Vec<Entry> = Vec::with_capacity(texts.len());
        for (text, route) in texts {
            // It stands behind all that it begins with, and the nearest of them is the one before or what that begins with.
            let mut shorter = entries.len().checked_sub(1);
            while let Some(at) = shorter.filter(|at| !text.starts_with(&*entries[*at].text)) {
                shorter = entries[at].shorter.map(|at| at as usize);
            }
            entries.push(Entry { text, route, shorter: shorter.and_then(|at| at.try_into().ok()) });
        }
        Self(entries.into())
    }

    /// The route of the longest text that a path begins with, of those of at most so many bytes, and its length.
    pub(super) fn longest(&self, path: &str, most: usize) -> Option<(u32, usize)> {
        let behind = self.0.partition_point(|entry| *entry.text <= *path);
        let mut at = behind.checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.0.get(at)) {
            if entry.text.len() <= most && path.starts_with(&*entry.text) {
                return Some((entry.route, entry.text.len()));
            }
            at = entry.shorter.map(|at| at as usize);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_longest_text_is_found(
            texts in prop::collection::btree_set("/[ab/]{0,5}", 0..20), path in "/[abc/]{0,8}", most in 0_usize..10
        ) {
            let numbered: Vec<(Box<str>, u32)> = texts.iter().map(|text| Box::from(text.as_str())).zip(0..).collect();
            let fits = |(text, _): &&(Box<str>, u32)| text.len() <= most && path.starts_with(&**text);
            let expected = numbered.iter().filter(fits).max_by_key(|(text, _)| text.len());
            let expected = expected.map(|(text, route)| (*route, text.len()));
            prop_assert_eq!(Texts::new(numbered.clone()).longest(&path, most), expected);
        }
    }
}
