//! A GeoJSON feature as it comes: its members that are understood, whatever they hold. [`feature`](super::feature)
//! says what is wrong with them.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::coordinates::Coordinates;
use super::object::{Members, ObjectOr};
use super::scalar::{AnyValue, Name, Scalar};

/// A feature as it was read. Its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Feature<'de> {
    /// What stands in its place, where it is no object.
    pub(super) other: Scalar<'de>,
    pub(super) kind: Scalar<'de>,
    pub(super) id: Scalar<'de>,
    pub(super) properties: Properties<'de>,
    /// What stands in the geometry's place, where it is no object.
    pub(super) no_geometry: Scalar<'de>,
    pub(super) geometry_type: Scalar<'de>,
    pub(super) coordinates: Coordinates,
}

#[derive(Debug, Default)]
pub(super) struct Properties<'de> {
    /// What stands in their place, where they are no object.
    pub(super) other: Scalar<'de>,
    pub(super) id: Scalar<'de>,
    pub(super) name: Scalar<'de>,
    pub(super) brand: Scalar<'de>,
    pub(super) district_state: Scalar<'de>,
    pub(super) district_city: Scalar<'de>,
    pub(super) district_street: Scalar<'de>,
    pub(super) account: Scalar<'de>,
    pub(super) place: Scalar<'de>,
    pub(super) area: Scalar<'de>,
    pub(super) radius_m: Scalar<'de>,
    pub(super) campaigns: ScalarList<'de>,
}

/// A list of scalars, or what stands in its place.
#[derive(Debug, Default)]
pub(super) struct ScalarList<'de> {
    pub(super) list: Vec<Scalar<'de>>,
    pub(super) other: Scalar<'de>,
}

/// Reads a feature into the buffers.
pub(super) struct FeatureSeed<'f, 'de>(pub(super) &'f mut Feature<'de>);

impl<'de> DeserializeSeed<'de> for FeatureSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.coordinates.clear();
        let coordinates = std::mem::take(&mut self.0.coordinates);
        *self.0 = Feature { coordinates, ..Feature::default() };
        let mut other = Scalar::Absent;
        ObjectOr { members: OfFeature(self.0), other: &mut other }.deserialize(from)?;
        self.0.other = other;
        Ok(())
    }
}

struct OfFeature<'f, 'de>(&'f mut Feature<'de>);

impl<'de> Members<'de> for OfFeature<'_, 'de> {
    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let feature = self.0;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "type" => feature.kind = map.next_value()?,
                "id" => feature.id = map.next_value()?,
                "properties" => {
                    let mut other = Scalar::Absent;
                    let members = OfProperties(&mut feature.properties);
                    map.next_value_seed(ObjectOr { members, other: &mut other })?;
                    feature.properties.other = other;
                }
                "geometry" => {
                    let mut other = Scalar::Absent;
                    let members = OfGeometry(&mut *feature);
                    map.next_value_seed(ObjectOr { members, other: &mut other })?;
                    feature.no_geometry = other;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct OfProperties<'f, 'de>(&'f mut Properties<'de>);

impl<'de> Members<'de> for OfProperties<'_, 'de> {
    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let properties = self.0;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "id" => properties.id = map.next_value()?,
                "name" => properties.name = map.next_value()?,
                "brand" => properties.brand = map.next_value()?,
                "district_state" => properties.district_state = map.next_value()?,
                "district_city" => properties.district_city = map.next_value()?,
                "district_street" => properties.district_street = map.next_value()?,
                "account" => properties.account = map.next_value()?,
                "place" => properties.place = map.next_value()?,
                "area" => properties.area = map.next_value()?,
                "radius_m" => properties.radius_m = map.next_value()?,
                "campaigns" => properties.campaigns = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct OfGeometry<'f, 'de>(&'f mut Feature<'de>);

impl<'de> Members<'de> for OfGeometry<'_, 'de> {
    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let feature = self.0;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "type" => feature.geometry_type = map.next_value()?,
                "coordinates" => map.next_value_seed(&mut feature.coordinates)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ScalarList<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarListVisitor)
    }
}

struct ScalarListVisitor;

impl<'de> Visitor<'de> for ScalarListVisitor {
    type Value = ScalarList<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ScalarList<'de>, A::Error> {
        let mut scalars = Vec::with_capacity(list.size_hint().unwrap_or(1).min(16));
        while let Some(scalar) = list.next_element()? {
            scalars.push(scalar);
        }
        Ok(ScalarList { list: scalars, other: Scalar::Absent })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<ScalarList<'de>, E> {
        Ok(ScalarList::default())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<ScalarList<'de>, E> {
        AnyValue.visit_bool(value).map(no_list)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<ScalarList<'de>, E> {
        AnyValue.visit_i64(value).map(no_list)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<ScalarList<'de>, E> {
        AnyValue.visit_u64(value).map(no_list)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<ScalarList<'de>, E> {
        AnyValue.visit_f64(value).map(no_list)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<ScalarList<'de>, E> {
        AnyValue.visit_str(value).map(no_list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ScalarList<'de>, A::Error> {
        AnyValue.visit_map(map).map(no_list)
    }
}

fn no_list(other: Scalar<'_>) -> ScalarList<'_> {
    ScalarList { list: Vec::new(), other }
}
