//! Which column of a file is which, by its first row.

use super::columns::{Column, Kind};
use super::error::ImportError;
use super::table::row::Row;
use crate::control::fault::Fault;
use crate::domain::ids::DeviceId;

/// The columns of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    kind: Kind,
    /// Where each column of the kind stands in the file, in the order of [`Kind::columns`].
    places: Vec<Option<usize>>,
    /// What the file calls them, for whoever mends it; our own names for those it does not have.
    labels: Vec<String>,
}

impl Header {
    /// Recognises a header row.
    ///
    /// # Errors
    /// [`ImportError::Header`] with every column that is unknown, there twice, or missing, and what is allowed.
    pub fn read(kind: Kind, row: &Row) -> Result<Self, ImportError> {
        let columns = kind.columns();
        let mut places = vec![None; columns.len()];
        let mut faults = Vec::new();
        let mut labels = labels(kind);
        for at in 0..row.cells.len() {
            let Some(text) = row.cell(at) else { continue };
            match columns.iter().position(|name| name.is_called(text)) {
                None => faults.push(unknown(text, kind)),
                Some(nth) if places[nth].is_some() => {
                    let detail =
                        format!("the column {} is there twice; keep one", columns[nth].english);
                    faults.push(Fault::new(shown(text), detail));
                }
                Some(nth) => {
                    places[nth] = Some(at);
                    labels[nth] = shown(text);
                }
            }
        }
        let header = Self { kind, places, labels };
        faults.extend(header.missing());
        if faults.is_empty() { Ok(header) } else { Err(ImportError::Header(faults)) }
    }

    /// Recognises a header, or a list of devices that begins without one; then the second value is false.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_or_first(kind: Kind, row: &Row) -> Result<(Self, bool), ImportError> {
        let is_list = matches!(kind, Kind::Segment | Kind::Blacklist);
        let begins = row.cell(0).is_some_and(|text| DeviceId::parse(text).is_ok());
        if is_list && begins {
            let mut places = vec![None; kind.columns().len()];
            places[0] = Some(0);
            return Ok((Self { kind, places, labels: labels(kind) }, false));
        }
        Self::read(kind, row).map(|header| (header, true))
    }

    /// The header of rows whose cells come in the order of [`Kind::columns`].
    #[must_use]
    pub fn of_table(kind: Kind) -> Self {
        let places = (0..kind.columns().len()).map(Some).collect();
        Self { kind, places, labels: labels(kind) }
    }

    /// What the file holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where a column stands, from 0.
    #[must_use]
    pub fn place(&self, column: Column) -> Option<usize> {
        self.places[self.nth(column)?]
    }

    /// What the file calls a column.
    #[must_use]
    pub fn label(&self, column: Column) -> &str {
        self.nth(column).map_or("", |nth| &self.labels[nth])
    }

    /// Whether a place of a row is under a column that is known.
    #[must_use]
    pub fn knows(&self, place: usize) -> bool {
        self.places.contains(&Some(place))
    }

    fn nth(&self, column: Column) -> Option<usize> {
        self.kind.columns().iter().position(|name| name.column == column)
    }

    fn missing(&self) -> Vec<Fault> {
        let columns = self.kind.columns();
        let absent =
            columns.iter().zip(&self.places).filter(|(name, place)| name.needed && place.is_none());
        let mut faults: Vec<Fault> = absent
            .map(|(name, _)| {
                Fault::new(
                    name.english,
                    format!("the column {} ({}) is missing", name.english, name.korean),
                )
            })
            .collect();
        let has = |columns: &[Column]| columns.iter().all(|column| self.place(*column).is_some());
        let ways = ways(self.kind);
        if !ways.is_empty() && !ways.iter().any(|way| has(way.columns)) {
            let ways: Vec<_> = ways.iter().map(|way| way.said).collect();
            let detail = format!(
                "there is no column that says where or who; needed: {}",
                ways.join(", or ")
            );
            faults.push(Fault::new("", detail));
        }
        faults
    }
}

fn labels(kind: Kind) -> Vec<String> {
    kind.columns().iter().map(|name| name.english.to_owned()).collect()
}

/// Columns of which a file needs one set.
struct Way {
    columns: &'static [Column],
    said: &'static str,
}

fn ways(kind: Kind) -> &'static [Way] {
    const POINT: Way =
        Way { columns: &[Column::Latitude, Column::Longitude], said: "latitude and longitude" };
    const ROAD: Way = Way { columns: &[Column::RoadAddress], said: "road address" };
    const LOT: Way = Way { columns: &[Column::LotAddress], said: "lot address" };
    const POLYGON: Way = Way { columns: &[Column::Polygon], said: "polygon" };
    match kind {
        Kind::Group => &[POLYGON, POINT, ROAD, LOT],
        Kind::Places => {
            &[POINT, Way { columns: &[Column::Footprint], said: "footprint" }, ROAD, LOT]
        }
        Kind::Regions => &[POLYGON],
        Kind::Addresses => &[ROAD, LOT],
        Kind::Segment => &[],
        Kind::Blacklist => &[
            Way { columns: &[Column::AdvertisingId], said: "advertising id" },
            Way { columns: &[Column::EchoCode], said: "echo code" },
        ],
    }
}

fn unknown(text: &str, kind: Kind) -> Fault {
    let names: Vec<String> =
        kind.columns().iter().map(|name| format!("{} ({})", name.english, name.korean)).collect();
    let text = shown(text);
    let detail = format!("the column {text:?} is not known; allowed: {}", names.join(", "));
    Fault::new(text, detail)
}

/// A header cell may be anything, the first row of a list of devices among it.
fn shown(text: &str) -> String {
    super::rows::bad_cell::shown(text)
}
