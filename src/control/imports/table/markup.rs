//! What one part of a workbook would make an XML parser keep, found out without keeping it.
//!
//! The reader of workbooks takes a text, a tag or a comment into memory whole, puts the runs of a rich text together, and
//! keeps all shared strings before the first row. So the bytes between two `<` are measured, those of an element that
//! holds a text too, and the `<` are counted: no text or tag lies over a `<`, provided that the part has none where XML
//! allows none, and none of the constructs that may hide one. Spreadsheet programs write neither.

/// What a part may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The longest text, tag, or element that holds a text, bytes.
    pub(super) run: usize,
    /// The most `<`.
    pub(super) tags: u64,
    /// Elements that belong into other parts, by their local names.
    pub(super) strange: &'static [&'static str],
}

/// Why a part is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unfit {
    /// A text or tag that is too long.
    Long,
    /// Too many tags.
    Many,
    /// A comment, CDATA section or DOCTYPE.
    Declaration,
    /// A `<` inside of a tag.
    Nested,
    /// An element that belongs into another part.
    Strange,
}

impl Unfit {
    /// What the part holds, for the refusal.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Long => "a text or tag that is too long",
            Self::Many => "too many tags",
            Self::Declaration => "a comment, CDATA section or DOCTYPE",
            Self::Nested => "a < inside of a tag",
            Self::Strange => "a tag of another part",
        }
    }
}

/// Elements whose texts are put together into one.
const HOLDERS: [&[u8]; 3] = [b"is", b"si", b"v"];

/// Longer names are none of those that matter; more of a name is not kept.
const NAME_BYTES: usize = 64;

/// So much of the first tag is kept.
const FIRST_BYTES: usize = 4096;

/// Looks at the bytes of one part, chunk by chunk.
#[derive(Debug)]
pub(super) struct Markup {
    rules: Rules,
    state: State,
    /// Bytes since the last `<`.
    run: usize,
    tags: u64,
    tag: Tag,
    /// The element that holds a text and is open, and its bytes so far.
    holder: Option<(Vec<u8>, usize)>,
    first: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Text,
    /// Right after `<`.
    Opened,
    Tag,
    /// Inside of an attribute's value; its end is this quotation mark.
    Quoted(u8),
    /// Inside of `<? … ?>`; whether the byte before was a `?`.
    Instruction(bool),
}

/// The tag that is being read.
#[derive(Debug, Default)]
struct Tag {
    /// Its name with its prefix; cut.
    name: Vec<u8>,
    /// Whether the name is over.
    named: bool,
    /// Whether it is `</…>`.
    ends: bool,
    /// Whether the byte before was a `/`.
    slash: bool,
    /// Whether something comes after the name of a `</…>`: then no parser takes it for the end of that name.
    more: bool,
}

impl Markup {
    pub(super) fn new(rules: Rules) -> Self {
        let (state, tag) = (State::default(), Tag::default());
        Self { rules, state, run: 0, tags: 0, tag, holder: None, first: Vec::new() }
    }

    /// The first tag without its brackets; cut.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Looks at the next bytes.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        bytes.iter().try_for_each(|byte| self.byte(*byte))
    }

    fn byte(&mut self, byte: u8) -> Result<(), Unfit> {
        self.run += 1;
        let held = self.holder.as_mut().map_or(0, |(_, bytes)| {
            *bytes += 1;
            *bytes
        });
        if self.run.max(held) > self.rules.run {
            return Err(Unfit::Long);
        }
        if self.tags == 1 && matches!(self.state, State::Opened | State::Tag | State::Quoted(_)) {
            self.first.extend(Some(byte).filter(|_| self.first.len() < FIRST_BYTES));
        }
        self.state = match (self.state, byte) {
            (State::Text, b'<') => {
                self.opened()?;
                State::Opened
            }
            (State::Text, _) => State::Text,
            (State::Opened, b'!') => return Err(Unfit::Declaration),
            (State::Opened, b'?') => {
                // It is no tag.
                self.tags -= 1;
                self.first.clear();
                State::Instruction(false)
            }
            (_, b'<') => return Err(Unfit::Nested),
            (State::Instruction(true), b'>') => State::Text,
            (State::Instruction(_), _) => State::Instruction(byte == b'?'),
            (State::Quoted(end), _) if byte == end => State::Tag,
            (State::Quoted(_), _) => self.state,
            (State::Opened | State::Tag, b'>') => {
                self.closed()?;
                State::Text
            }
            (State::Opened | State::Tag, _) => {
                self.tag.byte(byte, self.state == State::Opened);
                if matches!(byte, b'"' | b'\'') { State::Quoted(byte) } else { State::Tag }
            }
        };
        Ok(())
    }

    fn opened(&mut self) -> Result<(), Unfit> {
        self.run = 0;
        self.tags += 1;
        self.tag = Tag { name: std::mem::take(&mut self.tag.name), ..Tag::default() };
        self.tag.name.clear();
        if self.tags > self.rules.tags { Err(Unfit::Many) } else { Ok(()) }
    }

    fn closed(&mut self) -> Result<(), Unfit> {
        let local = self.tag.local();
        if self.rules.strange.iter().any(|name| name.as_bytes() == local) {
            return Err(Unfit::Strange);
        }
        match &self.holder {
            Some((name, _)) if self.tag.ends && !self.tag.more && name == local => {
                self.holder = None
            }
            None if !self.tag.ends && !self.tag.slash && HOLDERS.contains(&local) => {
                self.holder = Some((local.to_vec(), 0));
            }
            Some(_) | None => {}
        }
        Ok(())
    }
}

impl Tag {
    fn byte(&mut self, byte: u8, first: bool) {
        if first && byte == b'/' {
            self.ends = true;
            return;
        }
        self.slash = byte == b'/';
        let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if self.named {
            self.more |= !blank;
        } else if blank || (byte == b'/' && !self.ends) {
            self.named = true;
        } else if self.name.len() < NAME_BYTES {
            self.name.push(byte);
        }
    }

    fn local(&self) -> &[u8] {
        self.name.rsplit(|byte| *byte == b':').next().unwrap_or_default()
    }
}
