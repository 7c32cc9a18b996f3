//! Directives of nginx's configuration, read strictly: names, arguments and blocks, and no meaning. What is read here is never
//! written anywhere as text.

use std::iter::Peekable;
use std::str::Chars;

/// Longest text, bytes.
const LONGEST: usize = 16 * 1024;
/// Deepest nesting of blocks.
const DEEPEST: usize = 4;
/// Most words of a directive.
const WORDS: usize = 64;

/// A directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Word>,
    /// The directives in its block, if it has one.
    pub block: Option<Vec<Directive>>,
}

/// An argument, without quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Whether it stood in quotes.
    pub is_quoted: bool,
}

/// Why a text is no list of directives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// More than 16 KiB, four blocks in each other or 64 words in one directive.
    #[error("is too large or too deep")]
    TooLarge,
    /// A control character.
    #[error("has a control character")]
    Control,
    /// A quote that is not closed, or is followed by more of a word.
    #[error("has a quote that does not end a word")]
    Quote,
    /// A directive without a semicolon, a block that is not closed, or one too many that is.
    #[error("has a directive or a block without an end")]
    Unclosed,
    /// Something else than the name of a directive.
    #[error("has something else where a directive begins")]
    Name,
}

/// Reads a text as nginx does.
pub fn parse(text: &str) -> Result<Vec<Directive>, SyntaxError> {
    if text.len() > LONGEST {
        return Err(SyntaxError::TooLarge);
    }
    if text.chars().any(|byte| byte.is_control() && !matches!(byte, '\n' | '\r' | '\t')) {
        return Err(SyntaxError::Control);
    }
    let mut reader = Reader(text.chars().peekable());
    reader.directives(0)
}

/// What a text consists of.
enum Token {
    Word(Word),
    Semicolon,
    Open,
    Close,
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl Reader<'_> {
    /// The directives of a block, or of the whole text at depth zero.
    fn directives(&mut self, depth: usize) -> Result<Vec<Directive>, SyntaxError> {
        if depth > DEEPEST {
            return Err(SyntaxError::TooLarge);
        }
        let mut directives = Vec::new();
        loop {
            let name = match self.token()? {
                None if depth == 0 => return Ok(directives),
                Some(Token::Close) if depth > 0 => return Ok(directives),
                None | Some(Token::Close) => return Err(SyntaxError::Unclosed),
                Some(Token::Word(Word { text, is_quoted: false })) if is_name(&text) => text,
                Some(Token::Word(_) | Token::Semicolon | Token::Open) => return Err(SyntaxError::Name),
            };
            let mut arguments = Vec::new();
            let block = loop {
                match self.token()? {
                    Some(Token::Word(_)) if arguments.len() == WORDS => return Err(SyntaxError::TooLarge),
                    Some(Token::Word(word)) => arguments.push(word),
                    Some(Token::Semicolon) => break None,
                    Some(Token::Open) => break Some(self.directives(depth + 1)?),
                    Some(Token::Close) | None => return Err(SyntaxError::Unclosed),
                }
            };
            directives.push(Directive { name, arguments, block });
        }
    }

    fn token(&mut self) -> Result<Option<Token>, SyntaxError> {
        loop {
            match self.0.peek() {
                None => return Ok(None),
                Some(' ' | '\t' | '\r' | '\n') => _ = self.0.next(),
                Some('#') => while self.0.next_if(|next| *next != '\n').is_some() {},
                Some(_) => break,
            }
        }
        let punctuation = self.0.next_if(|next| matches!(next, ';' | '{' | '}' | '"' | '\''));
        Ok(Some(match punctuation {
            Some(';') => Token::Semicolon,
            Some('{') => Token::Open,
            Some('}') => Token::Close,
            Some(quote) => Token::Word(Word { text: self.quoted(quote)?, is_quoted: true }),
            None => Token::Word(Word { text: self.plain(), is_quoted: false }),
        }))
    }

    /// A word up to its quote, behind which no word may go on.
    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        let mut text = String::new();
        loop {
            match self.0.next().ok_or(SyntaxError::Quote)? {
                '\\' => self.escape(&mut text),
                next if next == quote => break,
                next => text.push(next),
            }
        }
        match self.0.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | ';' | '{' | ')') => Ok(text),
            Some(_) => Err(SyntaxError::Quote),
        }
    }

    /// A word up to white space, a semicolon or a block. A brace behind a dollar sign belongs to the name of a variable.
    fn plain(&mut self) -> String {
        let mut text = String::new();
        while let Some(next) = self.0.peek().copied() {
            match next {
                ' ' | '\t' | '\r' | '\n' | ';' => break,
                '{' if !text.ends_with('$') => break,
                '\\' => {
                    self.0.next();
                    self.escape(&mut text);
                }
                next => {
                    self.0.next();
                    text.push(next);
                }
            }
        }
        text
    }

    /// What stands behind a backslash. One that escapes nothing stays: patterns need it.
    fn escape(&mut self, text: &mut String) {
        match self.0.next() {
            Some(next @ ('"' | '\'' | '\\')) => text.push(next),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(next) => text.extend(['\\', next]),
            None => text.push('\\'),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Directive {
    /// Its arguments as texts.
    pub fn words(&self) -> Vec<&str> {
        self.arguments.iter().map(|word| &*word.text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(directives: &[Directive]) -> String {
        let one = |Directive { name, arguments, block }: &Directive| {
            let words: String = arguments.iter().map(|word| format!(" [{}]", word.text)).collect();
            let block = block.as_ref().map(|block| format!(" {{{}}}", shown(block))).unwrap_or_default();
            format!("{name}{words}{block};")
        };
        directives.iter().map(one).collect()
    }

    #[test]
    fn directives_are_read_as_nginx_reads_them() {
        for (text, expected) in [
            ("", ""),
            (" # nothing; {\n", ""),
            ("a b c;", "a [b] [c];"),
            ("a 'b; {c}' \"d\\\"e\";", "a [b; {c}] [d\"e];"),
            ("a b#c; # d\ne f;", "a [b#c];e [f];"),
            ("if ($a ~ \"x{2} y\") { return 403; }", "if [($a] [~] [x{2} y] [)] {return [403];};"),
            ("location = /x{deny all;}", "location [=] [/x] {deny [all];};"),
            ("rewrite ^/a\\.b(.*)$ /${host}x$1 permanent;", "rewrite [^/a\\.b(.*)$] [/${host}x$1] [permanent];"),
            ("a 'it\\'s' \"\\\\n\";", "a [it's] [\\n];"),
            ("a \"\";", "a [];"),
        ] {
            assert_eq!(parse(text).map(|read| shown(&read)), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_directives_is_refused() {
        let deep = "a {".repeat(DEEPEST + 1) + &"}".repeat(DEEPEST + 1);
        for (text, error) in [
            ("a", SyntaxError::Unclosed),
            ("a b", SyntaxError::Unclosed),
            ("a { b; ", SyntaxError::Unclosed),
            ("a; }", SyntaxError::Unclosed),
            ("a b }", SyntaxError::Unclosed),
            ("a 'b;", SyntaxError::Quote),
            ("a 'b'c;", SyntaxError::Quote),
            ("'a' b;", SyntaxError::Name),
            (";", SyntaxError::Name),
            ("{ }", SyntaxError::Name),
            ("$a b;", SyntaxError::Name),
            ("a \u{0};", SyntaxError::Control),
            (&deep, SyntaxError::TooLarge),
            (&"a;".repeat(LONGEST), SyntaxError::TooLarge),
            (&format!("a {};", "b ".repeat(WORDS + 1)), SyntaxError::TooLarge),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }
}
