//! Which records a block of a campaign's locations means, by number: the AND of areas and stores.
//!
//! Areas are regions, geofences and the geofences of groups; stores are those of brands, of categories with all
//! below them, and single ones. Where both are named, a store counts if its point lies in one of the areas; without
//! areas, wherever it is.

use std::collections::{BTreeMap, BTreeSet};

use super::account::CompileError;
use super::atlas::Atlas;
use super::targets::shape_of;
use crate::control::documents::campaign::General;
use crate::control::documents::document;
use crate::control::documents::{Document, Geofence, Place, Region};
use crate::control::store::{Key, Kind, Link, Query, Tx};
use crate::domain::ids::AccountId;
use crate::domain::target::Shape;
use crate::domain::units::PointE7;

/// The records of one account, read as far as they are asked for.
pub struct Gazetteer<'t> {
    tx: &'t mut dyn Tx,
    account: AccountId,
    regions: BTreeMap<u32, (Region, Shape)>,
    geofences: BTreeMap<u32, Geofence>,
    members: BTreeMap<u32, Vec<u32>>,
    places: BTreeMap<u32, Place>,
    /// The stores of each brand and category that was asked for.
    stores_of: BTreeMap<Link, Vec<u32>>,
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

impl<'t> Gazetteer<'t> {
    /// Of an account, with nothing read yet.
    pub fn of(tx: &'t mut dyn Tx, account: AccountId) -> Self {
        Self {
            tx,
            account,
            regions: BTreeMap::new(),
            geofences: BTreeMap::new(),
            members: BTreeMap::new(),
            places: BTreeMap::new(),
            stores_of: BTreeMap::new(),
        }
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
                self.region(*region)?;
            }
            for geofence in &geofences {
                self.geofence(*geofence)?;
            }
            let nationwide = block.nationwide;
            return Ok(Meant { nationwide, regions, geofences, ..Meant::default() });
        }
        let mut places = self.stores(block)?;
        if block.has_areas() {
            let atlas = self.areas(&block.regions, &geofences)?;
            let mut kept = BTreeSet::new();
            for id in places {
                if !atlas.containing(self.point_of(id)?).is_empty() {
                    kept.insert(id);
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
        let places = self.all_places()?;
        Ok(self.meant(&General { places, ..block.clone() })?.places)
    }

    /// A region and its shape.
    ///
    /// # Errors
    /// When it is gone or can't be read.
    pub fn region(&mut self, id: u32) -> Result<&(Region, Shape), CompileError> {
        if !self.regions.contains_key(&id) {
            let region: Region = self.read(id)?;
            let shape = shape_of(Kind::Region, id, &region.shape)?;
            self.regions.insert(id, (region, shape));
        }
        Ok(&self.regions[&id])
    }

    /// A geofence.
    ///
    /// # Errors
    /// When it is gone or can't be read.
    pub fn geofence(&mut self, id: u32) -> Result<&Geofence, CompileError> {
        if !self.geofences.contains_key(&id) {
            let geofence = self.read(id)?;
            self.geofences.insert(id, geofence);
        }
        Ok(&self.geofences[&id])
    }

    /// A store.
    ///
    /// # Errors
    /// When it is gone or can't be read.
    pub fn place(&mut self, id: u32) -> Result<&Place, CompileError> {
        if !self.places.contains_key(&id) {
            let place = self.read(id)?;
            self.places.insert(id, place);
        }
        Ok(&self.places[&id])
    }

    /// All stores of the account.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn all_places(&mut self) -> Result<Vec<u32>, CompileError> {
        self.scan_places(&Query::all(self.account, Kind::Place))
    }

    /// All districts of the account, by number.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn all_regions(&mut self) -> Result<Vec<u32>, CompileError> {
        let mut ids = Vec::new();
        self.tx.scan(&Query::all(self.account, Kind::Region), &mut |record| {
            ids.push(record.key.id);
            Ok(())
        })?;
        Ok(ids)
    }

    /// A document of the account.
    ///
    /// # Errors
    /// When it is gone or can't be read.
    pub fn read<D: Document>(&mut self, id: u32) -> Result<D, CompileError> {
        let key = Key::new(self.account, D::KIND, id);
        let record = self.tx.get(key)?.ok_or(CompileError::Gone(key))?;
        Ok(document::read(&record)?)
    }

    fn fences_of(&mut self, block: &General) -> Result<BTreeSet<u32>, CompileError> {
        let mut fences: BTreeSet<u32> = block.geofences.iter().copied().collect();
        for group in &block.groups {
            if !self.members.contains_key(group) {
                let members = self.scan_geofences(*group)?;
                self.members.insert(*group, members);
            }
            fences.extend(&self.members[group]);
        }
        Ok(fences)
    }

    /// The stores that a block names, wherever they are.
    fn stores(&mut self, block: &General) -> Result<BTreeSet<u32>, CompileError> {
        let mut links: Vec<Link> =
            block.brands.iter().map(|id| Link { kind: Kind::Brand, id: *id }).collect();
        for category in &block.categories {
            links.extend(self.with_all_below(*category)?);
        }
        let mut stores: BTreeSet<u32> = block.places.iter().copied().collect();
        for link in links {
            if !self.stores_of.contains_key(&link) {
                let query = Query { linked: vec![link], ..Query::all(self.account, Kind::Place) };
                let found = self.scan_places(&query)?;
                self.stores_of.insert(link, found);
            }
            stores.extend(&self.stores_of[&link]);
        }
        Ok(stores)
    }

    /// A category and all below it.
    fn with_all_below(&mut self, category: u32) -> Result<Vec<Link>, CompileError> {
        let mut found = BTreeSet::new();
        let mut open = vec![category];
        while let Some(id) = open.pop() {
            if !found.insert(Link { kind: Kind::Category, id }) {
                continue;
            }
            let key = Key::new(self.account, Kind::Category, id);
            let below = self.tx.linked_to(key, u32::MAX)?;
            open.extend(below.iter().filter(|key| key.kind == Kind::Category).map(|key| key.id));
        }
        Ok(found.into_iter().collect())
    }

    fn areas(&mut self, regions: &[u32], geofences: &BTreeSet<u32>) -> Result<Atlas, CompileError> {
        let mut shapes = Vec::new();
        for region in regions {
            shapes.push(self.region(*region)?.1.clone());
        }
        for id in geofences {
            shapes.push(shape_of(Kind::Geofence, *id, &self.geofence(*id)?.shape)?);
        }
        Ok(Atlas::of(shapes))
    }

    fn point_of(&mut self, place: u32) -> Result<PointE7, CompileError> {
        let found = self.place(place)?;
        let point = PointE7::from_degrees(found.lat, found.lon);
        point.ok_or(CompileError::Shape { kind: Kind::Place, id: place })
    }

    fn scan_places(&mut self, query: &Query) -> Result<Vec<u32>, CompileError> {
        let (mut ids, places) = (Vec::new(), &mut self.places);
        self.tx.scan(query, &mut |record| {
            ids.push(record.key.id);
            places.insert(record.key.id, document::read(&record)?);
            Ok(())
        })?;
        Ok(ids)
    }

    fn scan_geofences(&mut self, group: u32) -> Result<Vec<u32>, CompileError> {
        let link = Link { kind: Kind::Group, id: group };
        let query = Query { linked: vec![link], ..Query::all(self.account, Kind::Geofence) };
        let (mut ids, geofences) = (Vec::new(), &mut self.geofences);
        self.tx.scan(&query, &mut |record| {
            ids.push(record.key.id);
            geofences.insert(record.key.id, document::read(&record)?);
            Ok(())
        })?;
        Ok(ids)
    }
}
