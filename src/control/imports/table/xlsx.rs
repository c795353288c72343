//! XLSX, cell by cell: the first sheet that is not hidden.

use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::archive::{self, FORMAT};
use super::gather::Gather;
use super::text;
use crate::control::imports::error::ImportError;

/// So many cells, empty ones too, are read between two looks at the watch.
const EMPTY_CELLS: u64 = 65_536;

/// Reads a workbook.
///
/// Rows that a sheet claims and does not have cost nothing: only cells that are there are read. Cells have to come in
/// order, as every program writes them.
pub(super) fn read(file: impl Read + Seek, mut gather: Gather<'_, '_>) -> Result<(), ImportError> {
    let file = archive::survey(file, gather.bounds, gather.watch)?;
    let mut workbook: Xlsx<_> = guarded(|| Xlsx::new(file))?;
    let name = first_sheet(workbook.sheets_metadata())?;
    let mut cells = guarded(|| workbook.worksheet_cells_reader(&name))?;
    let last_row = u64::from(cells.dimensions().end.0) + 1;
    let mut cell_text = String::new();
    let mut count = 0_u64;
    while let Some(cell) = guarded(|| cells.next_cell())? {
        count += 1;
        if count.is_multiple_of(EMPTY_CELLS) {
            gather.watch.pause()?;
        }
        let (row, column) = cell.get_position();
        let number = u64::from(row) + 1;
        if number < gather.number() {
            let reason = format!("row {number} comes after row {}", gather.number());
            return Err(ImportError::broken(FORMAT, reason));
        }
        text::of_ref(cell.get_value(), &mut cell_text);
        // Formatting reaches to the last column of a sheet; only what is in a cell counts.
        if cell_text.is_empty() {
            continue;
        }
        if number > gather.number() {
            if gather.number() > 0 && end(&mut gather, last_row)? == ControlFlow::Break(()) {
                return Ok(());
            }
            gather.begin(number);
        }
        gather.cell(column as usize, &cell_text)?;
    }
    if gather.number() > 0 && end(&mut gather, last_row)? == ControlFlow::Break(()) {
        return Ok(());
    }
    gather.finish()
}

/// Ends a row. What a sheet says of its own length may be wrong; it is good enough for a progress bar.
fn end(gather: &mut Gather<'_, '_>, last_row: u64) -> Result<ControlFlow<()>, ImportError> {
    let number = gather.number();
    gather.end(|| {
        let part = number.checked_mul(100)?.checked_div(last_row)?;
        u8::try_from(part).ok().filter(|part| *part <= 100)
    })
}

/// The first sheet with rows that people see; a hidden one holds a template's lists.
pub(super) fn first_sheet(sheets: &[calamine::Sheet]) -> Result<String, ImportError> {
    let rows = |sheet: &&calamine::Sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    };
    let found = sheets.iter().find(rows);
    found.map(|sheet| sheet.name.clone()).ok_or(ImportError::Empty)
}

/// What the reader still stumbles over is a panic of its own, which ends this import and nothing more: all that it has
/// changed is its own, and is dropped.
fn guarded<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, ImportError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(ImportError::broken(FORMAT, error)),
        Err(_) => Err(ImportError::broken(FORMAT, "its parts contradict each other")),
    }
}
