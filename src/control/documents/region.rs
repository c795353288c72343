//! Districts in three levels, and trade areas.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, Need, text};
use crate::control::shape::FenceShape;
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// A district or a trade area.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// What messages call it, 1 to 100 characters.
    pub name: String,
    /// What kind it is.
    pub level: Level,
    /// The owner's code for it, at most 100 characters; no other region of the level has it.
    #[serde(default)]
    pub code: String,
    /// The district of the level above that it lies in.
    #[serde(default)]
    pub parent: Option<u32>,
    /// Where it is.
    pub shape: FenceShape,
}

/// What kind of region it is.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A state, province or metropolitan city (시·도).
    State,
    /// A city, county or borough (시·군·구).
    City,
    /// A quarter or township (읍·면·동).
    Street,
    /// A trade area, which may cross districts.
    TradeArea,
}

impl Level {
    /// Its name in JSON and in files.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::City => "city",
            Self::Street => "street",
            Self::TradeArea => "trade_area",
        }
    }
}

impl Document for Region {
    const KIND: Kind = Kind::Region;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.code
    }

    fn natural(&self) -> Option<String> {
        (!self.code.is_empty()).then(|| format!("{} {}", self.level.label(), self.code))
    }

    fn needs(&self) -> Vec<Need> {
        Need::maybe("/parent", Kind::Region, self.parent)
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        faults.extend(text("/code", &self.code, 100, false));
        if self.parent.is_some() && matches!(self.level, Level::State | Level::TradeArea) {
            let detail = format!("a {} has no parent; allowed: null", self.level.label());
            faults.push(Fault::new("/parent", detail));
        }
        faults.extend(self.shape.check_region().into_iter().map(|fault| fault.under("/shape")));
        faults
    }
}
