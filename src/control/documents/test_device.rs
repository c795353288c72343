//! Devices that campaigns are tried on, by name.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, text};
use super::one_text;
use crate::control::store::{DeviceList, Kind};
use crate::domain::ids::DeviceId;
use crate::domain::problem::Fault;

/// A device under a name. A campaign's `test_devices` may name it; what is kept with the campaign is its id as it was then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestDevice {
    /// 1 to 100 characters, and no advertising id; no other test device of the account has it.
    pub name: String,
    /// Its advertising id (Android ADID, iOS IDFA).
    #[serde(with = "one_text")]
    #[schema(value_type = String)]
    pub advertising_id: Vec<String>,
}

/// So many an account may have.
pub const MAX_TEST_DEVICES: u64 = 1000;

impl Document for TestDevice {
    const KIND: Kind = Kind::TestDevice;

    fn name(&self) -> &str {
        &self.name
    }

    fn natural(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        if DeviceId::parse(&self.name).is_ok() {
            let detail = "name is an advertising id; allowed: a name that can't be taken for one";
            faults.push(Fault::new("/name", detail));
        }
        faults.extend(id_faults(&self.advertising_id));
        faults
    }

    fn devices(&mut self) -> Vec<(DeviceList, &'static str, &mut Vec<String>)> {
        vec![(DeviceList::TestDevice, "/advertising_id", &mut self.advertising_id)]
    }
}

/// What is wrong with a field that holds one advertising id.
pub(super) fn id_faults(field: &[String]) -> Option<Fault> {
    let id = field.first().map(|text| DeviceId::parse(text));
    if id.is_some_and(|id| id.is_ok_and(|id| !id.is_nil())) {
        return None;
    }
    // The text is not shown: it may be most of somebody's advertising id.
    let detail = "this names no device; allowed: 8-4-4-4-12 hexadecimal digits, not all zeros";
    Some(Fault::new("/advertising_id", detail))
}
