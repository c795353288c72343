//! A cell that is wrong, as the person sees it who has to mend it.

/// A wrong cell.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct BadCell {
    /// The row as a spreadsheet shows it, or the number of the feature, from 1.
    pub row: u64,
    /// What the file calls the column.
    pub column: String,
    /// What is in it, shortened; never an advertising id in full.
    pub value: String,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl BadCell {
    /// A cell that reads, but can't be used.
    #[must_use]
    pub fn new(row: u64, column: &str, value: &str, reason: &str) -> Self {
        Self { row, column: column.to_owned(), value: shown(value), reason: reason.to_owned() }
    }
}

/// So many characters of a cell are shown.
const SHOWN_CHARS: usize = 60;

/// So many letters of what may be an advertising id are shown: enough to find it again in a file of thousands.
const ID_CHARS: usize = 4;

/// So many hexadecimal digits in a row may be most of an advertising id, which has 32.
const ID_DIGITS: usize = 16;

/// A text as it may be shown: one line, not long, and without what looks like an advertising id.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text.trim();
    let mut left = SHOWN_CHARS;
    while let Some(first) = rest.chars().next() {
        if left == 0 {
            shown.push('…');
            break;
        }
        let run = run(rest);
        if digits(run) >= ID_DIGITS {
            shown.push_str(&start(run));
            left = left.saturating_sub(ID_CHARS);
            rest = &rest[run.len()..];
            continue;
        }
        // A shorter run is shown letter by letter; what is left of it is shorter still.
        shown.push(if first.is_control() { ' ' } else { first });
        left -= 1;
        rest = &rest[first.len_utf8()..];
    }
    shown
}

/// What is meant to be an advertising id, whatever it looks like.
#[must_use]
pub fn shown_id(text: &str) -> String {
    start(text.trim())
}

fn start(text: &str) -> String {
    let mut start: String =
        text.chars().filter(|letter| !letter.is_control()).take(ID_CHARS).collect();
    if text.chars().count() > ID_CHARS {
        start.push('…');
    }
    start
}

/// Hexadecimal digits at the start of the text, and what people put between them.
fn run(text: &str) -> &str {
    let between = |letter: char| matches!(letter, '-' | '_' | ' ' | ':');
    let end = text.find(|letter: char| !letter.is_ascii_hexdigit() && !between(letter));
    &text[..end.unwrap_or(text.len())]
}

fn digits(run: &str) -> usize {
    run.chars().filter(char::is_ascii_hexdigit).count()
}
