//! Just enough of Rust's syntax to find paths and names: comments and literals removed, use trees opened.

use std::path::{Path, PathBuf};

/// A source file, read once.
pub(crate) struct Source {
    /// Its path from the repository's root, with `/`.
    pub(crate) name: String,
    /// As it is on disk.
    pub(crate) text: String,
    tokens: Vec<Token>,
}

/// A path named in code, such as `crate::domain::ids::Epoch`, and the line it is on.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) struct Named {
    /// Its segments.
    pub(crate) path: Vec<String>,
    /// Line, from 1.
    pub(crate) line: usize,
}

#[derive(Clone, Debug)]
struct Token {
    text: String,
    line: usize,
}

/// Every file with one of these endings below a folder of the repository, in order. A folder that does not exist has none.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join(folder)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
                open.extend((!skipped).then_some(path));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    let sources = found.iter().filter_map(|path| {
        let name = path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
        Some(Source::new(&name, &std::fs::read_to_string(path).ok()?))
    });
    sources.collect()
}

impl Source {
    /// A file by its name and text.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let tokens = if name.ends_with(".rs") { tokens(&code(text)) } else { Vec::new() };
        Self { name: name.to_owned(), text: text.to_owned(), tokens }
    }

    /// Every path in the code, use trees opened, `super` resolved to `crate` where it leaves the top module.
    pub(crate) fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let continues = at > 0 && matches!(self.tokens[at - 1].text.as_str(), "::" | ".");
            if is_name(&self.tokens[at].text) && !continues {
                at = self.tree(at, Vec::new(), &mut found);
            } else {
                at += 1;
            }
        }
        for named in &mut found {
            named.path = self.resolved(&named.path);
        }
        found
    }

    /// The names of the items that the file defines.
    pub(crate) fn items(&self) -> Vec<Named> {
        let kinds = ["fn", "struct", "enum", "trait", "mod", "type", "const", "static"];
        let pairs = self.tokens.windows(2);
        let items =
            pairs.filter(|pair| kinds.contains(&pair[0].text.as_str()) && is_name(&pair[1].text));
        items.map(|pair| Named { path: vec![pair[1].text.clone()], line: pair[1].line }).collect()
    }

    /// The modules it declares, each with whether it is for tests alone.
    pub(crate) fn modules(&self) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let declared = self.tokens.get(at + 2).is_some_and(|after| after.text == ";");
            if token.text == "mod" && declared {
                let before =
                    self.tokens[..at].iter().rev().take(9).map(|token| token.text.as_str());
                let before: Vec<_> = before.take_while(|text| *text != ";").collect();
                found.push((self.tokens[at + 1].text.clone(), before.contains(&"test")));
            }
        }
        found
    }

    /// Opens the tree of a path that begins at token `at`; gives the token after it.
    fn tree(&self, at: usize, before: Vec<String>, found: &mut Vec<Named>) -> usize {
        let Some(token) = self.tokens.get(at) else { return at };
        if token.text == "{" {
            let mut next = at + 1;
            while self.tokens.get(next).is_some_and(|token| token.text != "}") {
                let after = self.tree(next, before.clone(), found);
                next = after.max(next + 1);
            }
            return next + 1;
        }
        if !is_name(&token.text) && token.text != "*" {
            return at;
        }
        let mut path = before;
        path.push(token.text.clone());
        let open = |offset: usize| self.tokens.get(at + offset).map(|token| token.text.as_str());
        let goes_on = open(1) == Some("::")
            && open(2).is_some_and(|text| is_name(text) || text == "{" || text == "*");
        if goes_on {
            return self.tree(at + 2, path, found);
        }
        found.push(Named { path, line: token.line });
        at + 1
    }

    fn resolved(&self, path: &[String]) -> Vec<String> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        if supers == 0 {
            return path.to_vec();
        }
        let mut here = self.module();
        here.truncate(here.len().saturating_sub(supers));
        let crate_root = std::iter::once("crate".to_owned());
        crate_root.chain(here).chain(path[supers..].iter().cloned()).collect()
    }

    /// The module a file of `src` is, as segments: `src/a/b.rs` is `a`, `b`.
    pub(crate) fn module(&self) -> Vec<String> {
        let inside = self.name.trim_start_matches("src/").trim_end_matches(".rs");
        let mut segments: Vec<_> = inside.split('/').map(str::to_owned).collect();
        let last = segments.last().map(String::as_str);
        if matches!(last, Some("mod" | "lib" | "main")) {
            segments.pop();
        }
        segments
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The text without comments and with literals emptied; lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            [b'/', b'*', ..] => find(bytes, at + 2, b"*/").map_or(bytes.len(), |end| end + 2),
            [b'r', b'"' | b'#', ..] if !in_word(bytes, at) => raw_string(bytes, at),
            [b'"', ..] => string(bytes, at),
            [b'\'', b'\\', ..] => find(bytes, at + 3, b"'").map_or(bytes.len(), |end| end + 1),
            [b'\'', _, b'\'', ..] => at + 3,
            _ => at,
        };
        if end == at {
            out.push(char::from(bytes[at]));
            at += 1;
        } else {
            out.push(' ');
            out.extend(bytes[at..end].iter().filter(|byte| **byte == b'\n').map(|_| '\n'));
            at = end;
        }
    }
    out
}

fn in_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(what.len()).position(|window| window == what).map(|offset| from + offset)
}

fn string(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

fn raw_string(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return at;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    find(bytes, at + 2 + hashes, &close).map_or(bytes.len(), |end| end + close.len())
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let (mut line, mut word) = (1, String::new());
    for character in code.chars() {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            found.push(Token { text: std::mem::take(&mut word), line });
        }
        if character == '\n' {
            line += 1;
        }
        if character.is_whitespace() {
            continue;
        }
        match found.last_mut() {
            Some(last) if character == ':' && last.text == ":" => last.text.push(':'),
            _ => found.push(Token { text: character.to_string(), line }),
        }
    }
    if !word.is_empty() {
        found.push(Token { text: word, line });
    }
    found
}
