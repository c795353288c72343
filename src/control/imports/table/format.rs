//! Which format a file has, by its first bytes. Names lie: people rename, and web pages are saved as `.xls`.

use std::io::{self, Read, Seek, SeekFrom};

use crate::control::imports::error::ImportError;

/// A format that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Values separated by commas, semicolons or tabs.
    Csv,
    /// A workbook of Excel 2007 or later.
    Xlsx,
    /// A workbook of Excel 97 to 2003.
    Xls,
    /// A GeoJSON FeatureCollection.
    GeoJson,
}

/// What is read, for messages.
pub const ALLOWED: &str = "CSV (UTF-8 or CP949), XLSX, XLS or GeoJSON";

/// So many first bytes are looked at.
const HEAD: u64 = 512;

/// Looks at the first bytes, and goes back to the start.
///
/// # Errors
/// [`ImportError::Format`] for what is known not to be read, [`ImportError::Empty`] for nothing at all.
pub fn detect(file: &mut (impl Read + Seek)) -> Result<Format, ImportError> {
    let head = head(file)?;
    let refuse = |found| Err(ImportError::Format { found, allowed: ALLOWED });
    if head.is_empty() {
        return Err(ImportError::Empty);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Format::Xlsx);
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return Ok(Format::Xls);
    }
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return refuse("text in UTF-16; save it as CSV UTF-8");
    }
    if head.starts_with(b"%PDF") {
        return refuse("a PDF");
    }
    if head.starts_with(b"\x1F\x8B") || head.starts_with(b"7z\xBC\xAF") || head.starts_with(b"Rar!")
    {
        return refuse("a packed file; unpack it");
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&head).trim_ascii_start();
    match text.first() {
        Some(b'{') => Ok(Format::GeoJson),
        Some(b'<') => {
            refuse("a web page or XML; open it in a spreadsheet program and save it as XLSX")
        }
        _ => Ok(Format::Csv),
    }
}

fn head(file: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head)
}
