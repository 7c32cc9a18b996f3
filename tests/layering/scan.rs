//! Reads Rust source for the paths it uses. No parser: names, `::` and braces are enough for formatted code.

use std::path::Path;

/// A path into the crate that a file uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) line: usize,
    /// Names from the root of the crate. More `super` than there are modules: only those.
    pub(crate) path: Vec<String>,
    /// The name it has in this file, when it stands in a `use` at the top of the file.
    pub(crate) imported_as: Option<String>,
    /// Whether it stands below `#[cfg(test)]`.
    pub(crate) is_test: bool,
}

/// Where in the crate a file stands: `src/http1/chunked/mod.rs` is `[http1, chunked]`.
pub(crate) fn module_path(file: &Path) -> Vec<String> {
    let below = file.strip_prefix("src").unwrap_or(file).with_extension("");
    let mut parts: Vec<_> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Every path into the crate that a file uses, in order.
pub(crate) fn uses(file: &Path, text: &str) -> Vec<Use> {
    let code = code_only(text);
    let tokens = tokens(&code);
    let children = declared_modules(&tokens);
    let module = match module_path(file).as_slice() {
        [root] if matches!(root.as_str(), "lib" | "main") => Vec::new(),
        path => path.to_vec(),
    };
    let mut reader =
        Reader { tokens: &tokens, at: 0, module, children, scopes: Vec::new(), is_test_next: false, found: Vec::new() };
    reader.read();
    reader.found
}

/// What a brace opened.
struct Scope {
    module: Option<String>,
    is_test: bool,
}

struct Reader<'a> {
    tokens: &'a [(usize, &'a str)],
    at: usize,
    /// The module of the file.
    module: Vec<String>,
    /// Modules that the file declares.
    children: Vec<&'a str>,
    scopes: Vec<Scope>,
    /// Whether `#[cfg(test)]` stands before the item that is being read.
    is_test_next: bool,
    found: Vec<Use>,
}

impl<'a> Reader<'a> {
    fn token(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.1)
    }

    fn before(&self, back: usize) -> &'a str {
        self.at.checked_sub(back).map_or("", |at| self.tokens[at].1)
    }

    fn read(&mut self) {
        while self.at < self.tokens.len() {
            match self.token(0) {
                "#" if (1..7).map(|ahead| self.token(ahead)).eq(["[", "cfg", "(", "test", ")", "]"]) => {
                    self.is_test_next = true;
                    self.at += 7;
                }
                "mod" if self.token(2) == "{" => {
                    self.open(Some(self.token(1).to_owned()));
                    self.at += 3;
                }
                "{" => {
                    self.open(None);
                    self.at += 1;
                }
                "}" => {
                    self.scopes.pop();
                    self.at += 1;
                }
                ";" => {
                    self.is_test_next = false;
                    self.at += 1;
                }
                "use" => {
                    self.at += 1;
                    self.path(true);
                }
                _ if self.starts_path() => self.path(false),
                _ => self.at += 1,
            }
        }
    }

    fn open(&mut self, module: Option<String>) {
        let is_test = std::mem::take(&mut self.is_test_next);
        self.scopes.push(Scope { module, is_test });
    }

    /// Whether a path that can lead into the crate begins here. `pub(in crate::…)` uses nothing.
    fn starts_path(&self) -> bool {
        let name = self.token(0);
        let is_root = matches!(name, "crate" | "tidegate" | "super" | "self");
        let is_child = self.inline_modules().is_empty() && self.children.contains(&name);
        (is_root || is_child) && self.token(1) == "::" && !matches!(self.before(1), "::" | "in" | ".")
    }

    fn inline_modules(&self) -> Vec<String> {
        self.scopes.iter().filter_map(|scope| scope.module.clone()).collect()
    }

    /// Reads a path in code, or what follows `use`.
    fn path(&mut self, is_import: bool) {
        let mut base: Vec<_> = self.module.iter().cloned().chain(self.inline_modules()).collect();
        match self.token(0) {
            "crate" | "tidegate" => {
                base.clear();
                self.at += 2;
            }
            "self" => self.at += 2,
            "super" => {
                let mut ups = 0;
                while self.token(0) == "super" && self.token(1) == "::" {
                    ups += 1;
                    self.at += 2;
                }
                base = match base.len().checked_sub(ups) {
                    Some(left) => base[..left].to_vec(),
                    None => vec!["super".into(); ups],
                };
            }
            name if self.children.contains(&name) && self.inline_modules().is_empty() => {}
            // Another crate's.
            _ => return,
        }
        self.tree(&base, is_import);
    }

    /// Reads a use tree, or a path in code, below `before`.
    fn tree(&mut self, before: &[String], is_import: bool) {
        if self.token(0) == "{" {
            self.at += 1;
            while self.at < self.tokens.len() && self.token(0) != "}" {
                if self.token(0) == "," {
                    self.at += 1;
                } else {
                    self.tree(before, is_import);
                }
            }
            self.at += 1;
            return;
        }
        let line = self.tokens.get(self.at).map_or(0, |token| token.0);
        let mut path = before.to_vec();
        loop {
            match self.token(0) {
                "self" => {}
                name => path.push(name.to_owned()),
            }
            self.at += 1;
            if self.token(0) != "::" || self.token(1) == "<" {
                break;
            }
            self.at += 1;
            if self.token(0) == "{" {
                return self.tree(&path, is_import);
            }
        }
        let mut name = path.last().cloned();
        if is_import && self.token(0) == "as" {
            name = Some(self.token(1).to_owned());
            self.at += 2;
        }
        let is_inline = !self.inline_modules().is_empty();
        self.found.push(Use {
            line,
            path,
            imported_as: name.filter(|_| is_import && !is_inline),
            is_test: self.is_test_next || self.scopes.iter().any(|scope| scope.is_test),
        });
    }
}

/// Names of `mod name;`.
fn declared_modules<'a>(tokens: &[(usize, &'a str)]) -> Vec<&'a str> {
    let declarations = tokens.windows(3).filter(|three| three[0].1 == "mod" && three[2].1 == ";");
    declarations.map(|three| three[1].1).collect()
}

/// Names and `::`, with their lines; everything else as single characters.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let end = match name {
                0 if rest.starts_with("::") => 2,
                0 => rest.chars().next().map_or(1, char::len_utf8),
                name => name,
            };
            found.push((index + 1, &rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    found
}

/// The text without comments and without what is in string and character literals, line by line.
pub(crate) fn code_only(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => 1 + until_quote(&rest[1..]),
            'r' if !kept.ends_with(is_name) || kept.ends_with('b') => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            kept.extend(rest[..skipped].chars().filter(|&c| c == '\n'));
            rest = &rest[skipped..];
        }
    }
    kept
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a string's rest with its closing quote.
fn until_quote(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of the raw string that begins here; 0 if none does.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let start = hashes + 2;
    let end = format!("\"{}", "#".repeat(hashes));
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// Length of the character literal that begins here; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| at + 4),
        Some(_) => characters.next().map_or(0, |(at, c)| if c == '\'' { at + 1 } else { 0 }),
        None => 0,
    }
}
