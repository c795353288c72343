//! What the engine watches for campaigns, each once: by a key that lasts as long as the record does.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::account::CompileError;
use crate::control::documents::campaign::Nearness;
use crate::control::documents::place::INSIDE_RADIUS_M;
use crate::control::documents::{Geofence, Place, Region};
use crate::control::shape::FenceShape;
use crate::control::store::Kind;
use crate::domain::ids::{AccountId, PlaceId, TargetId};
use crate::domain::target::{Labels, PlaceArea, Shape, TargetSpec};
use crate::domain::units::PointE7;

/// A target before it has its number.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) place: Option<(PlaceId, PlaceArea)>,
    pub(super) labels: Labels,
    pub(super) shape: Shape,
}

/// Which record a target is of, and which area of a store. Its text is the target's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum TargetKey {
    Geofence(u32),
    Region(u32),
    Signal(u32),
    Inside(u32),
}

impl TargetKey {
    /// The area of a store that a campaign means.
    pub(super) fn of_place(place: u32, nearness: Nearness) -> Self {
        match nearness {
            Nearness::SignalRange => Self::Signal(place),
            Nearness::Inside => Self::Inside(place),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Geofence(id) => format!("geofence:{id}"),
            Self::Region(id) => format!("region:{id}"),
            Self::Signal(id) => format!("place:{id}:signal"),
            Self::Inside(id) => format!("place:{id}:inside"),
        }
    }
}

/// All targets of an account.
#[derive(Default)]
pub(super) struct Targets {
    drawn: BTreeMap<TargetKey, Drawn>,
}

impl Targets {
    pub(super) fn geofence(
        &mut self,
        id: u32,
        geofence: &Geofence,
        labels: impl FnOnce(PointE7) -> Labels,
    ) -> Result<TargetKey, CompileError> {
        let key = TargetKey::Geofence(id);
        if let Entry::Vacant(free) = self.drawn.entry(key) {
            let shape = shape_of(Kind::Geofence, id, &geofence.shape)?;
            let middle = geofence.shape.inner_point();
            let middle = middle.and_then(|[lon, lat]| PointE7::from_degrees(lat, lon));
            let labels = middle.map(labels).unwrap_or_default();
            free.insert(Drawn { name: geofence.name.clone(), place: None, labels, shape });
        }
        Ok(key)
    }

    pub(super) fn region(
        &mut self,
        id: u32,
        region: &Region,
        shape: Shape,
        labels: Labels,
    ) -> TargetKey {
        let key = TargetKey::Region(id);
        let drawn = || Drawn { name: region.name.clone(), place: None, labels, shape };
        self.drawn.entry(key).or_insert_with(drawn);
        key
    }

    pub(super) fn place(
        &mut self,
        (id, nearness): (u32, Nearness),
        place: &Place,
        labels: impl FnOnce() -> Labels,
    ) -> Result<TargetKey, CompileError> {
        let key = TargetKey::of_place(id, nearness);
        if let Entry::Vacant(free) = self.drawn.entry(key) {
            let (area, shape) = area_of(id, place, nearness)?;
            let of = Some((PlaceId(id), area));
            free.insert(Drawn { name: place.name.clone(), place: of, labels: labels(), shape });
        }
        Ok(key)
    }

    /// The specs, each with the number that `deal` gives to its key.
    pub(super) fn numbered<E>(
        self,
        account: AccountId,
        mut deal: impl FnMut(&str) -> Result<TargetId, E>,
    ) -> Result<(Vec<TargetSpec>, BTreeMap<TargetKey, TargetId>), E> {
        let mut specs = Vec::with_capacity(self.drawn.len());
        let mut ids = BTreeMap::new();
        for (at, drawn) in self.drawn {
            let key = at.text();
            let id = deal(&key)?;
            ids.insert(at, id);
            let Drawn { name, place, labels, shape } = drawn;
            specs.push(TargetSpec { id, account, key, name, place, labels, shape });
        }
        Ok((specs, ids))
    }
}

/// One of a store's two areas.
fn area_of(id: u32, place: &Place, nearness: Nearness) -> Result<(PlaceArea, Shape), CompileError> {
    let center = PointE7::from_degrees(place.lat, place.lon)
        .ok_or(CompileError::Shape { kind: Kind::Place, id })?;
    let circle = |radius_m: u32| Shape::Circle { center, radius_m: f64::from(radius_m) };
    match (nearness, &place.footprint) {
        (Nearness::SignalRange, _) => Ok((PlaceArea::Signal, circle(place.signal_radius_m))),
        (Nearness::Inside, None) => Ok((PlaceArea::Inside, circle(INSIDE_RADIUS_M))),
        (Nearness::Inside, Some(footprint)) => {
            Ok((PlaceArea::Inside, shape_of(Kind::Place, id, footprint)?))
        }
    }
}

/// A shape of the catalog as the engine takes it. It was checked when it was kept.
pub(super) fn shape_of(kind: Kind, id: u32, shape: &FenceShape) -> Result<Shape, CompileError> {
    shape.to_shape().map_err(|_faults| CompileError::Shape { kind, id })
}
