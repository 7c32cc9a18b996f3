//! Text in HTML. Everything that is not written here passes this function: names come from the cluster and from requests.

/// `text` where HTML has text or a value of an attribute in quotes. Control characters, and marks that turn the direction of text
/// around them, become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        for (hostile, expected) in [
            ("plain_svc_web-1.2_80", "plain_svc_web-1.2_80"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("' onload='x", "&#39; onload=&#39;x"),
            ("` onload=`x", "&#96; onload=&#96;x"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("a\0b\nc\u{202e}d\u{2066}e\u{7f}", "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}"),
            ("ä\u{1f600}", "ä\u{1f600}"),
        ] {
            assert_eq!(escape(hostile), expected);
        }
    }
}
