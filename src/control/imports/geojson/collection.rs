//! The collection around the features: counts them and hands each on as soon as it is read.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::feature::{Feature, FeatureSeed};
use super::read::TakeFeature;
use crate::control::imports::columns::{Column, Kind};
use crate::control::imports::error::ImportError;
use crate::control::imports::header::Header;
use crate::control::imports::rows::record::Record;
use crate::control::imports::table::meter::Tally;
use crate::control::imports::watch::Watch;
use crate::snapshot::source::scalar::{Name, Scalar};

/// Reads a FeatureCollection.
pub(super) struct Collection<'c, 'w> {
    header: Header,
    most: u64,
    watch: &'c mut Watch<'w>,
    take: TakeFeature<'c>,
    /// What has been read of the file, what one feature may take, and the file's length.
    tally: (Tally, u64, u64),
    number: u64,
    is_collection: bool,
    /// Set when reading ends before its end: on purpose, or for a reason that the parser cannot carry.
    pub(super) ended: Option<Result<(), ImportError>>,
}

impl<'c, 'w> Collection<'c, 'w> {
    pub(super) fn new(
        (kind, most): (Kind, u64),
        watch: &'c mut Watch<'w>,
        take: TakeFeature<'c>,
        tally: (Tally, u64, u64),
    ) -> Self {
        let header = Header::of_table(kind);
        Self { header, most, watch, take, tally, number: 0, is_collection: false, ended: None }
    }

    /// Whether it was a collection after all.
    pub(super) fn finish(self) -> Result<(), ImportError> {
        if !self.is_collection {
            let allowed = "a FeatureCollection";
            return Err(ImportError::Format { found: "JSON, but no FeatureCollection", allowed });
        }
        if self.number == 0 { Err(ImportError::Empty) } else { Ok(()) }
    }

    fn end(&mut self, outcome: Result<(), ImportError>) -> &'static str {
        self.ended = Some(outcome);
        "ended"
    }

    /// Hands one feature on. An error is only to make the parser stop: see [`ended`](Self::ended).
    fn feature(&mut self, feature: &mut Feature) -> Result<(), &'static str> {
        if self.number == self.most {
            return Err(self.end(Err(ImportError::TooManyRows { limit: self.most })));
        }
        self.number += 1;
        feature.row.number = self.number;
        self.take_id(feature);
        let (tally, allowed, length) = &self.tally;
        tally.allow(*allowed);
        if let Err(stopped) = self.watch.row(|| tally.per_cent(*length)) {
            return Err(self.end(Err(stopped.into())));
        }
        let geometry = feature.geometry();
        let record = Record {
            header: &self.header,
            row: &feature.row,
            geometry: Some(&geometry),
            misfits: &feature.misfits,
        };
        match (self.take)(record) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(self.end(Ok(()))),
        }
    }

    /// A feature's own id is its key or code, where no property is.
    fn take_id(&self, feature: &mut Feature) {
        let column = match self.header.kind() {
            Kind::Group => Column::ClientCode,
            Kind::Places => Column::Key,
            Kind::Regions => Column::Code,
            Kind::Segment | Kind::Blacklist | Kind::Addresses => return,
        };
        if let Some(cell) = self.header.place(column).and_then(|at| feature.row.cells.get_mut(at))
            && cell.is_empty()
        {
            std::mem::swap(cell, &mut feature.id);
        }
    }
}

impl<'de> Visitor<'de> for &mut Collection<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GeoJSON FeatureCollection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_features = false;
        let mut has_type = false;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "type" => {
                    has_type =
                        map.next_value::<Scalar<'_>>()? == Scalar::Text("FeatureCollection".into());
                }
                "features" => {
                    map.next_value_seed(Features(self))?;
                    has_features = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        self.is_collection = has_features && has_type;
        Ok(())
    }
}

struct Features<'f, 'c, 'w>(&'f mut Collection<'c, 'w>);

impl<'de> DeserializeSeed<'de> for Features<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut feature = Feature::default();
        let mut names = Names::new(self.0.header.kind());
        loop {
            let seed = FeatureSeed { feature: &mut feature, names: &mut names };
            if list.next_element_seed(seed)?.is_none() {
                return Ok(());
            }
            self.0.feature(&mut feature).map_err(A::Error::custom)?;
        }
    }
}

/// Which property is which column. The names of properties are the same in every feature, so each is looked up once.
#[derive(Debug)]
pub(super) struct Names {
    kind: Kind,
    known: HashMap<String, Option<usize>>,
}

/// So many names are remembered; a file that makes up new ones for each feature is read more slowly.
const REMEMBERED: usize = 1_000;

impl Names {
    fn new(kind: Kind) -> Self {
        Self { kind, known: HashMap::new() }
    }

    pub(super) fn columns(&self) -> usize {
        self.kind.columns().len()
    }

    pub(super) fn column(&mut self, name: &str) -> Option<usize> {
        if let Some(column) = self.known.get(name) {
            return *column;
        }
        let column = self.kind.columns().iter().position(|one| one.is_called(name));
        if self.known.len() < REMEMBERED && name.len() < 200 {
            self.known.insert(name.to_owned(), column);
        }
        column
    }
}
