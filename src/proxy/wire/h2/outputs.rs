//! Memory for what connections are about to send. A connection holds it only while it has something to send.

use std::cell::RefCell;

/// Pieces of memory that are kept; more are freed.
const KEPT: usize = 64;
/// The largest that is kept, in bytes.
const KEPT_BYTES: usize = 128 * 1024;

/// The pieces that no connection uses, last used first.
#[derive(Default)]
pub(crate) struct Outputs(RefCell<Vec<Vec<u8>>>);

impl Outputs {
    /// An empty piece.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes one back.
    pub(crate) fn give(&self, mut memory: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT && (1..=KEPT_BYTES).contains(&memory.capacity()) {
            memory.clear();
            kept.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_unless_it_is_large() {
        let outputs = Outputs::default();
        outputs.give(vec![1; 100]);
        outputs.give(Vec::with_capacity(KEPT_BYTES + 1));
        outputs.give(Vec::new());
        let memory = outputs.take();
        assert!(memory.is_empty() && memory.capacity() == 100);
        assert_eq!(outputs.take().capacity(), 0);
    }
}
