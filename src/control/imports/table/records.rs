//! The records of an old workbook, looked through before its reader may see them.
//!
//! The reader loads everything: it makes room for as many cells as a sheet claims to have, lays a sheet out as a full
//! rectangle, and writes every formula out as text. A few hundred bytes can ask it for terabytes that way, and an
//! allocation that fails ends the daemon. So claims are held against what a stream of this length can hold, and formulas
//! and names, which nobody asked for, are taken out. Record numbers are those of [MS-XLS] section 2.3.
//!
//! [MS-XLS]: https://learn.microsoft.com/en-us/openspecs/office_file_formats/ms-xls/

use super::strings;
use crate::control::imports::error::ImportError;

pub(super) const FORMAT: &str = "XLS workbook";

/// The most cells: the largest sheet's rectangle times the number of sheets; 65,536 rows of 32 columns. Each takes 24
/// bytes three times.
const AREA: u64 = 65_536 * 32;

/// The most text of all cells together, bytes. The reader copies a shared string into every cell that shows it, so that
/// one long string and many cells would come to terabytes.
const TEXT_BYTES: u64 = 48 * 1024 * 1024;

/// The most records that continue one other. Strings of this format's longest file need 3,000; the reader takes them off
/// the front of a list.
const CONTINUED: u32 = 10_000;

/// The most sheets.
const SHEETS: usize = 256;

const FORMULA: u16 = 0x0006;
const BEGIN: u16 = 0x0809;
const CONTINUE: u16 = 0x003C;
const NAME: u16 = 0x0018;
const SHEET: u16 = 0x0085;
const MULTIPLE_RK: u16 = 0x00BD;
const MERGED: u16 = 0x00E5;
const STRINGS: u16 = 0x00FC;
const LABEL_OF_STRINGS: u16 = 0x00FD;
const DIMENSIONS: u16 = 0x0200;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const RICH_LABEL: u16 = 0x00D6;
const BOOL_OR_ERROR: u16 = 0x0205;
const RK: u16 = 0x027E;
/// No record has this number; its reader passes over it.
const NOTHING: u16 = 0xFFFF;

/// Makes a workbook stream harmless, or refuses it.
pub(super) fn tame(stream: &mut [u8]) -> Result<(), ImportError> {
    let mut survey = Survey::default();
    let mut at = 0;
    while at + 4 <= stream.len() {
        let kind = u16_at(stream, at).unwrap_or(NOTHING);
        let end = at + 4 + usize::from(u16_at(stream, at + 2).unwrap_or(0));
        if end > stream.len() {
            let reason = format!("it ends inside of the record at byte {at}");
            return Err(ImportError::broken(FORMAT, reason));
        }
        match kind {
            BEGIN => survey.begins.push(at),
            STRINGS => survey.strings = strings::sizes(&segments(stream, at))?,
            _ => {}
        }
        let replaced = survey.record(kind, &mut stream[at + 4..end])?;
        stream[at..at + 2].copy_from_slice(&replaced.to_le_bytes());
        at = end;
    }
    survey.finish()
}

/// A record's bytes and those of the records that continue it.
fn segments(stream: &[u8], mut at: usize) -> Vec<&[u8]> {
    let mut segments = Vec::new();
    while let Some(len) = u16_at(stream, at + 2) {
        let Some(segment) = stream.get(at + 4..at + 4 + usize::from(len)) else { break };
        segments.push(segment);
        at += 4 + usize::from(len);
        if u16_at(stream, at) != Some(CONTINUE) {
            break;
        }
    }
    segments
}

#[derive(Debug, Default)]
struct Survey {
    /// Where the list of sheets says that each begins.
    sheets: Vec<usize>,
    /// Where something begins.
    begins: Vec<usize>,
    /// The bytes that each shared string takes.
    strings: Vec<u32>,
    /// The bytes of all cells' shared strings.
    text: u64,
    /// How many records in a row continue another.
    continued: u32,
    /// Rows and columns up to which any sheet reaches. Which sheet a record counts for is the reader's to say.
    rows: u64,
    columns: u64,
}

impl Survey {
    /// Looks at a record, changes what is dangerous in it, and gives the number that it shall have.
    fn record(&mut self, kind: u16, record: &mut [u8]) -> Result<u16, ImportError> {
        self.continued = if kind == CONTINUE { self.continued + 1 } else { 0 };
        if self.continued > CONTINUED {
            let what = format!("a record in more than {CONTINUED} pieces");
            return Err(ImportError::bomb(what, format!("{CONTINUED} pieces")));
        }
        match kind {
            SHEET => self.sheet(record)?,
            // What a sheet claims is not needed, and room would be made for it.
            DIMENSIONS | NAME | MERGED => return Ok(NOTHING),
            MULTIPLE_RK => {
                let width = record.len().saturating_sub(6) / 6;
                let first = u16_at(record, 2).unwrap_or(0);
                let last = record.len().checked_sub(2).and_then(|at| u16_at(record, at));
                let fits = last
                    .and_then(|last| last.checked_sub(first))
                    .is_some_and(|more| usize::from(more) + 1 == width);
                if !fits {
                    return Err(ImportError::broken(
                        FORMAT,
                        "a row of numbers has another width than it says",
                    ));
                }
                self.cell(record, width as u64)?;
            }
            LABEL_OF_STRINGS => {
                self.cell(record, 1)?;
                self.shared(record)?;
            }
            NUMBER | LABEL | RICH_LABEL | BOOL_OR_ERROR | RK => self.cell(record, 1)?,
            FORMULA => {
                self.cell(record, 1)?;
                return Ok(formula(record));
            }
            _ => {}
        }
        Ok(kind)
    }

    fn sheet(&mut self, record: &[u8]) -> Result<(), ImportError> {
        if self.sheets.len() >= SHEETS {
            let what = format!("more than {SHEETS} sheets");
            return Err(ImportError::bomb(what, format!("{SHEETS} sheets")));
        }
        let at = record.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        self.sheets.push(at.map_or(usize::MAX, |at| at as usize));
        Ok(())
    }

    /// A cell that shows a shared string.
    fn shared(&mut self, record: &[u8]) -> Result<(), ImportError> {
        let index = record
            .get(6..)
            .and_then(|rest| rest.first_chunk())
            .map(|bytes| u32::from_le_bytes(*bytes));
        let size = index.and_then(|index| self.strings.get(index as usize));
        self.text += u64::from(size.copied().unwrap_or(0));
        if self.text > TEXT_BYTES {
            let what = format!("cells with more than {TEXT_BYTES} bytes of text");
            return Err(ImportError::bomb(
                what,
                format!("{TEXT_BYTES} bytes; send it as XLSX or CSV"),
            ));
        }
        Ok(())
    }

    fn cell(&mut self, record: &[u8], width: u64) -> Result<(), ImportError> {
        let (Some(row), Some(column)) = (u16_at(record, 0), u16_at(record, 2)) else {
            return Err(ImportError::broken(FORMAT, "a cell has no place"));
        };
        self.rows = self.rows.max(u64::from(row) + 1);
        self.columns = self.columns.max(u64::from(column) + width);
        self.held()
    }

    fn held(&self) -> Result<(), ImportError> {
        let sheets = self.sheets.len().max(1) as u64;
        if self.rows * self.columns * sheets > AREA {
            let what = format!("{sheets} sheets, row {} and column {}", self.rows, self.columns);
            let allowed = format!("{AREA} cells in all; send it as XLSX or CSV");
            return Err(ImportError::bomb(what, allowed));
        }
        Ok(())
    }

    /// Every sheet has to begin at a record of its own. One that began in the middle of another record would be read as
    /// records that nobody has looked at.
    fn finish(mut self) -> Result<(), ImportError> {
        self.held()?;
        let count = self.sheets.len();
        self.sheets.sort_unstable();
        self.sheets.dedup();
        let begin = |at: &usize| self.begins.binary_search(at).is_ok();
        if self.sheets.len() < count || !self.sheets.iter().all(begin) {
            return Err(ImportError::broken(
                FORMAT,
                "its list of sheets points to where no sheet begins",
            ));
        }
        Ok(())
    }
}

/// Takes the formula out of its cell and leaves the value. A number's record begins as a formula's does; the value of
/// any other kind is in the record that follows, or nowhere.
fn formula(record: &mut [u8]) -> u16 {
    let is_number = record.get(12..14).is_some_and(|bytes| bytes != [0xFF, 0xFF]);
    if is_number {
        return NUMBER;
    }
    // The length of the formula, then its tokens: none.
    record.iter_mut().skip(20).for_each(|byte| *byte = 0);
    FORMULA
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}
