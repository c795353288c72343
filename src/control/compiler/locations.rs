//! Which records a block of a campaign's locations means, by number: the AND of areas and stores.
//!
//! Areas are regions, geofences and the geofences of groups; stores are those of brands, of categories with all
//! below them, and single ones. Where both are named, a store counts if its point lies in one of the areas; without
//! areas, wherever it is.

use std::collections::BTreeSet;

use super::account::CompileError;
use super::atlas::Atlas;
use super::records::{List, Records};
use super::targets::shape_of;
use crate::control::documents::campaign::General;
use crate::control::store::{Key, Kind, Tx};

/// Finds what blocks mean in the records of one account.
pub struct Gazetteer<'t> {
    tx: &'t mut dyn Tx,
    records: &'t mut Records,
}

/// What a block means.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meant {
    /// Everywhere.
    pub nationwide: bool,
    /// Regions, where it names no stores.
    pub regions: BTreeSet<u32>,
    /// Geofences, where it names no stores.
    pub geofences: BTreeSet<u32>,
    /// Stores.
    pub places: BTreeSet<u32>,
}

/// So many edges of areas are held against the stores of a block, some ten seconds of work: other accounts wait.
const MOST_EDGES: u64 = 5_000_000_000;

impl<'t> Gazetteer<'t> {
    /// In these records, of which those that are not read yet are read within the transaction.
    pub fn over(tx: &'t mut dyn Tx, records: &'t mut Records) -> Self {
        Self { tx, records }
    }

    /// What a block means.
    ///
    /// # Errors
    /// When a record is gone or can't be read.
    pub fn meant(&mut self, block: &General) -> Result<Meant, CompileError> {
        let geofences = self.fences_of(block)?;
        if !block.has_stores() {
            let regions: BTreeSet<u32> = block.regions.iter().copied().collect();
            for region in &regions {
                self.records.region(self.tx, *region)?;
            }
            for geofence in &geofences {
                self.records.fence(self.tx, *geofence)?;
            }
            let nationwide = block.nationwide;
            return Ok(Meant { nationwide, regions, geofences, ..Meant::default() });
        }
        let mut places = self.stores(block)?;
        if block.has_areas() {
            let atlas = self.areas(&block.regions, &geofences)?;
            let mut kept = BTreeSet::new();
            for id in places {
                if !atlas.containing(self.records.store(self.tx, id)?.point).is_empty() {
                    kept.insert(id);
                }
                if atlas.looked_at() > MOST_EDGES {
                    return Err(CompileError::TooIntricate);
                }
            }
            places = kept;
        }
        Ok(Meant { places, ..Meant::default() })
    }

    /// The stores that a block means: those that it names, or all, within the areas that it names, or anywhere.
    ///
    /// # Errors
    /// When a record is gone or can't be read.
    pub fn stores_meant(&mut self, block: &General) -> Result<BTreeSet<u32>, CompileError> {
        if block.has_stores() {
            return Ok(self.meant(block)?.places);
        }
        let places = self.records.list(self.tx, List::Stores)?.iter().copied().collect();
        Ok(self.meant(&General { places, ..block.clone() })?.places)
    }

    fn fences_of(&mut self, block: &General) -> Result<BTreeSet<u32>, CompileError> {
        let mut fences: BTreeSet<u32> = block.geofences.iter().copied().collect();
        for group in &block.groups {
            fences.extend(self.records.list(self.tx, List::FencesOf(*group))?);
        }
        Ok(fences)
    }

    /// The stores that a block names, wherever they are.
    fn stores(&mut self, block: &General) -> Result<BTreeSet<u32>, CompileError> {
        let mut lists: Vec<List> = block.brands.iter().copied().map(List::StoresOfBrand).collect();
        for category in &block.categories {
            lists.extend(self.with_all_below(*category)?.into_iter().map(List::StoresOfCategory));
        }
        let mut stores: BTreeSet<u32> = block.places.iter().copied().collect();
        for list in lists {
            stores.extend(self.records.list(self.tx, list)?);
        }
        Ok(stores)
    }

    /// A category and all below it.
    fn with_all_below(&mut self, category: u32) -> Result<BTreeSet<u32>, CompileError> {
        let mut found = BTreeSet::new();
        let mut open = vec![category];
        while let Some(id) = open.pop() {
            if !found.insert(id) {
                continue;
            }
            let key = Key::new(self.records.account(), Kind::Category, id);
            let below = self.tx.linked_to(key, u32::MAX)?;
            open.extend(below.iter().filter(|key| key.kind == Kind::Category).map(|key| key.id));
        }
        Ok(found)
    }

    fn areas(&mut self, regions: &[u32], geofences: &BTreeSet<u32>) -> Result<Atlas, CompileError> {
        let mut shapes = Vec::new();
        for region in regions {
            shapes.push(self.records.region(self.tx, *region)?.shape.clone());
        }
        for id in geofences {
            let fence = self.records.fence(self.tx, *id)?;
            shapes.push(shape_of(Kind::Geofence, *id, &fence.geofence.shape)?);
        }
        Ok(Atlas::of(shapes))
    }
}
