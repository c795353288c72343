//! A file to drafts: one function for each kind, whatever the format.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use super::bounds::Bounds;
use super::columns::Kind;
use super::error::ImportError;
use super::geojson;
use super::header::Header;
use super::rows::addresses::{AddressRow, address};
use super::rows::bad_cell::BadCell;
use super::rows::devices::{DeviceRow, device};
use super::rows::fences::{FenceRow, fence};
use super::rows::places::{PlaceRow, place};
use super::rows::record::Record;
use super::rows::regions::{RegionRow, region};
use super::table::format::Format;
use super::table::row::Row;
use super::table::source::Table;
use super::watch::Watch;

/// What a file has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Rows that are sound.
    pub sound: u64,
    /// Rows with a wrong cell.
    pub bad: u64,
}

/// Takes drafts one by one, each a sound row or its wrong cells; a break ends reading without an error.
pub type Each<'e, T> = &'e mut dyn FnMut(Result<T, Vec<BadCell>>) -> ControlFlow<()>;

/// Reads the geofences of a group: CSV, XLSX, XLS or GeoJSON.
///
/// # Errors
/// Why the file is refused as a whole; rows before that have been handed on.
pub fn fences(
    file: impl Read + Seek,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
    each: Each<'_, FenceRow>,
) -> Result<Totals, ImportError> {
    Reading { kind: Kind::Group, draft: fence, totals: Totals::default() }
        .read(file, bounds, watch, each)
}

/// Reads stores: CSV, XLSX, XLS or GeoJSON.
///
/// # Errors
/// As [`fences`].
pub fn places(
    file: impl Read + Seek,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
    each: Each<'_, PlaceRow>,
) -> Result<Totals, ImportError> {
    Reading { kind: Kind::Places, draft: place, totals: Totals::default() }
        .read(file, bounds, watch, each)
}

/// Reads districts and trade areas: GeoJSON, or a table with well-known text.
///
/// # Errors
/// As [`fences`].
pub fn regions(
    file: impl Read + Seek,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
    each: Each<'_, RegionRow>,
) -> Result<Totals, ImportError> {
    Reading { kind: Kind::Regions, draft: region, totals: Totals::default() }
        .read(file, bounds, watch, each)
}

/// Reads addresses: CSV, XLSX or XLS.
///
/// # Errors
/// As [`fences`].
pub fn addresses(
    file: impl Read + Seek,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
    each: Each<'_, AddressRow>,
) -> Result<Totals, ImportError> {
    Reading { kind: Kind::Addresses, draft: address, totals: Totals::default() }
        .read(file, bounds, watch, each)
}

/// Reads the devices of a segment or blacklist: CSV, XLSX or XLS. A list of advertising ids needs no header.
///
/// # Errors
/// As [`fences`].
pub fn devices(
    file: impl Read + Seek,
    (kind, bounds): (Kind, &Bounds),
    watch: &mut Watch<'_>,
    each: Each<'_, DeviceRow>,
) -> Result<Totals, ImportError> {
    Reading { kind, draft: device, totals: Totals::default() }.read(file, bounds, watch, each)
}

struct Reading<T> {
    kind: Kind,
    draft: fn(Record<'_>) -> Result<T, Vec<BadCell>>,
    totals: Totals,
}

impl<T> Reading<T> {
    fn read(
        mut self,
        file: impl Read + Seek,
        bounds: &Bounds,
        watch: &mut Watch<'_>,
        each: Each<'_, T>,
    ) -> Result<Totals, ImportError> {
        let table = Table::open(file, *bounds)?;
        let is_map = matches!(self.kind, Kind::Group | Kind::Places | Kind::Regions);
        if table.format() == Format::GeoJson && is_map {
            let (file, _) = table.into_file();
            let kind = self.kind;
            geojson::features(file, (kind, bounds), watch, &mut |record| self.one(record, each))?;
        } else {
            self.table(table, watch, each)?;
        }
        Ok(self.totals)
    }

    fn table(
        &mut self,
        table: Table<impl Read + Seek>,
        watch: &mut Watch<'_>,
        each: Each<'_, T>,
    ) -> Result<(), ImportError> {
        let mut header = None;
        let mut refused = None;
        table.rows(watch, &mut |row: &Row| {
            if let Some(header) = &header {
                return self.one(Record::of_row(header, row), each);
            }
            match Header::read_or_first(self.kind, row) {
                Ok((read, is_header)) => {
                    let header = header.insert(read);
                    if is_header {
                        return ControlFlow::Continue(());
                    }
                    self.one(Record::of_row(header, row), each)
                }
                Err(error) => {
                    refused = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        match refused {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn one(&mut self, record: Record<'_>, each: Each<'_, T>) -> ControlFlow<()> {
        let draft = (self.draft)(record);
        match draft {
            Ok(_) => self.totals.sound += 1,
            Err(_) => self.totals.bad += 1,
        }
        each(draft)
    }
}
