//! Stores, with their brands and categories, which are made where they are not there yet.

use std::collections::HashMap;

use super::addresses::located;
use super::batch::Applies;
use crate::control::desk::Desk;
use crate::control::documents::place::category_key;
use crate::control::documents::{Brand, Category, Document as _, Place};
use crate::control::imports::rows::places::{PlaceRow, PlaceSite};
use crate::control::refusal::Refusal;
use crate::control::store::Kind;

/// Puts stores in, in the place of those with the same code.
#[derive(Clone, Default)]
pub(in crate::control::uploads) struct Places {
    /// Numbers of brands by name.
    brands: HashMap<String, u32>,
    /// Numbers of categories by natural key.
    categories: HashMap<String, u32>,
}

impl Applies for Places {
    type Row = PlaceRow;

    fn number(row: &PlaceRow) -> u64 {
        row.row
    }

    fn apply(&mut self, desk: &mut Desk<'_>, row: PlaceRow) -> Result<(), Refusal> {
        let (lat, lon) = match row.site {
            PlaceSite::At { lat, lon } => (lat, lon),
            PlaceSite::NeedsGeocoding { .. } => {
                located(desk, [row.road_address.as_deref(), row.lot_address.as_deref()])?
            }
        };
        let brand = match row.brand {
            Some(name) => Some(self.brand(desk, name)?),
            None => None,
        };
        let mut category = None;
        for name in row.category {
            category = Some(self.category(desk, category, name)?);
        }
        let place = Place {
            name: row.name,
            code: row.key,
            brand,
            category,
            lat,
            lon,
            signal_radius_m: row.signal_radius_m,
            footprint: row.footprint,
            lot_address: row.lot_address.unwrap_or_default(),
            road_address: row.road_address.unwrap_or_default(),
            postcode: String::new(),
            phone: row.phone.unwrap_or_default(),
        };
        let there = desk.number_of(Kind::Place, &place.natural().unwrap_or_default())?;
        desk.put_imported(there, &place)?;
        Ok(())
    }
}

impl Places {
    fn brand(&mut self, desk: &mut Desk<'_>, name: String) -> Result<u32, Refusal> {
        if let Some(number) = self.brands.get(&name) {
            return Ok(*number);
        }
        let number = match desk.number_of(Kind::Brand, &name)? {
            Some(number) => number,
            None => desk.put_imported(None, &Brand { name: name.clone(), code: String::new() })?,
        };
        self.brands.insert(name, number);
        Ok(number)
    }

    fn category(
        &mut self,
        desk: &mut Desk<'_>,
        parent: Option<u32>,
        name: String,
    ) -> Result<u32, Refusal> {
        let key = category_key(parent, &name);
        if let Some(number) = self.categories.get(&key) {
            return Ok(*number);
        }
        let number = match desk.number_of(Kind::Category, &key)? {
            Some(number) => number,
            None => desk.put_imported(None, &Category { name, code: String::new(), parent })?,
        };
        self.categories.insert(key, number);
        Ok(number)
    }
}
