//! Devices of a segment or blacklist.

use super::bad_cell::{BadCell, shown_id};
use super::cells::Cells;
use super::record::Record;
use crate::control::imports::columns::Column;
use crate::domain::ids::DeviceId;

/// A device as a row names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// By its advertising id; never the nil id.
    AdvertisingId(DeviceId),
    /// By its echo code, the SDK's own device code; never all zeros.
    EchoCode([u8; 16]),
}

/// Both are personal: a debug print must not leak one into a log.
impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AdvertisingId(_) => "AdvertisingId(…)",
            Self::EchoCode(_) => "EchoCode(…)",
        })
    }
}

/// A row of a list of devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceRow {
    /// The row, from 1.
    pub row: u64,
    /// What it names: one or two, where a blacklist has both columns.
    pub devices: Vec<Device>,
}

/// Reads a row.
///
/// # Errors
/// Every wrong cell.
pub fn device(record: Record<'_>) -> Result<DeviceRow, Vec<BadCell>> {
    let mut cells = Cells::new(record);
    let mut devices = Vec::with_capacity(1);
    devices.extend(advertising_id(&mut cells));
    devices.extend(echo_code(&mut cells));
    if devices.is_empty() && cells.is_sound() {
        cells.refuse_value(Column::AdvertisingId, "", "the row names no device");
    }
    let row = record.row.number;
    cells.finish(Some(DeviceRow { row, devices }))
}

fn advertising_id(cells: &mut Cells<'_>) -> Option<Device> {
    let text = cells.record.text(Column::AdvertisingId)?;
    let reason = match DeviceId::parse(text) {
        Ok(id) if !id.is_nil() => return Some(Device::AdvertisingId(id)),
        Ok(_) => {
            "it is the id of all zeros, which a phone shows when its user limits tracking; it names nobody"
        }
        // The parser quotes what it was given, so its words are not shown.
        Err(_) => "it is no advertising id (ADID, IDFA); allowed: 8-4-4-4-12 hexadecimal digits",
    };
    cells.refuse_value(Column::AdvertisingId, &shown_id(text), reason);
    None
}

fn echo_code(cells: &mut Cells<'_>) -> Option<Device> {
    let text = cells.record.text(Column::EchoCode)?;
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    match code {
        Some(code) if code != 0 => return Some(Device::EchoCode(code.to_be_bytes())),
        _ => {}
    }
    let reason = "it is no echo code; allowed: 32 hexadecimal digits, not all zero";
    cells.refuse_value(Column::EchoCode, &shown_id(text), reason);
    None
}
