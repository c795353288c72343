//! Stores, whose they are and what they sell.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, Need, text};
use crate::control::imports::rows::fences::{PHONE, POSTCODE};
use crate::control::shape::{FenceShape, check_point};
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// Whose stores they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// What messages call it, 1 to 100 characters; no other brand of the account has it.
    pub name: String,
    /// The owner's code for it, at most 100 characters.
    #[serde(default)]
    pub code: String,
}

impl Document for Brand {
    const KIND: Kind = Kind::Brand;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.code
    }

    fn natural(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        faults.extend(text("/code", &self.code, 100, false));
        faults
    }
}

/// What stores sell: a tree, four deep.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// 1 to 100 characters; no other child of its parent has it.
    pub name: String,
    /// The owner's code for it, at most 100 characters.
    #[serde(default)]
    pub code: String,
    /// The category that it is part of; none for a top one.
    #[serde(default)]
    pub parent: Option<u32>,
}

/// How deep the tree of categories may be.
pub const CATEGORY_DEPTH: usize = 4;

impl Document for Category {
    const KIND: Kind = Kind::Category;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.code
    }

    fn natural(&self) -> Option<String> {
        Some(category_key(self.parent, &self.name))
    }

    fn needs(&self) -> Vec<Need> {
        Need::maybe("/parent", Kind::Category, self.parent)
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        faults.extend(text("/code", &self.code, 100, false));
        faults
    }
}

/// What no other category of the account may share.
#[must_use]
pub fn category_key(parent: Option<u32>, name: &str) -> String {
    format!("{name} in {}", parent.unwrap_or(0))
}

/// A store.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What messages call it, 1 to 100 characters.
    pub name: String,
    /// The owner's code for it, 1 to 100 characters; no other place of the account has it.
    pub code: String,
    /// Whose it is.
    #[serde(default)]
    pub brand: Option<u32>,
    /// What it sells.
    #[serde(default)]
    pub category: Option<u32>,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
    /// How far from it a device is within its signal range, m, 1 to 10,000.
    #[serde(default = "hundred")]
    pub signal_radius_m: u32,
    /// Its outline. Without one, inside is within 25 m of its point.
    #[serde(default)]
    pub footprint: Option<FenceShape>,
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

/// Where a store has no footprint, inside is within so many metres of its point.
pub const INSIDE_RADIUS_M: u32 = 25;

/// The farthest that a signal is said to reach, m.
pub const MAX_SIGNAL_RADIUS_M: u32 = 10_000;

fn hundred() -> u32 {
    100
}

impl Document for Place {
    const KIND: Kind = Kind::Place;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.code
    }

    fn natural(&self) -> Option<String> {
        Some(self.code.clone())
    }

    fn needs(&self) -> Vec<Need> {
        let mut needs = Need::maybe("/brand", Kind::Brand, self.brand);
        needs.extend(Need::maybe("/category", Kind::Category, self.category));
        needs
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        for (pointer, value, most, required) in [
            ("/code", &self.code, 100, true),
            ("/lot_address", &self.lot_address, 200, false),
            ("/road_address", &self.road_address, 200, false),
            ("/postcode", &self.postcode, POSTCODE, false),
            ("/phone", &self.phone, PHONE, false),
        ] {
            faults.extend(text(pointer, value, most, required));
        }
        faults.extend(check_point(self.lat, self.lon));
        let radius = self.signal_radius_m;
        if !(1..=MAX_SIGNAL_RADIUS_M).contains(&radius) {
            let detail =
                format!("signal_radius_m is {radius}; allowed: 1 to {MAX_SIGNAL_RADIUS_M} m");
            faults.push(Fault::new("/signal_radius_m", detail));
        }
        if let Some(footprint) = &self.footprint {
            faults.extend(
                footprint.check_region().into_iter().map(|fault| fault.under("/footprint")),
            );
        }
        faults
    }
}
