//! One device with all its lists, gathered from the table for writing and spread out again after reading.

use crate::domain::ids::{AppId, DeviceKey};
use crate::domain::units::{PointE7, UtcMs};
use crate::engine::device::{
    Anchor, Annex, DayPushes, Hint, Night, ProfileNote, Row, Stay, Trigger, UsedBucket, VisitNote,
};
use crate::engine::marks::UsedMarks;
use crate::engine::slab::{Run, Slab};
use crate::engine::table::DeviceTable;

use super::field::{Damaged, Field, Reader};

/// The first format with notes for visits.
const WITH_VISITS: u8 = 3;

/// The first format with nights.
const WITH_NIGHTS: u8 = 4;

/// Everything about a device but who it is.
pub(super) struct DeviceEntry {
    app: AppId,
    at: PointE7,
    fixed_at: UtcMs,
    accuracy_m: u16,
    flags: u16,
    epoch: u32,
    stays: Vec<Stay>,
    triggers: Vec<Trigger>,
    buckets: Vec<UsedBucket>,
    hints: Vec<Hint>,
    visits: Vec<VisitNote>,
    nights: Vec<Night>,
    anchor: Option<Anchor>,
    profile: Option<ProfileNote>,
    pushes: [DayPushes; 2],
    pushes_until: UtcMs,
}

impl DeviceEntry {
    /// What the table knows of a row's device.
    pub(super) fn of(table: &DeviceTable, row: &Row) -> Self {
        let annex = table.annex_of(row);
        Self {
            app: row.app,
            at: row.at,
            fixed_at: row.fixed_at,
            accuracy_m: row.accuracy_m,
            flags: row.flags,
            epoch: row.epoch,
            stays: table.stays.get(row.stays).to_vec(),
            triggers: table.triggers.get(annex.triggers).to_vec(),
            buckets: table.buckets.get(annex.buckets).to_vec(),
            hints: table.hints.get(annex.hints).to_vec(),
            visits: table.visits.get(annex.visits).to_vec(),
            nights: table.nights.get(annex.nights).to_vec(),
            anchor: annex.anchor,
            profile: annex.profile,
            pushes: annex.pushes,
            pushes_until: annex.pushes_until,
        }
    }

    /// Puts the device into the table, where it is not yet.
    pub(super) fn restore(self, key: DeviceKey, table: &mut DeviceTable) {
        let stays = spread(&mut table.stays, &self.stays);
        let annex = Annex {
            triggers: spread(&mut table.triggers, &self.triggers),
            buckets: spread(&mut table.buckets, &self.buckets),
            used: UsedMarks::of(&self.buckets),
            hints: spread(&mut table.hints, &self.hints),
            visits: spread(&mut table.visits, &self.visits),
            nights: spread(&mut table.nights, &self.nights),
            anchor: self.anchor,
            profile: self.profile,
            pushes: self.pushes,
            pushes_until: self.pushes_until,
        };
        let id = table.insert(Row {
            app: self.app,
            at: self.at,
            fixed_at: self.fixed_at,
            accuracy_m: self.accuracy_m,
            flags: self.flags,
            stays,
            ..Row::new(key, self.epoch)
        });
        table.set_annex(id, annex);
    }
}

/// A list that is there since a format.
fn since<T: Field>(first: u8, version: u8, reader: &mut Reader<'_>) -> Result<Vec<T>, Damaged> {
    if version >= first { Field::take(reader) } else { Ok(Vec::new()) }
}

/// A list no longer than a run can be: the file was written from one.
fn spread<T: Copy>(slab: &mut Slab<T>, records: &[T]) -> Run<T> {
    let mut run = Run::default();
    slab.replace(&mut run, records);
    run
}

impl DeviceEntry {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.app.put(out);
        self.at.put(out);
        self.fixed_at.put(out);
        (self.accuracy_m, self.flags, self.epoch).put(out);
        self.stays.put(out);
        self.triggers.put(out);
        self.buckets.put(out);
        self.hints.put(out);
        self.visits.put(out);
        self.nights.put(out);
        self.anchor.put(out);
        self.profile.put(out);
        self.pushes.iter().for_each(|of_day| of_day.put(out));
        self.pushes_until.put(out);
    }

    /// What is not yet in the format is empty.
    pub(super) fn take(reader: &mut Reader<'_>, version: u8) -> Result<Self, Damaged> {
        Ok(Self {
            app: Field::take(reader)?,
            at: Field::take(reader)?,
            fixed_at: Field::take(reader)?,
            accuracy_m: Field::take(reader)?,
            flags: Field::take(reader)?,
            epoch: Field::take(reader)?,
            stays: Field::take(reader)?,
            triggers: Field::take(reader)?,
            buckets: Field::take(reader)?,
            hints: Field::take(reader)?,
            visits: since(WITH_VISITS, version, reader)?,
            nights: since(WITH_NIGHTS, version, reader)?,
            anchor: Field::take(reader)?,
            profile: Field::take(reader)?,
            pushes: [Field::take(reader)?, Field::take(reader)?],
            pushes_until: Field::take(reader)?,
        })
    }
}
