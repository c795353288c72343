//! A segment is filled aside: whoever addresses it sees the file before until all of the new one is there.

use super::batch::Applies as _;
use super::devices::Devices;
use crate::control::documents::account::Membership;
use crate::control::documents::{Import, Segment};
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::imports::rows::devices::{Device, DeviceRow};
use crate::control::samples::Installation;
use crate::control::store::{DeviceList, Kind};
use crate::domain::ids::DeviceId;

#[test]
fn a_segment_changes_all_at_once() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let segment = serde_json::json!({ "name": "S" });
    let id = installation.make::<Segment>(account, segment);
    let import = Import::begun("f.csv".to_owned(), ImportOf::Segment, Some(id), 1);
    for (ids, before, after) in [(1..4_u8, 0, 3), (101..103, 3, 2)] {
        installation
            .at(account, |desk| {
                let list = (desk.key(Kind::Segment, id), DeviceList::Segment);
                desk.clear_imported(&import)?;
                let devices = ids.clone().map(|byte| Device::AdvertisingId(DeviceId([byte; 16])));
                let devices = devices.collect();
                Devices::Segment(id).apply(desk, DeviceRow { row: 2, devices })?;
                assert_eq!(desk.count_devices(list)?, before, "of the file before");
                desk.put_in_place(&import)?;
                assert_eq!(desk.count_devices(list)?, after, "of this one alone");
                Ok(())
            })
            .unwrap();
    }
}
