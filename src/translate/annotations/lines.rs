//! Values that have a line for each thing.

/// Most lines.
const MOST: usize = 64;

/// Longest value, bytes.
const LONGEST: usize = 8192;

/// The lines that are not empty, without white space around them. `None`: there is none, or there are too many, or one has a
/// character that is not visible.
pub(super) fn each(text: &str) -> Option<Vec<&str>> {
    if text.len() > LONGEST {
        return None;
    }
    let lines: Vec<_> =
        text.split('\n').map(|line| line.trim_matches([' ', '\t'])).filter(|line| !line.is_empty()).collect();
    let is_visible = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    ((1..=MOST).contains(&lines.len()) && lines.iter().all(|line| line.bytes().all(is_visible))).then_some(lines)
}
