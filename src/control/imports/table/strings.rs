//! How large the shared strings of an old workbook are, from their headers alone ([MS-XLS] 2.4.265 and 2.5.293).
//!
//! [MS-XLS]: https://learn.microsoft.com/en-us/openspecs/office_file_formats/ms-xls/

use super::records::FORMAT;
use crate::control::imports::error::ImportError;

/// The bytes that each string takes as UTF-8, at most. `segments` are the record and what continues it.
///
/// # Errors
/// [`ImportError::Broken`] where the strings are not as long as they say. How many there are is not taken from what the
/// record says: the reader reads them to the end.
pub(super) fn sizes(segments: &[&[u8]]) -> Result<Vec<u32>, ImportError> {
    let mut cursor = Cursor { segments, segment: 0, at: 0 };
    let all = cursor.all();
    all.ok_or_else(|| ImportError::broken(FORMAT, "its shared strings end too early"))
}

struct Cursor<'s> {
    segments: &'s [&'s [u8]],
    segment: usize,
    at: usize,
}

impl Cursor<'_> {
    fn all(&mut self) -> Option<Vec<u32>> {
        // The numbers of references and of strings.
        self.fixed::<8>()?;
        let mut sizes = Vec::new();
        while self.left() > 0 || self.next_segment().is_some() {
            sizes.push(self.string()?);
        }
        Some(sizes)
    }

    fn string(&mut self) -> Option<u32> {
        let chars = usize::from(u16::from_le_bytes(self.fixed()?));
        let [flags] = self.fixed()?;
        let runs = if flags & 0x08 == 0 { 0 } else { u16::from_le_bytes(self.fixed()?) };
        let extra = if flags & 0x04 == 0 { 0 } else { u32::from_le_bytes(self.fixed()?) };
        let size = self.text(chars, flags & 0x01 != 0)?;
        self.skip(usize::from(runs) * 4)?;
        self.skip(extra as usize)?;
        Some(size)
    }

    /// Characters of one or two bytes; where they go on in the next segment, a byte there says anew which.
    fn text(&mut self, mut chars: usize, mut wide: bool) -> Option<u32> {
        let mut size = 0;
        while chars > 0 {
            let width = if wide { 2 } else { 1 };
            let here = chars.min(self.left() / width);
            self.at += here * width;
            chars -= here;
            // Two bytes become three of UTF-8 at most, one byte two.
            size += u32::try_from(here * (width + 1)).ok()?;
            if chars > 0 {
                // A character is never cut in two.
                if self.left() > 0 {
                    return None;
                }
                self.next_segment()?;
                let [flags] = self.fixed()?;
                wide = flags & 0x01 != 0;
            }
        }
        Some(size)
    }

    fn skip(&mut self, mut bytes: usize) -> Option<()> {
        while bytes > 0 {
            if self.left() == 0 {
                self.next_segment()?;
            }
            let here = bytes.min(self.left());
            self.at += here;
            bytes -= here;
        }
        Some(())
    }

    fn left(&self) -> usize {
        self.segments.get(self.segment).map_or(0, |segment| segment.len() - self.at)
    }

    fn next_segment(&mut self) -> Option<()> {
        self.segment += 1;
        self.at = 0;
        (self.segment < self.segments.len()).then_some(())
    }

    /// Bytes that stand together.
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.segments.get(self.segment)?.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*bytes)
    }
}
