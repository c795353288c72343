//! What is left of a device that is heard of no more: nothing, `state_days` after the last word of it.
//!
//! Time is cut into turns of an hour. Whenever the partition's clock passes into one, the rows of that turn are looked
//! at: one in [`TURNS_A_DAY`], by their place in the table, so that each row has its turn once a day. Partitions pass at
//! different instants, for a shard has many. Which rows an input
//! looks at follows from the clock before and after it and from the order of the rows; the state has both, so a recovery in
//! the middle goes on as if there had been none, and nothing more has to be remembered.
//!
//! Under the clock of the fixes nothing ages: one device with a wrong clock would take all others out.

use std::ops::RangeInclusive;

use crate::domain::decision::VisitEnd;
use crate::domain::ids::{AccountId, PartitionId};
use crate::domain::policy::ClockMode;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::snapshot::view::SnapshotView;

use super::device::ProfileNote;
use super::outputs::Outputs;
use super::partition::{Partition, is_prolonged_in};
use super::table::{Eviction, RowId};

/// A table at its default capacity has 2,731 rows for each, which take some tenths of a millisecond. More turns would have
/// partitions that nobody sends to write ticks, and checkpoints for them, more often.
const TURNS_A_DAY: i64 = 24;

const TURN_MS: i64 = DAY_MS / TURNS_A_DAY;

/// Between the turns of one partition and of the next, for there are 256.
const STEP_MS: i64 = TURN_MS / 256;

/// Turns that the clock has passed into, by number.
pub(super) type Turns = RangeInclusive<i64>;

impl Partition {
    /// Moves the clock on, and gives the turns that it has passed into. After a long pause each row has had its turn once
    /// those of a day have been.
    pub(super) fn move_clock(&mut self, to: UtcMs) -> Turns {
        let before = self.turn_of(self.clock);
        self.clock = self.clock.max(to);
        let now = self.turn_of(self.clock);
        before.max(now - TURNS_A_DAY) + 1..=now
    }

    /// Whether a tick at this instant has something to do: a timer is due, or rows have their turn.
    #[must_use]
    pub fn has_work_at(&self, now: UtcMs) -> bool {
        let has_turn =
            self.ages() && self.devices() > 0 && self.turn_of(now) > self.turn_of(self.clock);
        has_turn || self.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Looks at the rows of these turns.
    pub(super) fn age(&mut self, turns: Turns, view: SnapshotView<'_>, out: &mut Outputs) {
        if !self.ages() {
            return;
        }
        for turn in turns {
            let mut place = turn.rem_euclid(TURNS_A_DAY);
            for _look in 0..self.looks_a_turn() {
                let Some(id) = self.table.at(place) else { break };
                // Where one has gone the last row of the table is now, and may have had its turn before.
                if !self.age_row(id, view, out) {
                    place += TURNS_A_DAY;
                }
            }
        }
    }

    /// Twice the rows that have the turn and some, so that no input takes out many, and yet of a table of which all have fallen
    /// silent seven in eight go within a day, and the rest in the next.
    fn looks_a_turn(&self) -> i64 {
        let devices = i64::try_from(self.devices()).expect("a table's capacity is a u32");
        2 * (devices / TURNS_A_DAY + 8)
    }

    /// The turn that an instant lies in.
    fn turn_of(&self, at: UtcMs) -> i64 {
        let PartitionId(number) = self.id();
        (at + i64::from(number) * STEP_MS).0.div_euclid(TURN_MS)
    }

    fn ages(&self) -> bool {
        self.policy.clock == ClockMode::System
    }

    /// Forgets what is too old of a device. Whether it has gone with its row.
    fn age_row(&mut self, id: RowId, view: SnapshotView<'_>, out: &mut Outputs) -> bool {
        let oldest = self.clock - i64::from(self.policy.state_days) * DAY_MS;
        if self.table.last_heard(self.table.row(id)) >= oldest {
            // Local days are at most one behind those of UTC.
            self.table.forget_nights_before(id, self.clock.utc_day() - 1);
            return false;
        }
        let is_held = self.holds(id, view);
        self.table.end_stays(id, (VisitEnd::Silence, &self.key), out);
        if is_held {
            self.table.forget_place(id);
            return false;
        }
        self.table.remove(self.table.row(id).key);
        out.counts.forgotten += 1;
        true
    }

    /// Whether something of a silent device is needed when it comes back: a bucket that lives on, a count of the day's
    /// jobs, or that its user wants no advertising.
    fn holds(&self, id: RowId, view: SnapshotView<'_>) -> bool {
        let (row, profile) = (self.table.row(id), self.table.annex(id).profile);
        let rule = Eviction {
            now: self.clock,
            key: &self.key,
            gap_ms: i64::from(self.policy.gap_s) * 1000,
            is_prolonged: &is_prolonged_in(view, &self.policy, self.clock),
        };
        let objects = profile.is_some_and(|profile| objects(&profile, row.key.account, view));
        objects || !self.table.may_go(row, &rule)
    }
}

/// Whether a profile says that no advertising is wanted, or is what a blacklist knows the device by.
fn objects(profile: &ProfileNote, account: AccountId, view: SnapshotView<'_>) -> bool {
    let is_listed = |echo| view.account(account).is_some_and(|of| of.blacklist_has_echo(echo));
    !profile.ads_consent || profile.echo.is_some_and(is_listed)
}
