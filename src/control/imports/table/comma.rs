//! CSV, record by record.

use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use super::encoding::{self, Utf8};
use super::gather::Gather;
use super::meter::{Meter, Tally};
use crate::control::imports::error::ImportError;

const FORMAT: &str = "CSV";

/// One record may take so much text: all cells at their bound would be more than a table of ours can hold, and a
/// quotation mark that is never closed makes the rest of a file one cell.
const RECORD_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a CSV file of `length` bytes.
///
/// Rows may be shorter or longer than the header. Commas, semicolons and tabs separate, whichever the first line has
/// most of.
pub(super) fn read(
    mut file: impl Read + Seek,
    length: u64,
    mut gather: Gather<'_, '_>,
) -> Result<(), ImportError> {
    let encoding = encoding::detect(&mut file, gather.watch)?;
    file.seek(SeekFrom::Start(0))?;
    let (counted, pulled) = Meter::new(file);
    // The file's own bound was held before; this only counts.
    pulled.allow(u64::MAX);
    let mut text = BufReader::new(Utf8::new(counted, encoding));
    let start = text.fill_buf()?;
    let (delimiter, ends_in_two) = (delimiter(start), ends_in_two(start));
    // Of two bytes of a line break the reader takes the second with the record after, so all counts are one behind.
    let (line_break, mut line) = if ends_in_two { ("\r\n", 0) } else { ("\n", 1) };
    // A line break more, so that the last record ends as the others do and lines can be counted.
    let (text, tally) = Meter::new(text.chain(Cursor::new(line_break)));
    tally.allow(RECORD_BYTES);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text);
    let mut record = csv::StringRecord::new();
    let mut number = 0;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return gather.finish(),
            Err(error) => return Err(refusal(error, &tally, number + 1)),
        }
        tally.allow(RECORD_BYTES);
        // The reader passes over blank lines; a spreadsheet counts them. A line break inside of quotes is no row.
        let inside: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
        let lines = reader.position().line() - line;
        line = reader.position().line();
        number += 1 + lines.saturating_sub(1 + inside as u64);
        gather.begin(number);
        for (column, cell) in record.iter().enumerate() {
            gather.cell(column, cell)?;
        }
        if gather.end(|| pulled.per_cent(length))? == ControlFlow::Break(()) {
            return Ok(());
        }
    }
}

fn refusal(error: csv::Error, tally: &Tally, row: u64) -> ImportError {
    if tally.is_spent() {
        let limit = usize::try_from(RECORD_BYTES).unwrap_or(usize::MAX);
        return ImportError::CellTooLong { row, column: 1, limit };
    }
    if error.is_io_error() {
        return ImportError::Io(error.into());
    }
    ImportError::broken(FORMAT, format!("row {row}: {error}"))
}

/// Whether the first line ends in CRLF.
fn ends_in_two(start: &[u8]) -> bool {
    let end = start.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    end.is_some_and(|at| start[at..].starts_with(b"\r\n"))
}

/// The separator that the first line has most of, quoted text aside; of equals the comma.
fn delimiter(start: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0_u32), (b';', 0), (b'\t', 0)];
    for byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if !quoted => {
                counts.iter_mut().filter(|(one, _)| one == byte).for_each(|(_, count)| *count += 1);
            }
            _ => {}
        }
    }
    let best = counts.iter().fold((b',', 0), |best, one| if one.1 > best.1 { *one } else { best });
    best.0
}
