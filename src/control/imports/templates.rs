//! Files to start from: the columns of a kind, and rows that show what goes into them.

use std::io::{self, Cursor};

use super::bad_rows::MARK;
use super::columns::{Kind, Language};
use super::workbook::{self, Value};

/// A CSV template as Excel opens it: UTF-8 with a byte-order mark, lines that end in CRLF.
///
/// # Errors
/// None in practice: it is written into memory.
pub fn csv(kind: Kind, language: Language) -> io::Result<Vec<u8>> {
    let mut csv =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(MARK.to_vec());
    csv.write_record(header(kind, language))?;
    for sample in kind.samples() {
        csv.write_record(*sample)?;
    }
    csv.into_inner().map_err(|error| error.into_error())
}

/// An XLSX template.
///
/// # Errors
/// Where the temporary file fails that rows wait in.
pub fn xlsx(kind: Kind, language: Language) -> io::Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    let sheet = match language {
        Language::Korean => "양식",
        Language::English => "template",
    };
    let text = |text: &&str| Value::Text((*text).to_owned());
    let rows = kind.samples().iter().map(|sample| Ok(sample.iter().map(text).collect()));
    workbook::write(&mut out, (sheet, &header(kind, language)), rows)?;
    Ok(out.into_inner())
}

fn header(kind: Kind, language: Language) -> Vec<&'static str> {
    kind.columns().iter().map(|name| name.name(language)).collect()
}
