//! Words as nginx reads them: values that stand in its configuration as they are.

/// Longest text of them. Bytes.
const LONGEST: usize = 2048;

/// The words of a text, with spaces between, of visible ASCII. Quotes around a word let it have spaces and what would end it. A
/// backslash stands for itself, but for one before a quote or another backslash. `None`: nginx would not read these words alone.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim().chars().peekable();
    if text.len() > LONGEST {
        return None;
    }
    while let Some(&first) = rest.peek() {
        let quote = matches!(first, '"' | '\'').then(|| rest.next()).flatten();
        let mut word = String::new();
        loop {
            let next = rest.next();
            match next {
                Some('\\') => match rest.next()? {
                    't' | 'r' | 'n' => return None,
                    escaped @ ('"' | '\'' | '\\') => word.push(escaped),
                    other => word.extend(['\\', is_shown(other).then_some(other)?]),
                },
                Some(end) if quote == Some(end) => break,
                None if quote.is_none() => break,
                None => return None,
                Some(' ') if quote.is_none() => break,
                // The braces of a variable.
                Some('{') if word.ends_with('$') => word.push('{'),
                Some('}') if word.rfind("${").is_some_and(|at| !word[at..].contains('}')) => word.push('}'),
                Some('"' | '\'' | ';' | '{' | '}') if quote.is_none() => return None,
                Some(other) => word.push(is_shown(other).then_some(other)?),
            }
        }
        if quote.is_some() && rest.peek().is_some_and(|next| *next != ' ') {
            return None;
        }
        words.push(word);
        while rest.next_if_eq(&' ').is_some() {}
    }
    Some(words)
}

fn is_shown(letter: char) -> bool {
    letter.is_ascii_graphic() || letter == ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_z4_words_are_visible_and_end_nothing() {
        for (text, expected) in [
            ("off", &["off"][..]),
            (" /two/  / ", &["/two/", "/"]),
            ("/ \"/; HttpOnly; Secure\"", &["/", "/; HttpOnly; Secure"]),
            ("/ '/; Secure'", &["/", "/; Secure"]),
            ("a \"\"", &["a", ""]),
            ("", &[]),
            (r"~^(.+)\.internal$ $1.example", &[r"~^(.+)\.internal$", "$1.example"]),
            (r#"'a{2}\'' b\\c"#, &["a{2}'", r"b\c"]),
            ("${host}x $scheme", &["${host}x", "$scheme"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(words(text), Some(expected), "{text}");
        }
        let long = "x".repeat(LONGEST + 1);
        for text in [
            "/; x",
            "a\r\nb",
            "\"a\r\nb\"",
            "\"a",
            "\"a\"b",
            "a\"b\"",
            "{a",
            "a\\",
            "ä",
            "a\tb",
            "a}",
            "a{2}",
            r"a\n",
            "'a\\\r\n'",
            "\\ä",
            &long,
        ] {
            assert_eq!(words(text), None, "{text:?}");
        }
    }
}
