//! Whether an endpoint is up, by its checks so far. Pure.

/// Up or down, and how many checks in a row have said the contrary.
#[derive(Debug)]
pub(super) struct Verdict {
    is_up: bool,
    against: u32,
    is_first: bool,
}

impl Verdict {
    /// Up, until the first check says something else.
    pub(super) fn new() -> Self {
        Self { is_up: true, against: 0, is_first: true }
    }

    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Takes in a check; tells whether the verdict is another now.
    pub(super) fn note(&mut self, is_good: bool, rise: u32, fall: u32) -> bool {
        let wanted = if std::mem::take(&mut self.is_first) {
            1
        } else if self.is_up {
            fall
        } else {
            rise
        };
        self.against = if is_good == self.is_up { 0 } else { self.against + 1 };
        let turns = self.against >= wanted.max(1);
        if turns {
            self.is_up = !self.is_up;
            self.against = 0;
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is up after each of these checks: `+` good, `-` bad.
    fn after(checks: &str, rise: u32, fall: u32) -> String {
        let mut verdict = Verdict::new();
        let note = |check: char| {
            let before = verdict.is_up();
            let has_turned = verdict.note(check == '+', rise, fall);
            assert_eq!(has_turned, before != verdict.is_up());
            if verdict.is_up() { 'U' } else { 'D' }
        };
        checks.chars().map(note).collect()
    }

    #[test]
    fn so_many_in_a_row_turn_it_and_the_first_alone() {
        for (checks, rise, fall, expected) in [
            ("+--+---", 2, 3, "UUUUUUD"),
            ("-++-+", 2, 3, "DDUUU"),
            ("---+-++", 2, 3, "DDDDDDU"),
            ("+-", 1, 1, "UD"),
            ("+-+-+-", 1, 1, "UDUDUD"),
            ("+-+-+--", 2, 2, "UUUUUUD"),
        ] {
            assert_eq!(after(checks, rise, fall), expected, "{checks} rise {rise} fall {fall}");
        }
    }
}
