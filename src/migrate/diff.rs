//! The unified difference of two texts.

use std::fmt::Write as _;

/// Lines that are shown around a change.
const CONTEXT: usize = 3;
/// Most pairs of lines that are compared; where there would be more, all that lies between is shown as replaced.
const MOST_PAIRS: usize = 4_000_000;

/// A line of the difference.
#[derive(Clone, Copy, PartialEq)]
enum Line<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

/// The difference between two texts under these names; empty where there is none.
pub(super) fn unified(from: &str, to: &str, before: &str, after: &str) -> String {
    let lines = compared(&before.lines().collect::<Vec<_>>(), &after.lines().collect::<Vec<_>>());
    let is_changed = |line: &Line<'_>| !matches!(line, Line::Same(_));
    let mut text = String::new();
    let mut at = 0;
    while let Some(first) = lines[at..].iter().position(is_changed).map(|offset| at + offset) {
        let start = first.saturating_sub(CONTEXT).max(at);
        let mut end = first + 1;
        // A change that is near goes into the same part.
        while let Some(gap) = lines[end..].iter().position(is_changed).filter(|gap| *gap <= 2 * CONTEXT) {
            end += gap + 1;
        }
        let stop = (end + CONTEXT).min(lines.len());
        if text.is_empty() {
            let _ = writeln!(text, "--- {from}\n+++ {to}");
        }
        let _ = writeln!(
            text,
            "@@ -{} +{} @@",
            range(&lines, start, stop, |line| !matches!(line, Line::Added(_))),
            range(&lines, start, stop, |line| !matches!(line, Line::Removed(_)))
        );
        for line in &lines[start..stop] {
            let _ = match line {
                Line::Same(line) => writeln!(text, " {line}"),
                Line::Removed(line) => writeln!(text, "-{line}"),
                Line::Added(line) => writeln!(text, "+{line}"),
            };
        }
        at = stop;
    }
    text
}

/// First line and number of lines of one side, as `diff -u` writes them.
fn range(lines: &[Line<'_>], start: usize, stop: usize, is_in: fn(&Line<'_>) -> bool) -> String {
    let count = |lines: &[Line<'_>]| lines.iter().filter(|line| is_in(line)).count();
    let (before, within) = (count(&lines[..start]), count(&lines[start..stop]));
    format!("{},{within}", if within == 0 { before } else { before + 1 })
}

/// The longest common subsequence, after what is equal at both ends.
fn compared<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let front = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let back = before[front..].iter().rev().zip(after[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&before[front..before.len() - back], &after[front..after.len() - back]);
    let mut lines: Vec<_> = before[..front].iter().map(|line| Line::Same(line)).collect();
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        lines.extend(old.iter().map(|line| Line::Removed(line)));
        lines.extend(new.iter().map(|line| Line::Added(line)));
    } else {
        between(old, new, &mut lines);
    }
    lines.extend(before[before.len() - back..].iter().map(|line| Line::Same(line)));
    lines
}

fn between<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<Line<'a>>) {
    let width = new.len() + 1;
    // Length of the longest common subsequence of what follows each pair.
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if old[i] == new[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            lines.push(Line::Removed(old[i]));
            i += 1;
        } else {
            lines.push(Line::Added(new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_with_what_stands_around_them() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n";
        let after = before.replace("4\n", "four\n").replace("16\n", "16\n17\n");
        let expected = "--- a\n+++ b\n@@ -1,7 +1,7 @@\n 1\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n@@ -12,5 +12,6 @@\n 12\n 13\n-14\n+1four\n 15\n 16\n+17\n";
        assert_eq!(
            unified("a", "b", before, &after),
            expected.replace("@@ -12,5 +12,6 @@\n 12", "@@ -11,6 +11,7 @@\n 11\n 12")
        );
        assert_eq!(unified("a", "b", before, before), "");
        assert_eq!(unified("/dev/null", "b", "", "x\ny\n"), "--- /dev/null\n+++ b\n@@ -0,0 +1,2 @@\n+x\n+y\n");
        let many: String = (0..5000).map(|n| format!("{n}\n")).collect();
        let other: String = (5000..10_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(unified("a", "b", &many, &other).lines().count(), 10_003);
    }
}
