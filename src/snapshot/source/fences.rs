//! A GeoJSON FeatureCollection, read in one pass.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::feature::FenceSpec;
use super::finding::{Findings, SourceErrors};
use super::members::{Feature, FeatureSeed};
use super::scalar::{Name, Scalar};
use crate::domain::ids::AccountId;

/// Reads the fences of a file.
///
/// A feature is a Polygon, a MultiPolygon, or a Point with the property `radius_m`. Its id (member or property)
/// is required and is its key. Properties that are understood: `name`, `brand`, `district_state`,
/// `district_city`, `district_street`, `account`, `place` with `area`, `campaigns`; all others are passed over. `default_account` is the account of features that name none.
///
/// # Errors
/// What is wrong, by feature and field; `file` is how the user calls the file.
pub fn parse_fences(
    file: &str,
    json: &[u8],
    default_account: Option<AccountId>,
) -> Result<Vec<FenceSpec>, SourceErrors> {
    let mut collection = Collection {
        default_account,
        findings: Findings::of(file),
        fences: Vec::new(),
        kind: Scalar::Absent,
        has_features: false,
    };
    let mut from = serde_json::Deserializer::from_slice(without_mark(json));
    let outcome = from.deserialize_map(&mut collection).and_then(|()| from.end());
    if let Err(broken) = outcome {
        collection.findings.add("", format!("it is not a GeoJSON FeatureCollection: {broken}"));
        return Err(collection.findings.into_errors());
    }
    if collection.kind != Scalar::Text("FeatureCollection".into()) {
        collection.findings.field("", "type", &collection.kind, "\"FeatureCollection\"");
    }
    if !collection.has_features {
        collection.findings.field("", "features", "missing", "a list of features");
    }
    collection.findings.unless_any(collection.fences)
}

/// Text editors on Windows put a byte-order mark before UTF-8.
pub(super) fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json)
}

struct Collection<'de> {
    default_account: Option<AccountId>,
    findings: Findings,
    fences: Vec<FenceSpec>,
    kind: Scalar<'de>,
    has_features: bool,
}

impl<'de> Visitor<'de> for &mut Collection<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GeoJSON FeatureCollection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "type" => self.kind = map.next_value()?,
                "features" => map.next_value_seed(FeaturesSeed(self))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct FeaturesSeed<'c, 'de>(&'c mut Collection<'de>);

impl<'de> DeserializeSeed<'de> for FeaturesSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FeaturesSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Collection { default_account, findings, fences, has_features, .. } = self.0;
        *has_features = true;
        let mut feature = Feature::default();
        let mut number = 0;
        while list.next_element_seed(FeatureSeed(&mut feature))?.is_some() {
            fences.extend(feature.to_fence(number, *default_account, findings));
            number += 1;
        }
        Ok(())
    }
}
