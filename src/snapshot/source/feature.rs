//! One GeoJSON feature, read by [`members`](super::members), understood as a fence.

use std::fmt;

use super::coordinates::Depth;
use super::finding::Findings;
use super::members::{Feature, Properties, ScalarList};
use super::rings::{ALLOWED_EDGE, ALLOWED_HOLE, ALLOWED_POSITION, BadRing, beside, ring};
use super::scalar::Scalar;
use crate::domain::ids::{AccountId, CampaignId, PlaceId};
use crate::domain::target::{Labels, PlaceArea, Ring, Shape};
use crate::domain::units::PointE7;
use crate::snapshot::build::rules;

/// A fence as its file gives it: a target that has no number yet.
#[derive(Debug, Clone, PartialEq)]
pub struct FenceSpec {
    /// Its position among the features, from 0.
    pub feature: u32,
    /// The account it belongs to.
    pub account: AccountId,
    /// The feature's id; a number as its decimal digits.
    pub key: String,
    /// Its name, may be empty.
    pub name: String,
    /// What else messages may say of it.
    pub labels: Labels,
    /// The store it belongs to, and which of the store's areas it is.
    pub place: Option<(PlaceId, PlaceArea)>,
    /// Where it is.
    pub shape: Shape,
    /// The campaigns that it says watch it.
    pub campaigns: Vec<CampaignId>,
}

impl Feature<'_> {
    /// Understands the feature, or says what is wrong with it.
    pub(super) fn to_fence(
        &self,
        number: u32,
        default_account: Option<AccountId>,
        findings: &mut Findings,
    ) -> Option<FenceSpec> {
        let id = if self.id.is_given() { &self.id } else { &self.properties.id };
        let mut reader = Reader { number, id, findings, sound: true };
        if self.other.is_given() {
            reader.refuse("the feature", &self.other, "an object");
            return None;
        }
        let properties = &self.properties.other;
        reader.expect(!properties.is_given(), "properties", properties, "an object or null");
        reader.expect(
            self.kind == Scalar::Text("Feature".into()),
            "type",
            &self.kind,
            "\"Feature\"",
        );
        let key = reader.key();
        let account = reader.account(&self.properties.account, default_account);
        let name = reader.text("name", &self.properties.name);
        let labels = reader.labels(&self.properties);
        let place = reader.place(&self.properties);
        let campaigns = reader.campaigns(&self.properties.campaigns);
        let shape = self.shape(&mut reader);
        if !reader.sound {
            return None;
        }
        Some(FenceSpec {
            feature: number,
            account: account?,
            key: key?,
            name,
            labels,
            place,
            shape: shape?,
            campaigns,
        })
    }

    fn shape(&self, reader: &mut Reader<'_, '_>) -> Option<Shape> {
        if self.no_geometry.is_given() {
            reader.refuse("geometry", &self.no_geometry, "an object");
            return None;
        }
        let kind = match &self.geometry_type {
            Scalar::Text(kind) => kind.as_ref(),
            Scalar::Absent | Scalar::Whole(_) | Scalar::Real(_) | Scalar::Other(_) => "",
        };
        let shape = match (kind, self.coordinates.depth) {
            ("Point", Depth::Position) => self.circle(reader)?,
            ("Polygon", Depth::Polygon) | ("MultiPolygon", Depth::Parts) => self.polygon(reader)?,
            ("Point" | "Polygon" | "MultiPolygon", _) => {
                reader.refuse("geometry.coordinates", &format!("not nested as a {kind} needs"), "[lon, lat] for a Point, a list of rings for a Polygon, a list of those for a MultiPolygon");
                return None;
            }
            _ => {
                let allowed = "Polygon, MultiPolygon, or Point with the property radius_m";
                reader.refuse("geometry.type", &self.geometry_type, allowed);
                return None;
            }
        };
        let place = reader.place_name();
        let broken = rules::of_shape(&shape);
        reader.sound &= broken.is_empty();
        reader.findings.rules(&place, broken);
        Some(shape)
    }

    fn circle(&self, reader: &mut Reader<'_, '_>) -> Option<Shape> {
        let [lon, lat] = self.coordinates.positions.first().copied()?;
        let Some(center) = PointE7::from_degrees(lat, lon) else {
            let allowed =
                "[longitude, latitude] with a longitude of -180 to 180 and a latitude of -90 to 90";
            reader.refuse("geometry.coordinates", &format!("[{lon}, {lat}]"), allowed);
            return None;
        };
        let Some(radius_m) = self.properties.radius_m.metres() else {
            reader.refuse(
                "radius_m",
                &self.properties.radius_m,
                "a number of metres; a Point needs one to be a circle",
            );
            return None;
        };
        Some(Shape::Circle { center, radius_m })
    }

    fn polygon(&self, reader: &mut Reader<'_, '_>) -> Option<Shape> {
        let mut positions = self.coordinates.positions.as_slice();
        let mut lens = self.coordinates.ring_lens.as_slice();
        let mut rings: Vec<Ring> = Vec::with_capacity(lens.len());
        let mut number = 0;
        for part in &self.coordinates.polygon_lens {
            let (of_part, others) = lens.split_at(*part);
            lens = others;
            let outer = rings.len();
            for len in of_part {
                let (of_ring, after) = positions.split_at(*len);
                positions = after;
                let read = ring(of_ring).and_then(|ring| match rings.get(outer) {
                    Some(outer) => beside(outer, ring),
                    None => Ok(ring),
                });
                match read {
                    Ok(ring) => rings.push(ring),
                    Err(bad) => reader.bad_ring(number, bad),
                }
                number += 1;
            }
        }
        (rings.len() == number).then_some(Shape::Polygon { rings })
    }
}

/// Reads the fields of one feature, reporting what is wrong.
struct Reader<'r, 'de> {
    number: u32,
    id: &'r Scalar<'de>,
    findings: &'r mut Findings,
    sound: bool,
}

impl Reader<'_, '_> {
    fn place_name(&self) -> String {
        place_name(self.number, self.id)
    }

    fn refuse(&mut self, field: &str, value: &dyn fmt::Display, allowed: &str) {
        self.sound = false;
        self.findings.field(&place_name(self.number, self.id), field, value, allowed);
    }

    fn expect(&mut self, fine: bool, field: &str, value: &dyn fmt::Display, allowed: &str) {
        if !fine {
            self.refuse(field, value, allowed);
        }
    }

    fn key(&mut self) -> Option<String> {
        match self.id {
            Scalar::Whole(number) => Some(number.to_string()),
            Scalar::Text(text) if (1..=MAX_TEXT).contains(&text.len()) => {
                Some(text.clone().into_owned())
            }
            other @ (Scalar::Absent | Scalar::Real(_) | Scalar::Text(_) | Scalar::Other(_)) => {
                self.refuse("id", &other.clone(), "a whole number or a text of 1 to 1000 bytes, as member or property of the feature");
                None
            }
        }
    }

    fn account(&mut self, given: &Scalar<'_>, default: Option<AccountId>) -> Option<AccountId> {
        let account = if given.is_given() { given.number(0).map(AccountId) } else { default };
        if account.is_none() {
            let allowed = "the number of an account; it may be left out where there is just one";
            self.refuse("account", given, allowed);
        }
        account
    }

    fn labels(&mut self, properties: &Properties<'_>) -> Labels {
        let Properties { brand, district_state, district_city, district_street, .. } = properties;
        Labels {
            brand: self.text("brand", brand),
            districts: [
                self.text("district_state", district_state),
                self.text("district_city", district_city),
                self.text("district_street", district_street),
            ],
            is_region: false,
        }
    }

    fn text(&mut self, field: &str, given: &Scalar<'_>) -> String {
        match given {
            Scalar::Text(text) if text.len() <= MAX_TEXT => text.clone().into_owned(),
            Scalar::Whole(number) => number.to_string(),
            Scalar::Absent => String::new(),
            Scalar::Real(_) | Scalar::Text(_) | Scalar::Other(_) => {
                self.refuse(field, given, "a text of at most 1000 bytes");
                String::new()
            }
        }
    }

    /// `area` says something only beside a `place`: other programs use that word for square metres.
    fn place(&mut self, properties: &Properties<'_>) -> Option<(PlaceId, PlaceArea)> {
        if !properties.place.is_given() {
            return None;
        }
        let place = properties.place.number(1).map(PlaceId);
        self.expect(
            place.is_some(),
            "place",
            &properties.place,
            "the number of a store, 1 or more",
        );
        let area = match &properties.area {
            Scalar::Absent => Some(PlaceArea::Signal),
            Scalar::Text(text) if text == "signal" => Some(PlaceArea::Signal),
            Scalar::Text(text) if text == "inside" => Some(PlaceArea::Inside),
            Scalar::Whole(_) | Scalar::Real(_) | Scalar::Text(_) | Scalar::Other(_) => None,
        };
        self.expect(area.is_some(), "area", &properties.area, "\"signal\" or \"inside\"");
        place.zip(area)
    }

    fn campaigns(&mut self, given: &ScalarList<'_>) -> Vec<CampaignId> {
        let allowed = "a list of campaign numbers";
        self.expect(!given.other.is_given(), "campaigns", &given.other, allowed);
        let mut campaigns = Vec::with_capacity(given.list.len());
        for one in &given.list {
            match one.number(0) {
                Some(id) => campaigns.push(CampaignId(id)),
                None => self.refuse("campaigns", one, allowed),
            }
        }
        campaigns
    }

    fn bad_ring(&mut self, at: usize, bad: BadRing) {
        let field = format!("ring {at} of geometry.coordinates");
        match bad {
            BadRing::Position([lon, lat]) => {
                self.refuse(&field, &format!("a position [{lon}, {lat}]"), ALLOWED_POSITION);
            }
            BadRing::Short(len) => {
                self.refuse(
                    &field,
                    &format!("{len} vertices"),
                    "3 or more, the closing one not counted",
                );
            }
            BadRing::Edge(from, to) => {
                self.refuse(
                    &field,
                    &format!("an edge from longitude {from} to {to}"),
                    ALLOWED_EDGE,
                );
            }
            BadRing::OverSeam(from, to) => {
                let hole = format!("a hole from longitude {from} to {to}");
                self.refuse(&field, &hole, ALLOWED_HOLE);
            }
        }
    }
}

/// The longest key, name or label: far beyond what people write, and a bound on what a file can make us keep.
const MAX_TEXT: usize = 1000;

/// How findings name a feature.
pub(super) fn place_name(number: u32, id: &dyn fmt::Display) -> String {
    format!("feature {number} (id {id})")
}
