//! Test devices by name, where a campaign chooses them.

use super::desk::Desk;
use crate::control::documents::test_device::MAX_TEST_DEVICES;
use crate::control::documents::{Document as _, TestDevice};
use crate::control::refusal::Refusal;
use crate::control::store::{Kind, Query};
use crate::domain::ids::DeviceId;

impl Desk<'_> {
    /// Puts the ids of test devices in the place of their names. What is neither stays, for the rules to refuse.
    pub(super) fn take_by_name(&mut self, devices: &mut [String]) -> Result<(), Refusal> {
        for text in devices {
            if DeviceId::parse(text).is_ok() {
                continue;
            }
            let found = self.tx.find(self.account_id(), Kind::TestDevice, text)?;
            let Some(record) = found else { continue };
            let device = self.shown::<TestDevice>(&record)?.document;
            if let Some(id) = device.advertising_id.into_iter().next() {
                *text = id;
            }
        }
        Ok(())
    }

    /// That there may be one more.
    pub(super) fn room_for_test_device(&mut self) -> Result<(), Refusal> {
        let allowed = MAX_TEST_DEVICES;
        let found = self.tx.count(&Query::all(self.account_id(), TestDevice::KIND))? + 1;
        if found <= allowed {
            return Ok(());
        }
        Err(Refusal::Limit { what: "test devices", found, allowed, remedy: "delete some" })
    }
}
