//! The first reading of a file: how many rows are good, and what is wrong with the others.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::ops::ControlFlow;

use super::apply::regions::{parent_key, region_key};
use super::depot::BadRows;
use crate::control::imports::bounds::{Bounds, SEGMENT_DEVICES};
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::imports::error::ImportError;
use crate::control::imports::read::{self, Totals};
use crate::control::imports::rows::addresses::AddressRow;
use crate::control::imports::rows::bad_cell::BadCell;
use crate::control::imports::rows::devices::{Device, DeviceRow};
use crate::control::imports::rows::fences::{FenceRow, FenceSite};
use crate::control::imports::rows::places::{PlaceRow, PlaceSite};
use crate::control::imports::rows::regions::RegionRow;
use crate::control::imports::watch::Watch;

/// What a file has come to.
pub(super) struct Checked {
    pub(super) totals: Totals,
    /// The numbers of rows that read, but can't be used.
    pub(super) useless: HashSet<u64>,
}

impl Checked {
    pub(super) fn good(&self) -> u64 {
        self.totals.sound - self.useless.len() as u64
    }

    pub(super) fn bad(&self) -> u64 {
        self.totals.bad + self.useless.len() as u64
    }
}

/// What the catalog has already.
pub(super) struct Known<'k> {
    /// Whether it has a region, by its natural key.
    pub(super) region: &'k mut dyn FnMut(&str) -> io::Result<bool>,
    /// Whether its table has one of these addresses.
    pub(super) address: &'k mut dyn FnMut([Option<&str>; 2]) -> io::Result<bool>,
}

/// Reads a file to its end.
pub(super) fn check(
    (file, of): (BufReader<File>, ImportOf),
    watch: &mut Watch<'_>,
    bad_rows: &mut BadRows,
    mut known: Known<'_>,
) -> Result<Checked, ImportError> {
    let bounds = &Bounds::of(of);
    let mut checking = Checking {
        bad_rows,
        known: &mut known,
        useless: HashSet::new(),
        failed: None,
        seen: HashSet::new(),
        parents: Vec::new(),
    };
    let mut devices = HashSet::new();
    let totals = match of {
        ImportOf::Group => read::fences(file, bounds, watch, &mut |row| checking.fence(row)),
        ImportOf::Places => read::places(file, bounds, watch, &mut |row| checking.place(row)),
        ImportOf::Regions => read::regions(file, bounds, watch, &mut |row| checking.region(row)),
        ImportOf::Addresses => {
            read::addresses(file, bounds, watch, &mut |row| checking.address(&row))
        }
        ImportOf::Segment | ImportOf::Blacklist => {
            read::devices(file, (of, bounds), watch, &mut |row| {
                checking.device(row, (of == ImportOf::Segment).then_some(&mut devices))
            })
        }
    }?;
    checking.parents();
    let useless = checking.useless;
    match checking.failed {
        Some(error) => Err(ImportError::Io(error)),
        None => Ok(Checked { totals, useless }),
    }
}

struct Checking<'b, 'k> {
    bad_rows: &'b mut BadRows,
    known: &'b mut Known<'k>,
    useless: HashSet<u64>,
    /// Why bad rows can't be written, or the catalog not be asked.
    failed: Option<io::Error>,
    /// Keys that are there already.
    seen: HashSet<String>,
    /// Rows of regions, and the keys of the regions around them.
    parents: Vec<(u64, String)>,
}

/// What is wrong with an address that can't be looked up.
const NO_SUCH_ADDRESS: &str = "the row has an address alone, and neither the account's address table nor a geocoding service has \
    it; import a file of addresses that does, then send this one again, or give latitude and longitude";

impl Checking<'_, '_> {
    fn fence(&mut self, row: Result<FenceRow, Vec<BadCell>>) -> ControlFlow<()> {
        match row {
            Ok(FenceRow {
                row,
                site: FenceSite::NeedsGeocoding { address, .. },
                road_address,
                lot_address,
                ..
            }) => self.located(row, &address, [road_address, lot_address]),
            Ok(_) => ControlFlow::Continue(()),
            Err(bad) => self.bad(&bad),
        }
    }

    fn place(&mut self, row: Result<PlaceRow, Vec<BadCell>>) -> ControlFlow<()> {
        match row {
            Ok(PlaceRow {
                row,
                key,
                site: PlaceSite::NeedsGeocoding { address },
                road_address,
                lot_address,
                ..
            }) => {
                let told = self.once(row, "key", key);
                if told.is_break() || self.useless.contains(&row) {
                    return told;
                }
                self.located(row, &address, [road_address, lot_address])
            }
            Ok(PlaceRow { row, key, .. }) => self.once(row, "key", key),
            Err(bad) => self.bad(&bad),
        }
    }

    /// A row that has nothing but addresses, of which one must be known.
    fn located(
        &mut self,
        row: u64,
        address: &str,
        [road, lot]: [Option<String>; 2],
    ) -> ControlFlow<()> {
        match (self.known.address)([road.as_deref(), lot.as_deref()]) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => self.useless(BadCell::new(row, "address", address, NO_SUCH_ADDRESS)),
            Err(error) => self.fail(error),
        }
    }

    /// The last row of an address counts.
    fn address(&mut self, row: &Result<AddressRow, Vec<BadCell>>) -> ControlFlow<()> {
        match row {
            Ok(_) => ControlFlow::Continue(()),
            Err(bad) => self.bad(bad),
        }
    }

    fn region(&mut self, row: Result<RegionRow, Vec<BadCell>>) -> ControlFlow<()> {
        match row {
            Ok(region) => {
                let parent = parent_key(&region).map(|parent| (region.row, parent));
                self.parents.extend(parent);
                self.once(region.row, "code", region_key(region.level, &region.code))
            }
            Err(bad) => self.bad(&bad),
        }
    }

    fn device(
        &mut self,
        row: Result<DeviceRow, Vec<BadCell>>,
        distinct: Option<&mut HashSet<Device>>,
    ) -> ControlFlow<()> {
        let row = match row {
            Ok(row) => row,
            Err(bad) => return self.bad(&bad),
        };
        let Some(distinct) = distinct else { return ControlFlow::Continue(()) };
        distinct.extend(row.devices);
        if distinct.len() > SEGMENT_DEVICES {
            let reason = format!(
                "there are {SEGMENT_DEVICES} other ids before it; allowed: {SEGMENT_DEVICES} distinct ids"
            );
            return self.useless(BadCell::new(row.row, "advertising id", "", &reason));
        }
        ControlFlow::Continue(())
    }

    /// Regions around others, which must be in the file or in the catalog.
    fn parents(&mut self) {
        for (row, parent) in std::mem::take(&mut self.parents) {
            if self.seen.contains(&parent) {
                continue;
            }
            let told = match (self.known.region)(&parent) {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => {
                    let reason = "there is no such region, in the file or the catalog; needed: the code of the district around it";
                    self.useless(BadCell::new(row, "parent code", &parent, reason))
                }
                Err(error) => self.fail(error),
            };
            if told.is_break() {
                return;
            }
        }
    }

    /// A key that only one row may have.
    fn once(&mut self, row: u64, column: &str, key: String) -> ControlFlow<()> {
        if self.seen.contains(&key) {
            let reason = "an earlier row has it; allowed: each once";
            return self.useless(BadCell::new(row, column, &key, reason));
        }
        self.seen.insert(key);
        ControlFlow::Continue(())
    }

    fn useless(&mut self, cell: BadCell) -> ControlFlow<()> {
        self.useless.insert(cell.row);
        self.bad(&[cell])
    }

    fn bad(&mut self, cells: &[BadCell]) -> ControlFlow<()> {
        self.bad_rows.add(cells).map_or_else(|error| self.fail(error), ControlFlow::Continue)
    }

    fn fail(&mut self, error: io::Error) -> ControlFlow<()> {
        self.failed = Some(error);
        ControlFlow::Break(())
    }
}
