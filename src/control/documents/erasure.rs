//! That nothing is to be kept of a device any more, and the receipt that nothing is.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::Document;
use super::one_text;
use super::test_device::id_faults;
use crate::control::store::{DeviceList, Kind};
use crate::domain::problem::Fault;

/// A device to be erased. Its states are waiting and erased.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Its advertising id (Android ADID, iOS IDFA). Empty once it is erased.
    #[serde(with = "one_text")]
    #[schema(value_type = String)]
    pub advertising_id: Vec<String>,
    /// Nothing from before this instant is kept of it: when the erasure was begun. Empty until that is so, as the receipt
    /// is; the service fills both in.
    #[serde(default)]
    pub before: String,
    /// From where it was erased, in that order.
    #[serde(default)]
    pub receipt: Vec<String>,
}

/// The state until nothing is kept any more, and the one from then on.
pub const WAITING: &str = "waiting";
/// See [`WAITING`].
pub const ERASED: &str = "erased";

impl Document for Erasure {
    const KIND: Kind = Kind::Erasure;
    const FIRST_STATE: &'static str = WAITING;

    /// It has none: the only thing that tells it from others must not stay.
    fn name(&self) -> &str {
        ""
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        id_faults(&self.advertising_id).into_iter().collect()
    }

    fn devices(&mut self) -> Vec<(DeviceList, &'static str, &mut Vec<String>)> {
        vec![(DeviceList::Erasure, "/advertising_id", &mut self.advertising_id)]
    }
}
