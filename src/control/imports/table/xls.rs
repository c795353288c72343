//! XLS, which is loaded whole: the first sheet that is not hidden.
//!
//! The workbook's one stream is taken out of its container, [tamed](super::records), and put into a new container, so
//! that the reader sees exactly what was looked through and nothing else. What it still stumbles over is a panic of its
//! own, which ends this import and nothing more.

use std::io::{Cursor, Read, Seek, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Range, Reader, Xls, XlsError};

use super::gather::Gather;
use super::records::{self, FORMAT};
use super::text;
use super::xlsx::first_sheet;
use crate::control::imports::error::ImportError;

/// The format ends at 65,536 rows; a sheet of that many takes 10 MB. It is in memory three times.
pub(super) const BYTES: u64 = 24 * 1024 * 1024;

/// The names that the stream has had.
const STREAMS: [&str; 2] = ["/Workbook", "/Book"];

/// Reads an old workbook of `length` bytes.
pub(super) fn read(
    file: impl Read + Seek,
    length: u64,
    mut gather: Gather<'_, '_>,
) -> Result<(), ImportError> {
    if length > BYTES {
        let what = format!("an XLS file of {length} bytes");
        return Err(ImportError::bomb(what, format!("{BYTES} bytes; send it as XLSX or CSV")));
    }
    let range = load(file)?;
    gather.watch.pause()?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    let height = range.height() as u64;
    let mut cell_text = String::new();
    for (nth, cells) in (1..).zip(range.rows()) {
        gather.begin(u64::from(first_row) + nth);
        for (column, cell) in cells.iter().enumerate() {
            text::of(cell, &mut cell_text);
            gather.cell(first_column as usize + column, &cell_text)?;
        }
        let per_cent = || u8::try_from(nth * 100 / height.max(1)).ok();
        if gather.end(per_cent)? == ControlFlow::Break(()) {
            return Ok(());
        }
    }
    gather.finish()
}

fn load(file: impl Read + Seek) -> Result<Range<Data>, ImportError> {
    // Both readers are handed bytes that they may keep; nothing of ours is left half-changed when they panic.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let mut stream = unpack(file)?;
        records::tame(&mut stream)?;
        let mut workbook = Xls::new(pack(&stream)?).map_err(broken)?;
        drop(stream);
        let name = first_sheet(workbook.sheets_metadata())?;
        workbook.worksheet_range(&name).map_err(broken)
    }));
    loaded.unwrap_or_else(|_| Err(ImportError::broken(FORMAT, "its records contradict each other")))
}

fn unpack(file: impl Read + Seek) -> Result<Vec<u8>, ImportError> {
    let broken = |error| ImportError::broken(FORMAT, error);
    let mut container = cfb::CompoundFile::open(file).map_err(broken)?;
    let Some(name) = STREAMS.into_iter().find(|name| container.is_stream(name)) else {
        return Err(ImportError::broken(
            FORMAT,
            "it has no workbook; it may be another Office document, or protected by a password",
        ));
    };
    let mut stream = Vec::new();
    let opened = container.open_stream(name).map_err(broken)?;
    opened.take(BYTES).read_to_end(&mut stream).map_err(broken)?;
    Ok(stream)
}

fn pack(stream: &[u8]) -> Result<Cursor<Vec<u8>>, ImportError> {
    // Of version 4 the reader does not find the root once a stream is large.
    let new = Cursor::new(Vec::new());
    let mut container = cfb::CompoundFile::create_with_version(cfb::Version::V3, new)?;
    let mut into = container.create_stream(STREAMS[0])?;
    into.write_all(stream)?;
    into.flush()?;
    drop(into);
    container.flush()?;
    Ok(container.into_inner())
}

fn broken(error: XlsError) -> ImportError {
    ImportError::broken(FORMAT, error)
}
