//! Where a device is at home: the cell in which it spent the most nights, and what that has to do with its targets.
//!
//! A night is the local time from midnight to six. Each fix of one notes its H3 cell of resolution 8; a cell with the
//! most nights among the last 30, and at least 3, is home. Some targets are for those at home alone: such a target
//! contains a fix that lies in it and in the device's home cell. Nights are noted for accounts that ask for it.

use h3o::{LatLng, Resolution};

use crate::domain::ids::TargetId;
use crate::domain::units::PointE7;

use super::device::Night;
use super::turn::Turn;

/// So many nights are looked back on, the present one included.
const NIGHTS: u32 = 30;

/// With fewer nights no cell is a home.
const AT_LEAST: u32 = 3;

/// Cells that are remembered of a device. Of more, the one with the fewest nights is forgotten.
const MAX_CELLS: usize = 8;

/// The radius of a disc as large as a cell is on average (0.737 km², h3geo.org/docs/core-library/restable), m. A coarser
/// fix does not tell in which it was.
pub(super) const CELL_RADIUS_M: u16 = 484;

impl Night {
    /// Nights in the cell, of the last ones up to a day.
    fn nights(&self, day: i32) -> u32 {
        let since = u32::try_from(day.saturating_sub(self.last)).unwrap_or(0);
        let counted = NIGHTS.saturating_sub(since);
        (u64::from(self.nights) & ((1 << counted) - 1)).count_ones()
    }

    /// Whether none of them is left, as of a day.
    pub(super) fn is_over(&self, day: i32) -> bool {
        self.nights(day) == 0
    }

    /// The same with one more, which may be an earlier one: time zones change.
    fn with(self, day: i32) -> Self {
        let shift =
            |nights: u32, by: i32| u32::try_from(by).ok().and_then(|by| nights.checked_shl(by));
        let ahead = day.saturating_sub(self.last);
        if ahead >= 0 {
            Self { last: day, nights: shift(self.nights, ahead).unwrap_or(0) | 1, ..self }
        } else {
            Self { nights: self.nights | shift(1, -ahead).unwrap_or(0), ..self }
        }
    }
}

impl Turn<'_, '_> {
    /// Notes where the device spends the night, if the moment's fix is of one and tells.
    pub(super) fn note_night(&mut self) {
        if !self.account.notes_nights() || self.moment.accuracy_m > CELL_RADIUS_M {
            return;
        }
        let Some(day) = self.account.local_night(self.moment.at) else { return };
        let Some(cell) = self.moment.point.and_then(cell_of) else { return };
        let known = self.table.nights.get(self.annex.nights);
        match known.iter().position(|night| night.cell == cell) {
            Some(at) => {
                let night = known[at].with(day);
                self.table.nights.get_mut(self.annex.nights)[at] = night;
            }
            None => {
                let fewest = |one: &Night| (one.nights(day), one.last, one.cell);
                let least = (0..known.len()).min_by_key(|at| fewest(&known[*at]));
                if let Some(least) = least.filter(|_| known.len() >= MAX_CELLS) {
                    self.table.nights.remove(&mut self.annex.nights, least);
                }
                let night = Night { cell, last: day, nights: 1 };
                self.table.nights.push(&mut self.annex.nights, night);
            }
        }
    }

    /// Leaves targets that are for those at home to the devices that are.
    pub(super) fn leave_homes_to_their_own(&self, contained: &mut Vec<TargetId>) {
        if self.account.has_homes() {
            let is_at_home = self.is_at_home();
            contained.retain(|target| is_at_home || !self.account.is_home(*target));
        }
    }

    fn is_at_home(&self) -> bool {
        let nights = self.table.nights.get(self.annex.nights);
        if nights.is_empty() || self.moment.accuracy_m > CELL_RADIUS_M {
            return false;
        }
        let day = self.day().and_then(|day| i32::try_from(day).ok());
        let home = day.and_then(|day| home(nights, day));
        home.is_some() && home == self.moment.point.and_then(cell_of)
    }
}

/// The home as of a day. Of cells with as many nights, the one of the latest.
pub(super) fn home(nights: &[Night], day: i32) -> Option<u64> {
    let counted = nights.iter().map(|night| (night.nights(day), night.last, night.cell));
    counted.max().filter(|(nights, ..)| *nights >= AT_LEAST).map(|(.., cell)| cell)
}

pub(super) fn cell_of(point: PointE7) -> Option<u64> {
    let point = LatLng::new(point.lat_deg(), point.lon_deg()).ok()?;
    Some(u64::from(point.to_cell(Resolution::Eight)))
}
