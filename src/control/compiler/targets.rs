//! What the engine watches for campaigns, each once: by a key that lasts as long as the record does.

use super::account::CompileError;
use super::districts::{Within, slot};
use super::locations::Meant;
use super::records::{Area, Records, Store};
use crate::control::documents::campaign::Nearness;
use crate::control::documents::place::INSIDE_RADIUS_M;
use crate::control::shape::FenceShape;
use crate::control::store::{Kind, Tx};
use crate::domain::ids::{PlaceId, TargetId};
use crate::domain::target::{Labels, PlaceArea, Shape, TargetSpec};

/// Which record a target is of, and which area of a store. Its text is the target's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::control) enum TargetKey {
    Geofence(u32),
    Region(u32),
    /// A district, for those at home there.
    Home(u32),
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

    /// Those of what a block means, but for everywhere.
    pub(super) fn of_meant(meant: &Meant, nearness: Nearness) -> impl Iterator<Item = Self> {
        let regions = meant.regions.iter().copied().map(Self::Region);
        let geofences = meant.geofences.iter().copied().map(Self::Geofence);
        let places = meant.places.iter().map(move |id| Self::of_place(*id, nearness));
        regions.chain(geofences).chain(places)
    }

    /// The key that has this text.
    pub(in crate::control) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (kind, id) = (parts.next()?, parts.next()?.parse().ok()?);
        let key = match (kind, parts.next()) {
            ("geofence", None) => Self::Geofence(id),
            ("region", None) => Self::Region(id),
            ("region", Some("home")) => Self::Home(id),
            ("place", Some("signal")) => Self::Signal(id),
            ("place", Some("inside")) => Self::Inside(id),
            (_, _) => return None,
        };
        (key.text() == text).then_some(key)
    }

    pub(in crate::control) fn text(self) -> String {
        match self {
            Self::Geofence(id) => format!("geofence:{id}"),
            Self::Region(id) => format!("region:{id}"),
            Self::Home(id) => format!("region:{id}:home"),
            Self::Signal(id) => format!("place:{id}:signal"),
            Self::Inside(id) => format!("place:{id}:inside"),
        }
    }
}

/// Draws targets from the records of one account.
pub(super) struct Drawing<'t> {
    pub(super) tx: &'t mut dyn Tx,
    pub(super) records: &'t mut Records,
    /// Whether messages name the districts of geofences and stores.
    pub(super) names_districts: bool,
}

impl Drawing<'_> {
    /// A target of this number and key.
    pub(super) fn target(
        &mut self,
        at: TargetKey,
        id: TargetId,
        key: String,
    ) -> Result<TargetSpec, CompileError> {
        let account = self.records.account();
        let Drawn { name, place, labels, shape } = match at {
            TargetKey::Geofence(fence) => self.fence(fence)?,
            TargetKey::Region(region) | TargetKey::Home(region) => self.region(region)?,
            TargetKey::Signal(place) => self.store(place, Nearness::SignalRange)?,
            TargetKey::Inside(place) => self.store(place, Nearness::Inside)?,
        };
        let at_home = matches!(at, TargetKey::Home(_));
        Ok(TargetSpec { id, account, key, name, place, at_home, labels, shape })
    }

    fn fence(&mut self, id: u32) -> Result<Drawn, CompileError> {
        let labels = if self.names_districts {
            let within = self.records.fence_within(self.tx, id)?;
            self.districts_named(within)?
        } else {
            Labels::default()
        };
        let geofence = &self.records.fence(self.tx, id)?.geofence;
        let shape = shape_of(Kind::Geofence, id, &geofence.shape)?;
        Ok(Drawn { name: geofence.name.clone(), place: None, labels, shape })
    }

    fn region(&mut self, id: u32) -> Result<Drawn, CompileError> {
        let labels = self.region_labels(id)?;
        let Area { region, shape } = self.records.region(self.tx, id)?;
        Ok(Drawn { name: region.name.clone(), place: None, labels, shape: shape.clone() })
    }

    fn store(&mut self, id: u32, nearness: Nearness) -> Result<Drawn, CompileError> {
        let labels = self.store_labels(id)?;
        let store = self.records.store(self.tx, id)?;
        let (area, shape) = area_of(store, nearness);
        let place = Some((PlaceId(id), area));
        Ok(Drawn { name: store.name.clone(), place, labels, shape })
    }

    fn store_labels(&mut self, place: u32) -> Result<Labels, CompileError> {
        let labels = if self.names_districts {
            let within = self.records.store_within(self.tx, place)?;
            self.districts_named(within)?
        } else {
            Labels::default()
        };
        let brand = match self.records.store(self.tx, place)?.brand {
            Some(brand) => self.records.brand(self.tx, brand)?.to_owned(),
            None => String::new(),
        };
        Ok(Labels { brand, ..labels })
    }

    /// A district is named with those that it is part of.
    fn region_labels(&mut self, id: u32) -> Result<Labels, CompileError> {
        let mut labels: Labels = Labels { is_region: true, ..Labels::default() };
        let mut next = Some(id);
        while let Some(id) = next {
            let region = &self.records.region(self.tx, id)?.region;
            if let Some(slot) = slot(region.level) {
                labels.districts[slot].clone_from(&region.name);
            }
            next = region.parent;
        }
        Ok(labels)
    }

    fn districts_named(&mut self, within: Within) -> Result<Labels, CompileError> {
        let mut labels: Labels = Labels::default();
        for (name, id) in labels.districts.iter_mut().zip(within) {
            if let Some(id) = id {
                name.clone_from(&self.records.region(self.tx, id)?.region.name);
            }
        }
        Ok(labels)
    }
}

/// What is known of a target but for its number and key.
struct Drawn {
    name: String,
    place: Option<(PlaceId, PlaceArea)>,
    labels: Labels,
    shape: Shape,
}

/// One of a store's two areas.
fn area_of(store: &Store, nearness: Nearness) -> (PlaceArea, Shape) {
    let circle =
        |radius_m: u32| Shape::Circle { center: store.point, radius_m: f64::from(radius_m) };
    match (nearness, &store.footprint) {
        (Nearness::SignalRange, _) => (PlaceArea::Signal, circle(store.signal_radius_m)),
        (Nearness::Inside, None) => (PlaceArea::Inside, circle(INSIDE_RADIUS_M)),
        (Nearness::Inside, Some(footprint)) => (PlaceArea::Inside, Shape::clone(footprint)),
    }
}

/// A shape of the catalog as the engine takes it. It was checked when it was kept.
pub(super) fn shape_of(kind: Kind, id: u32, shape: &FenceShape) -> Result<Shape, CompileError> {
    shape.to_shape().map_err(|_faults| CompileError::Shape { kind, id })
}
