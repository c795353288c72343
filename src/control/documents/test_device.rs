//! Devices that campaigns are tried on, by name.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, text};
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
        let id = self.advertising_id.first().map(|text| DeviceId::parse(text));
        if !id.is_some_and(|id| id.is_ok_and(|id| !id.is_nil())) {
            // The text is not shown: it may be most of somebody's advertising id.
            let detail =
                "this names no device; allowed: 8-4-4-4-12 hexadecimal digits, not all zeros";
            faults.push(Fault::new("/advertising_id", detail));
        }
        faults
    }

    fn devices(&mut self) -> Vec<(DeviceList, &'static str, &mut Vec<String>)> {
        vec![(DeviceList::TestDevice, "/advertising_id", &mut self.advertising_id)]
    }
}

/// A list of one, as the text that is in it; of none, where it is kept apart, as an empty one.
mod one_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[String], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(list.first().map_or("", String::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        String::deserialize(from).map(|text| vec![text])
    }
}
