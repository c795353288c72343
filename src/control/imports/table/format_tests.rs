//! Formats by content, whatever the name.

use std::io::Cursor;

use super::format::{Format, detect};
use crate::control::imports::error::ImportError;

#[test]
fn the_first_bytes_tell_the_format() {
    let known: [(&[u8], Format); 6] = [
        (b"PK\x03\x04rest", Format::Xlsx),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest", Format::Xls),
        (b" \n {\"type\":", Format::GeoJson),
        (b"\xEF\xBB\xBF{\"type\":", Format::GeoJson),
        (b"\xEF\xBB\xBFname,latitude", Format::Csv),
        (b"\xC0\xCC\xB8\xA7,", Format::Csv),
    ];
    for (bytes, format) in known {
        assert_eq!(detect(&mut Cursor::new(bytes)).unwrap(), format, "{bytes:?}");
    }
    let others: [&[u8]; 5] =
        [b"%PDF-1.7", b"\xFF\xFEn\0", b"<html><table>", b"\x1F\x8B\x08", b"Rar!"];
    for bytes in others {
        let refused = detect(&mut Cursor::new(bytes));
        assert!(matches!(refused, Err(ImportError::Format { .. })), "{bytes:?}");
    }
    assert!(matches!(detect(&mut Cursor::new(b"")), Err(ImportError::Empty)));
}
