//! The `coordinates` member of a geometry, read without knowing yet which type of geometry it is.
//!
//! Positions go into one list and the nesting beside it, in buffers that are used again for the next feature:
//! a million fences are read without a million little vectors. A nesting that no geometry has is not an
//! error of the JSON, so reading goes on and the feature is reported.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Coordinates {
    /// Longitude, latitude.
    pub(crate) positions: Vec<[f64; 2]>,
    /// How many of the positions each ring takes, in order, whichever polygon it belongs to.
    pub(crate) ring_lens: Vec<usize>,
    /// How many of the rings each polygon takes, in order: its outer ring and its holes.
    pub(crate) polygon_lens: Vec<usize>,
    /// How deep the nesting is.
    pub(crate) depth: Depth,
}

/// How deep coordinates are nested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Depth {
    /// There were none, or they fit no geometry.
    #[default]
    None,
    /// A bare number.
    Number,
    /// `[lon, lat]`: Point.
    Position,
    /// A list of positions: a ring, or a LineString.
    Ring,
    /// A list of rings: Polygon.
    Polygon,
    /// A list of polygons: MultiPolygon.
    Parts,
}

impl Coordinates {
    pub(crate) fn clear(&mut self) {
        self.positions.clear();
        self.ring_lens.clear();
        self.polygon_lens.clear();
        self.depth = Depth::None;
    }
}

impl<'de> DeserializeSeed<'de> for &mut Coordinates {
    type Value = ();

    /// A member that is there twice counts as JSON readers take it: the last one stands.
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.clear();
        let value = from.deserialize_any(Element(self))?;
        self.depth = value.depth;
        Ok(())
    }
}

/// One element at any level; tells its parent what it was.
struct Element<'b>(&'b mut Coordinates);

#[derive(Clone, Copy)]
struct Value {
    depth: Depth,
    /// The number, where it is one.
    number: f64,
}

const UNFIT: Value = Value { depth: Depth::None, number: f64::NAN };

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value { depth: Depth::Number, number })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "degrees beyond 2^53 are refused by their size"
        )]
        Ok(Value { depth: Depth::Number, number: number as f64 })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "degrees beyond 2^53 are refused by their size"
        )]
        Ok(Value { depth: Depth::Number, number: number as f64 })
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(UNFIT)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Value, E> {
        Ok(UNFIT)
    }

    fn visit_str<E>(self, _value: &str) -> Result<Value, E> {
        Ok(UNFIT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(UNFIT)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let out = self.0;
        let Some(first) = list.next_element_seed(Element(&mut *out))? else { return Ok(UNFIT) };
        let mut len = 1;
        let mut second = f64::NAN;
        let mut alike = true;
        while let Some(next) = list.next_element_seed(Element(&mut *out))? {
            alike &= next.depth == first.depth;
            if len == 1 {
                second = next.number;
            }
            len += 1;
        }
        Ok(if alike { out.close(first, second, len) } else { UNFIT })
    }
}

impl Coordinates {
    /// Ends a list of `len` equal elements and tells what it is.
    fn close(&mut self, first: Value, second: f64, len: usize) -> Value {
        let depth = match first.depth {
            // Further numbers of a position (altitude) are ignored, as RFC 7946 asks.
            Depth::Number if len >= 2 => {
                self.positions.push([first.number, second]);
                Depth::Position
            }
            Depth::Position => {
                self.ring_lens.push(len);
                Depth::Ring
            }
            Depth::Ring => {
                self.polygon_lens.push(len);
                Depth::Polygon
            }
            Depth::Polygon => Depth::Parts,
            Depth::None | Depth::Number | Depth::Parts => Depth::None,
        };
        Value { depth, number: f64::NAN }
    }
}
