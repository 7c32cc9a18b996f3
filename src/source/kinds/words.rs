//! Text that objects repeat, held once: namespaces, classes, keys of annotations, names of ports, `/`.

use std::cell::RefCell;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// How many words are remembered. Ten thousand Ingresses with their Services and slices repeat a few dozen words. Each has
/// three or four words of its own, which do not stay.
const REMEMBERED: usize = 1024;

thread_local! {
    static WORDS: RefCell<Words> = RefCell::new(Words::default());
}

/// This text, shared with the last object that has it if that was not long ago.
pub(super) fn word(text: &str) -> Arc<str> {
    WORDS.with_borrow_mut(|words| words.share(text))
}

/// The last word of each slot. A word that is pushed out only costs a copy the next time.
struct Words {
    slots: Box<[Arc<str>]>,
    /// Seeded at random: authors of objects choose the words.
    hasher: RandomState,
}

impl Default for Words {
    fn default() -> Self {
        Self { slots: vec![Arc::default(); REMEMBERED].into(), hasher: RandomState::default() }
    }
}

impl Words {
    fn share(&mut self, text: &str) -> Arc<str> {
        let slot = &mut self.slots[self.hasher.hash_one(text) as usize % REMEMBERED];
        if **slot != *text {
            *slot = text.into();
        }
        Arc::clone(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_come_again_are_shared_and_others_push_them_out_at_worst() {
        let mut words = Words::default();
        assert!(Arc::ptr_eq(&words.share("shop"), &words.share("shop")));
        for number in 0..10 * REMEMBERED {
            assert_eq!(*words.share(&number.to_string()), *number.to_string());
        }
        assert_eq!((&*words.share("shop"), &*words.share("")), ("shop", ""));
        assert_eq!(words.slots.len(), REMEMBERED);
    }
}
