//! An object that may turn out to be something else: its author's mistake is kept, and reading goes on.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::scalar::{AnyValue, Scalar};

/// Reads the members of an object.
pub(crate) trait Members<'de> {
    fn read<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error>;
}

/// Reads an object by its members; anything else but null goes to `other`.
pub(crate) struct ObjectOr<'s, 'de, M> {
    pub(crate) members: M,
    pub(crate) other: &'s mut Scalar<'de>,
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for ObjectOr<'_, 'de, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for ObjectOr<'_, 'de, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.members.read(map)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        AnyValue.visit_bool(value).map(|value| *self.other = value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        AnyValue.visit_i64(value).map(|value| *self.other = value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        AnyValue.visit_u64(value).map(|value| *self.other = value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        AnyValue.visit_f64(value).map(|value| *self.other = value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        AnyValue.visit_str(value).map(|value| *self.other = value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        AnyValue.visit_seq(list).map(|value| *self.other = value)
    }
}
