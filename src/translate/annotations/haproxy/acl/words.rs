//! Words as HAProxy reads them.

use super::AclError;

/// The words of a line, with blanks between. Quotation marks around a part, or a backslash in front of a character, let a word have
/// what would end it.
pub(super) fn words(line: &str) -> Result<Vec<String>, AclError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(next) = rest.next() {
        if next.is_control() && next != '\t' {
            return Err(AclError::Words);
        }
        match (next, quote) {
            ('\'', Some('\'')) | ('"', Some('"')) => quote = None,
            ('\\', None | Some('"')) => {
                // An escape of a regular expression stays one.
                let escaped = rest.next().ok_or(AclError::Words)?;
                let word = word.get_or_insert_default();
                if !matches!(escaped, ' ' | '"' | '\'' | '#' | '\\') {
                    word.push('\\');
                }
                if escaped == '\\' {
                    word.push('\\');
                }
                word.push(escaped);
            }
            (_, Some(_)) => word.get_or_insert_default().push(next),
            ('\'' | '"', None) => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            (' ' | '\t', None) => words.extend(word.take()),
            (_, None) => word.get_or_insert_default().push(next),
        }
    }
    if quote.is_some() {
        return Err(AclError::Words);
    }
    words.extend(word);
    Ok(words)
}
