//! "Did you mean": the known name that a mistyped one is closest to.

/// Longer names are not compared: nobody mistypes that much, and the cost is the product of the lengths.
const LONGEST: usize = 64;

/// The candidate with the fewest edits to `text`, if they are few: at most a third of its length.
pub fn closest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.to_ascii_lowercase();
    candidates
        .map(|candidate| (edits(&text, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether two names differ by a slip: one or two edits.
pub fn is_slip(a: &str, b: &str) -> bool {
    a.len() <= LONGEST && b.len() <= LONGEST && a.len().abs_diff(b.len()) <= 2 && (1..=2).contains(&edits(a, b))
}

/// Levenshtein distance in bytes.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_one_or_two_edits() {
        for (name, is_it) in [
            ("mian.example", true),
            ("main.exampl", true),
            ("amain.example", true),
            ("main.example", false),
            ("m.example", false),
            ("other.example", false),
        ] {
            assert_eq!(is_slip(name, "main.example"), is_it, "{name}");
        }
        assert!(!is_slip(&"x".repeat(65), &"x".repeat(64)));
    }

    #[test]
    fn close_keys_are_suggested_and_far_ones_not() {
        let known = ["balance", "force-ssl-redirect", "ssl-redirect"];
        let closest = |text: &str| closest(text, known.into_iter());
        assert_eq!(closest("ssl-redirct"), Some("ssl-redirect"));
        assert_eq!(closest("SSL_redirect"), Some("ssl-redirect"));
        assert_eq!(closest("ballance"), Some("balance"));
        assert_eq!(closest("rewrite-target"), None);
        assert_eq!(closest(""), None);
        assert_eq!(closest(&"x".repeat(65)), None);
    }
}
