//! A list of one, as the text that is in it; of none, where it is kept apart, as an empty one.

use serde::{Deserialize as _, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(list: &[String], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(list.first().map_or("", String::as_str))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    String::deserialize(from).map(|text| vec![text])
}
