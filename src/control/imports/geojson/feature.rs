//! One feature as it comes, whatever its members hold.

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};

use super::collection::Names;
use crate::control::imports::rows::record::Geometry;
use crate::control::imports::table::row::Row;
use crate::control::shape::{FenceShape, MAX_REGION_VERTICES};
use crate::snapshot::source::coordinates::{Coordinates, Depth};
use crate::snapshot::source::object::{Members, ObjectOr};
use crate::snapshot::source::scalar::{Name, Scalar};

/// A feature that was read. Its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Feature {
    /// Its properties that are columns, in the order of the kind's columns.
    pub(super) row: Row,
    /// Properties that are no text and no number: their column, and what they are.
    pub(super) misfits: Vec<(usize, &'static str)>,
    /// Its member `id`, empty where there is none.
    pub(super) id: String,
    is_feature: bool,
    /// The geometry's type; `None` where there is no geometry.
    geometry_type: Option<String>,
    coordinates: Coordinates,
}

impl Feature {
    fn clear(&mut self, columns: usize) {
        self.row.cells.clear();
        self.row.cells.resize(columns, String::new());
        self.misfits.clear();
        self.id.clear();
        self.is_feature = false;
        self.geometry_type = None;
        self.coordinates.clear();
    }

    /// What its geometry is.
    pub(super) fn geometry(&self) -> Geometry {
        if !self.is_feature {
            return Geometry::Bad("no Feature".to_owned());
        }
        let Some(kind) = self.geometry_type.as_deref() else { return Geometry::None };
        let many = self.coordinates.positions.len();
        if many > MAX_REGION_VERTICES {
            return Geometry::Bad(format!("{kind} of {many} positions"));
        }
        match (kind, self.coordinates.depth) {
            ("Point", Depth::Position) => match self.coordinates.positions.first() {
                Some(point) => Geometry::Point(*point),
                None => Geometry::Bad("a Point without a position".to_owned()),
            },
            ("Polygon", Depth::Polygon) => {
                let coordinates = self.parts().into_iter().next().unwrap_or_default();
                Geometry::Shape(FenceShape::Polygon { coordinates })
            }
            ("MultiPolygon", Depth::Parts) => {
                Geometry::Shape(FenceShape::MultiPolygon { coordinates: self.parts() })
            }
            ("Point" | "Polygon" | "MultiPolygon", _) => {
                Geometry::Bad(format!("a {kind} whose coordinates are nested otherwise"))
            }
            _ => Geometry::Bad(kind.to_owned()),
        }
    }

    fn parts(&self) -> Vec<Vec<Vec<[f64; 2]>>> {
        let mut positions = self.coordinates.positions.as_slice();
        let mut lens = self.coordinates.ring_lens.iter();
        let mut ring = || {
            let (ring, rest) =
                positions.split_at(lens.next().copied().unwrap_or(0).min(positions.len()));
            positions = rest;
            ring.to_vec()
        };
        let polygons = self.coordinates.polygon_lens.iter();
        polygons.map(|rings| (0..*rings).map(|_| ring()).collect()).collect()
    }
}

/// Reads a feature into the buffers.
pub(super) struct FeatureSeed<'f> {
    pub(super) feature: &'f mut Feature,
    pub(super) names: &'f mut Names,
}

impl<'de> DeserializeSeed<'de> for FeatureSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.feature.clear(self.names.columns());
        // What is no object stays no feature.
        let mut other = Scalar::Absent;
        ObjectOr { members: OfFeature(self), other: &mut other }.deserialize(from)
    }
}

struct OfFeature<'f>(FeatureSeed<'f>);

impl<'de> Members<'de> for OfFeature<'_> {
    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let FeatureSeed { feature, names } = self.0;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "type" => {
                    feature.is_feature =
                        map.next_value::<Scalar<'_>>()? == Scalar::Text("Feature".into())
                }
                "id" => {
                    // A list or an object is no id.
                    if let Ok(text) = text(&map.next_value()?) {
                        feature.id = text;
                    }
                }
                "properties" => {
                    let members = OfProperties {
                        row: &mut feature.row,
                        misfits: &mut feature.misfits,
                        names: &mut *names,
                    };
                    map.next_value_seed(ObjectOr { members, other: &mut Scalar::Absent })?;
                }
                "geometry" => {
                    let members = OfGeometry {
                        kind: &mut feature.geometry_type,
                        coordinates: &mut feature.coordinates,
                    };
                    map.next_value_seed(ObjectOr { members, other: &mut Scalar::Absent })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct OfProperties<'f> {
    row: &'f mut Row,
    misfits: &'f mut Vec<(usize, &'static str)>,
    names: &'f mut Names,
}

impl<'de> Members<'de> for OfProperties<'_> {
    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let Some(column) = self.names.column(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            match text(&map.next_value()?) {
                // Two properties may mean the same column; the first that says something stands.
                Ok(text) if self.row.cells[column].is_empty() => self.row.cells[column] = text,
                Ok(_) => {}
                Err(what) => self.misfits.push((column, what)),
            }
        }
        Ok(())
    }
}

struct OfGeometry<'f> {
    kind: &'f mut Option<String>,
    coordinates: &'f mut Coordinates,
}

impl<'de> Members<'de> for OfGeometry<'_> {
    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.kind.get_or_insert_default();
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "type" => *self.kind = Some(text(&map.next_value()?).unwrap_or_default()),
                "coordinates" => map.next_value_seed(&mut *self.coordinates)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A property as a cell's text; empty for null. An error says what it is instead.
fn text(value: &Scalar<'_>) -> Result<String, &'static str> {
    match value {
        Scalar::Absent => Ok(String::new()),
        Scalar::Whole(number) => Ok(number.to_string()),
        Scalar::Real(number) => Ok(number.to_string()),
        Scalar::Text(text) => Ok(text.clone().into_owned()),
        Scalar::Other(what) => Err(what),
    }
}
