//! The records of one account that say where something is, read as far as they are asked for, and kept from one
//! compile to the next.
//!
//! A chain of a million stores is read once. After that a change costs what it changed: [`Records::refresh`] asks the
//! store which records are others by now, and lets go of those.

use std::collections::{BTreeMap, BTreeSet};

use super::account::CompileError;
use super::districts::{Districts, Within};
use super::targets::shape_of;
use crate::control::documents::{Brand, Document, Geofence, Place, Region, document};
use crate::control::store::{Key, Kind, Link, Moment, Query, Tx};
use crate::domain::ids::AccountId;
use crate::domain::target::Shape;
use crate::domain::units::PointE7;

/// What was read of an account, as of one state of the catalog.
#[derive(Debug)]
pub struct Records {
    account: AccountId,
    moment: Moment,
    regions: BTreeMap<u32, Area>,
    fences: BTreeMap<u32, Fence>,
    stores: BTreeMap<u32, Store>,
    brands: BTreeMap<u32, String>,
    lists: BTreeMap<List, BTreeSet<u32>>,
    districts: Option<Districts>,
}

/// A list that was asked for; while it is kept, so is all that it names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum List {
    /// All districts and trade areas.
    Regions,
    /// All stores.
    Stores,
    /// The stores of a brand.
    StoresOfBrand(u32),
    /// The stores of a category itself.
    StoresOfCategory(u32),
    /// The geofences of a group.
    FencesOf(u32),
}

/// A district or trade area.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) region: Region,
    pub(super) shape: Shape,
}

/// A geofence.
#[derive(Debug)]
pub(super) struct Fence {
    pub(super) geofence: Geofence,
    /// The districts that its middle lies in, once they were asked for.
    pub(super) within: Option<Within>,
}

/// What counts of a store here: without its addresses it is a third as large.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: String,
    pub(super) brand: Option<u32>,
    category: Option<u32>,
    pub(super) point: PointE7,
    pub(super) signal_radius_m: u32,
    /// Its footprint, if it has one.
    pub(super) footprint: Option<Box<Shape>>,
    /// The districts that it lies in, once they were asked for.
    pub(super) within: Option<Within>,
}

/// Vertices that take as much memory as a store.
const VERTICES: usize = 8;

/// When more than so many records have changed, all of them are read again in order, which is faster than one by one.
pub(super) const READ_SINGLY: usize = 20_000;

impl Records {
    /// Of an account, with nothing read yet.
    #[must_use]
    pub fn of(account: AccountId) -> Self {
        Self {
            account,
            moment: Moment::default(),
            regions: BTreeMap::new(),
            fences: BTreeMap::new(),
            stores: BTreeMap::new(),
            brands: BTreeMap::new(),
            lists: BTreeMap::new(),
            districts: None,
        }
    }

    /// How much is kept: records, and of shapes a record more for each [`VERTICES`] vertices.
    #[must_use]
    pub fn weight(&self) -> usize {
        let vertices = |shape: &Shape| match shape {
            Shape::Polygon { rings } => rings.iter().map(|ring| ring.0.len()).sum(),
            Shape::Circle { .. } | Shape::Everywhere => 0_usize,
        };
        // A region is here as it was written, as the engine has it, and among the districts.
        let regions = self.regions.values().map(|area| 3 * vertices(&area.shape));
        let footprints = self.stores.values().filter_map(|store| store.footprint.as_deref());
        let shapes: usize = regions.chain(footprints.map(vertices)).sum();
        let fences: usize = self.fences.values().map(|fence| fence.geofence.shape.vertices()).sum();
        let records =
            self.regions.len() + self.fences.len() + self.stores.len() + self.brands.len();
        records + (shapes + fences) / VERTICES
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
            && self.regions.is_empty()
            && self.fences.is_empty()
            && self.stores.is_empty()
            && self.brands.is_empty()
    }

    pub(super) fn account(&self) -> AccountId {
        self.account
    }

    /// Lets go of what is not as it was, for the state that a transaction sees. All is read within that transaction
    /// from here on, until the next refresh.
    ///
    /// # Errors
    /// When the catalog can't be read; then these records are of no use any more.
    pub fn refresh(&mut self, tx: &mut dyn Tx) -> Result<(), CompileError> {
        let moment = tx.moment()?;
        if !self.is_empty() && moment != self.moment {
            let changed = tx.changed_after(self.account, self.moment)?;
            if changed.len() > READ_SINGLY {
                *self = Self::of(self.account);
            } else {
                self.let_go_all(tx, &changed)?;
            }
        }
        self.moment = moment;
        Ok(())
    }

    fn let_go_all(&mut self, tx: &mut dyn Tx, changed: &[Key]) -> Result<(), CompileError> {
        if changed.iter().any(|key| key.kind == Kind::Region) {
            self.lists.remove(&List::Regions);
            self.districts = None;
            self.stores.values_mut().for_each(|store| store.within = None);
            self.fences.values_mut().for_each(|fence| fence.within = None);
        }
        changed.iter().try_for_each(|key| self.let_go(tx, *key))
    }

    fn let_go(&mut self, tx: &mut dyn Tx, key: Key) -> Result<(), CompileError> {
        match key.kind {
            Kind::Region => drop(self.regions.remove(&key.id)),
            Kind::Geofence => {
                self.fences.remove(&key.id);
                self.lists.retain(|list, _| !matches!(list, List::FencesOf(_)));
            }
            Kind::Brand => drop(self.brands.remove(&key.id)),
            Kind::Place => self.read_again(tx, key.id)?,
            // Groups and categories are looked up each time; the others are nowhere.
            Kind::Account
            | Kind::App
            | Kind::Category
            | Kind::Group
            | Kind::Segment
            | Kind::Campaign
            | Kind::Import
            | Kind::Token
            | Kind::Notice
            | Kind::Address
            | Kind::TestDevice
            | Kind::Erasure
            | Kind::ReportFile => {}
        }
        Ok(())
    }

    /// Lists of stores are long: one that is another now changes its place in them.
    fn read_again(&mut self, tx: &mut dyn Tx, id: u32) -> Result<(), CompileError> {
        self.stores.remove(&id);
        let now = match tx.get(Key::new(self.account, Kind::Place, id))? {
            Some(record) => Some(Store::of(id, document::read(&record)?)?),
            None => None,
        };
        for (list, ids) in &mut self.lists {
            let belongs = match list {
                List::Stores => now.is_some(),
                List::StoresOfBrand(brand) => {
                    now.as_ref().is_some_and(|one| one.brand == Some(*brand))
                }
                List::StoresOfCategory(category) => {
                    now.as_ref().is_some_and(|one| one.category == Some(*category))
                }
                List::Regions | List::FencesOf(_) => continue,
            };
            if belongs {
                ids.insert(id)
            } else {
                ids.remove(&id)
            };
        }
        self.stores.extend(now.map(|store| (id, store)));
        Ok(())
    }

    pub(super) fn region(&mut self, tx: &mut dyn Tx, id: u32) -> Result<&Area, CompileError> {
        if !self.regions.contains_key(&id) {
            let region = read(tx, self.account, id)?;
            self.regions.insert(id, Area::of(id, region)?);
        }
        Ok(&self.regions[&id])
    }

    pub(super) fn fence(&mut self, tx: &mut dyn Tx, id: u32) -> Result<&Fence, CompileError> {
        if !self.fences.contains_key(&id) {
            let geofence = read(tx, self.account, id)?;
            self.fences.insert(id, Fence { geofence, within: None });
        }
        Ok(&self.fences[&id])
    }

    pub(super) fn store(&mut self, tx: &mut dyn Tx, id: u32) -> Result<&Store, CompileError> {
        if !self.stores.contains_key(&id) {
            let place = read(tx, self.account, id)?;
            self.stores.insert(id, Store::of(id, place)?);
        }
        Ok(&self.stores[&id])
    }

    /// What messages call a brand.
    pub(super) fn brand(&mut self, tx: &mut dyn Tx, id: u32) -> Result<&str, CompileError> {
        if !self.brands.contains_key(&id) {
            let Brand { name, .. } = read(tx, self.account, id)?;
            self.brands.insert(id, name);
        }
        Ok(&self.brands[&id])
    }

    /// The numbers of a list.
    pub(super) fn list(
        &mut self,
        tx: &mut dyn Tx,
        list: List,
    ) -> Result<&BTreeSet<u32>, CompileError> {
        if !self.lists.contains_key(&list) {
            let ids = self.scan(tx, list)?;
            self.lists.insert(list, ids);
        }
        Ok(&self.lists[&list])
    }

    fn scan(&mut self, tx: &mut dyn Tx, list: List) -> Result<BTreeSet<u32>, CompileError> {
        let (kind, linked) = match list {
            List::Regions => (Kind::Region, None),
            List::Stores => (Kind::Place, None),
            List::StoresOfBrand(id) => (Kind::Place, Some(Link { kind: Kind::Brand, id })),
            List::StoresOfCategory(id) => (Kind::Place, Some(Link { kind: Kind::Category, id })),
            List::FencesOf(id) => (Kind::Geofence, Some(Link { kind: Kind::Group, id })),
        };
        let linked = Vec::from_iter(linked);
        let query = Query { linked, ..Query::all(self.account, kind) };
        let (mut ids, mut failed) = (BTreeSet::new(), None);
        tx.scan(&query, &mut |record| {
            let id = record.key.id;
            ids.insert(id);
            let kept = match list {
                List::Regions => Area::of(id, document::read(&record)?)
                    .map(|area| drop(self.regions.insert(id, area))),
                List::FencesOf(_) => {
                    let geofence = document::read(&record)?;
                    self.fences.entry(id).or_insert(Fence { geofence, within: None });
                    Ok(())
                }
                List::Stores | List::StoresOfBrand(_) | List::StoresOfCategory(_)
                    if self.stores.contains_key(&id) =>
                {
                    Ok(())
                }
                List::Stores | List::StoresOfBrand(_) | List::StoresOfCategory(_) => {
                    Store::of(id, document::read(&record)?)
                        .map(|store| drop(self.stores.insert(id, store)))
                }
            };
            failed = failed.take().or(kept.err());
            Ok(())
        })?;
        failed.map_or(Ok(ids), Err)
    }

    /// The districts that a store lies in.
    pub(super) fn store_within(
        &mut self,
        tx: &mut dyn Tx,
        id: u32,
    ) -> Result<Within, CompileError> {
        let Store { point, within, .. } = self.store(tx, id)?;
        let (point, known) = (*point, *within);
        if let Some(within) = known {
            return Ok(within);
        }
        let within = self.districts(tx)?.at(point);
        self.stores.entry(id).and_modify(|store| store.within = Some(within));
        Ok(within)
    }

    /// The districts that the middle of a geofence lies in.
    pub(super) fn fence_within(
        &mut self,
        tx: &mut dyn Tx,
        id: u32,
    ) -> Result<Within, CompileError> {
        let Fence { geofence, within } = self.fence(tx, id)?;
        if let Some(within) = within {
            return Ok(*within);
        }
        let middle = geofence.shape.inner_point();
        let middle = middle.and_then(|[lon, lat]| PointE7::from_degrees(lat, lon));
        let districts = self.districts(tx)?;
        let within = middle.map(|point| districts.at(point)).unwrap_or_default();
        self.fences.entry(id).and_modify(|fence| fence.within = Some(within));
        Ok(within)
    }

    fn districts(&mut self, tx: &mut dyn Tx) -> Result<&Districts, CompileError> {
        if self.districts.is_none() {
            self.list(tx, List::Regions)?;
            self.districts = Some(Districts::of(&self.regions));
        }
        Ok(self.districts.get_or_insert_with(Districts::default))
    }
}

impl Area {
    fn of(id: u32, region: Region) -> Result<Self, CompileError> {
        let shape = shape_of(Kind::Region, id, &region.shape)?;
        Ok(Self { region, shape })
    }
}

impl Store {
    fn of(id: u32, place: Place) -> Result<Self, CompileError> {
        let point = PointE7::from_degrees(place.lat, place.lon)
            .ok_or(CompileError::Shape { kind: Kind::Place, id })?;
        let footprint = place.footprint.as_ref();
        let footprint = footprint.map(|shape| shape_of(Kind::Place, id, shape)).transpose()?;
        Ok(Self {
            name: place.name,
            brand: place.brand,
            category: place.category,
            point,
            signal_radius_m: place.signal_radius_m,
            footprint: footprint.map(Box::new),
            within: None,
        })
    }
}

/// A document of an account.
fn read<D: Document>(tx: &mut dyn Tx, account: AccountId, id: u32) -> Result<D, CompileError> {
    let key = Key::new(account, D::KIND, id);
    let record = tx.get(key)?.ok_or(CompileError::Gone(key))?;
    Ok(document::read(&record)?)
}
