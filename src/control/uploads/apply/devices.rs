//! Advertising ids and echo codes, of segments and of the blacklist.

use super::batch::Applies;
use crate::control::desk::Desk;
use crate::control::desk::blacklist::echo_code;
use crate::control::imports::rows::devices::{Device, DeviceRow};
use crate::control::refusal::Refusal;
use crate::control::store::{DeviceList, Key, Kind};

/// Fills a list of devices.
#[derive(Clone, Copy)]
pub(in crate::control::uploads) enum Devices {
    /// Of this segment.
    Segment(u32),
    /// Of the account.
    Blacklist,
}

impl Applies for Devices {
    type Row = DeviceRow;

    fn number(row: &DeviceRow) -> u64 {
        row.row
    }

    fn apply(&mut self, desk: &mut Desk<'_>, row: DeviceRow) -> Result<(), Refusal> {
        for device in row.devices {
            match (*self, device) {
                (Self::Segment(segment), Device::AdvertisingId(id)) => {
                    let key = desk.key(Kind::Segment, segment);
                    let sealed = desk.sealed(&[id]);
                    desk.add_devices((key, DeviceList::SegmentToBe), &sealed)?;
                }
                (Self::Blacklist, Device::AdvertisingId(id)) => {
                    let key = Key::of_account(desk.account_id());
                    let sealed = desk.sealed(&[id]);
                    desk.add_devices((key, DeviceList::Blacklist), &sealed)?;
                }
                (Self::Blacklist, Device::EchoCode(code)) => {
                    let key = Key::of_account(desk.account_id());
                    desk.add_devices((key, DeviceList::EchoBlacklist), &[echo_code(code)])?;
                }
                (Self::Segment(_), Device::EchoCode(_)) => {}
            }
        }
        Ok(())
    }
}
