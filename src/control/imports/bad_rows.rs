//! What was wrong with a file, to be mended in a spreadsheet: row, column, value, reason.
//!
//! The values come from whoever made the file and are opened by whoever mends it, so a text that a spreadsheet would
//! take for a formula is made inert.

use std::io::{self, Seek, Write};

use super::columns::Language;
use super::rows::bad_cell::BadCell;
use super::workbook::{self, Value};

/// Writes CSV as Excel opens it: UTF-8 with a byte-order mark, lines that end in CRLF.
///
/// # Errors
/// Where `out` fails.
pub fn write_csv(
    mut out: impl Write,
    language: Language,
    bad: impl IntoIterator<Item = BadCell>,
) -> io::Result<()> {
    out.write_all(MARK)?;
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    csv.write_record(header(language))?;
    for cell in bad {
        let row = cell.row.to_string();
        csv.write_record([row, inert(cell.column), inert(cell.value), inert(cell.reason)])?;
    }
    csv.flush()
}

/// Writes XLSX, whose texts are never formulas; they are inert all the same, since people save it as CSV.
///
/// # Errors
/// Where `out` fails, or the temporary file that rows wait in.
pub fn write_xlsx(
    out: impl Write + Seek + Send,
    language: Language,
    bad: impl IntoIterator<Item = BadCell>,
) -> io::Result<()> {
    let sheet = match language {
        Language::Korean => "오류",
        Language::English => "errors",
    };
    let rows = bad.into_iter().map(|cell| {
        let texts = [cell.column, cell.value, cell.reason].map(|text| Value::Text(inert(text)));
        Ok(std::iter::once(Value::Number(cell.row)).chain(texts).collect())
    });
    workbook::write(out, (sheet, &header(language)), rows)
}

/// The byte-order mark of UTF-8, without which Excel takes a file for CP949.
pub(in crate::control) const MARK: &[u8] = b"\xEF\xBB\xBF";

const fn header(language: Language) -> [&'static str; 4] {
    match language {
        Language::Korean => ["행", "열", "값", "사유"],
        Language::English => ["row", "column", "value", "reason"],
    }
}

/// A text that no spreadsheet takes for a formula: after OWASP's list, with the wide forms that Excel folds.
pub(in crate::control) fn inert(text: String) -> String {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins { format!("'{text}") } else { text }
}
