//! Circles and polygons of an account's own, one by one or in groups.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, Need, text};
use crate::control::imports::rows::fences::{PHONE, POSTCODE};
use crate::control::shape::FenceShape;
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// A circle or polygon.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Geofence {
    /// What messages call it, 1 to 30 characters.
    pub name: String,
    /// At most 100 characters.
    #[serde(default)]
    pub description: String,
    /// The owner's code for it, at most 100 characters.
    #[serde(default)]
    pub client_code: String,
    /// Where it is.
    pub shape: FenceShape,
    /// The group that it came with; those of a group come and go with it.
    #[serde(default)]
    pub group: Option<u32>,
    /// Its address by lot, at most 200 characters.
    #[serde(default)]
    pub lot_address: String,
    /// Its address by road, at most 200 characters.
    #[serde(default)]
    pub road_address: String,
    /// Its postcode, at most 16 characters.
    #[serde(default)]
    pub postcode: String,
    /// Its telephone number, at most 40 characters.
    #[serde(default)]
    pub phone: String,
}

impl Document for Geofence {
    const KIND: Kind = Kind::Geofence;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.client_code
    }

    fn needs(&self) -> Vec<Need> {
        Need::maybe("/group", Kind::Group, self.group)
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 30, true);
        for (pointer, value, most) in [
            ("/description", &self.description, 100),
            ("/client_code", &self.client_code, 100),
            ("/lot_address", &self.lot_address, 200),
            ("/road_address", &self.road_address, 200),
            ("/postcode", &self.postcode, POSTCODE),
            ("/phone", &self.phone, PHONE),
        ] {
            faults.extend(text(pointer, value, most, false));
        }
        faults.extend(self.shape.check().into_iter().map(|fault| fault.under("/shape")));
        faults
    }
}

/// Geofences that came in one file. Its states are those of the file: checking, usable, partly_failed, failed,
/// check_error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// 1 to 30 characters.
    pub name: String,
    /// At most 100 characters.
    #[serde(default)]
    pub description: String,
}

impl Document for Group {
    const KIND: Kind = Kind::Group;
    const FIRST_STATE: &'static str = "checking";

    fn name(&self) -> &str {
        &self.name
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 30, true);
        faults.extend(text("/description", &self.description, 100, false));
        faults
    }
}
