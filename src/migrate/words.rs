//! Text of objects, made fit for a terminal, a table and a document.

/// Longest text of an object that is shown. Characters.
const SHOWN: usize = 160;

/// A text that others wrote, on one line: what steers a terminal, or turns the direction of writing, is shown as its number.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN {
            shown.push('…');
            break;
        }
        if is_shown(character) {
            shown.push(character);
        } else {
            shown.push_str(&character.escape_unicode().to_string());
        }
    }
    shown
}

/// The same for a sentence of ours, which may be long and has the texts of others in quotes.
pub(super) fn sentence(text: &str) -> String {
    let escaped = |character: char| {
        if is_shown(character) { String::from(character) } else { character.escape_unicode().to_string() }
    };
    text.chars().map(escaped).collect()
}

fn is_shown(character: char) -> bool {
    // Marks of direction, and what has no width (Unicode 16, category Cf, as far as terminals and browsers act on it).
    let steers =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !steers
}

/// A count with its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A text in lines of at most `width` characters, cut at blanks.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// How many Ingresses are answered with 503, at the end of a sentence; nothing where there are none.
pub(super) fn closed(number: usize) -> String {
    match number {
        0 => String::new(),
        1 => ", 1 is answered with 503 alone".to_owned(),
        more => format!(", {more} are answered with 503 alone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_its_number() {
        assert_eq!(plain("a\u{1b}[2Jb\n\u{9b}c\u{202e}d é"), "a\\u{1b}[2Jb\\u{a}\\u{9b}c\\u{202e}d é");
        assert_eq!(plain(&"x".repeat(1000)).chars().count(), SHOWN + 1);
        assert_eq!(sentence("a\rb"), "a\\u{d}b");
        assert_eq!(sentence(&"x".repeat(1000)).len(), 1000);
    }

    #[test]
    fn lines_are_cut_at_blanks() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("a-long-word b", 5), ["a-long-word", "b"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
