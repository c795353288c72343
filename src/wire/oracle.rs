//! A second, slow decoder, written from the specification alone: one byte at a time, no shared code with the
//! first. The tests ask both and want the same answer.

/// A frame as the specification's tables read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainFrame {
    pub(super) kind: u64,
    pub(super) seq: u64,
    pub(super) app: u64,
    pub(super) stream: u64,
    /// Per record: the device and its numbers in the order of the table, times already added to the base.
    pub(super) records: Vec<(Vec<u8>, Vec<i128>)>,
}

/// Reads an intake frame; `None` when any rule of section 4 is broken or bytes are left over.
pub(super) fn read_intake(bytes: &[u8], max_records: u64) -> Option<PlainFrame> {
    let number = |at: usize, size: usize| -> Option<u64> {
        let field = bytes.get(at..at + size)?;
        Some(field.iter().rev().fold(0u64, |sum, &byte| sum * 256 + u64::from(byte)))
    };
    let kind = number(0, 1)?;
    let size: u64 = match kind {
        16 | 19 => 32,
        17 | 18 => 40,
        _ => return None,
    };
    let (flags, count, length) = (number(1, 1)?, number(2, 2)?, number(4, 4)?);
    let (seq, app, stream) = (number(8, 8)?, number(16, 4)?, number(20, 4)?);
    let base = signed(number(24, 8)?, 64);
    let good = flags == 0 && count > 0 && count <= max_records && length == count * size;
    if !good || seq == 0 || stream == 0 || bytes.len() as u64 != 32 + length {
        return None;
    }
    let mut records = Vec::new();
    for record in 0..count {
        let at = usize::try_from(32 + record * size).ok()?;
        let device = bytes.get(at..at + 16)?.to_vec();
        let time = |offset: usize| Some(base + i128::from(number(at + offset, 4)?));
        let numbers = match kind {
            16 => vec![
                signed(number(at + 16, 4)?, 32),
                signed(number(at + 20, 4)?, 32),
                time(24)?,
                i128::from(number(at + 28, 2)?),
                i128::from(number(at + 30, 2)?),
            ],
            17 => vec![time(32)?, i128::from(number(at + 36, 1)?)],
            18 => vec![i128::from(number(at + 32, 1)?), i128::from(number(at + 33, 1)?)],
            _ => vec![i128::from(number(at + 16, 4)?), time(20)?, i128::from(number(at + 24, 1)?)],
        };
        records.push((device, numbers));
    }
    Some(PlainFrame { kind, seq, app, stream, records })
}

fn signed(value: u64, bits: u32) -> i128 {
    let value = i128::from(value);
    if value >= 1 << (bits - 1) { value - (1 << bits) } else { value }
}
