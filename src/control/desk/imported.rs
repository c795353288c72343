//! What files bring: rows that were checked when they were read, put in without asking again.

use super::changes::content;
use super::desk::Desk;
use super::rules::Ruled;
use crate::control::documents::address::plain;
use crate::control::documents::{Address, Import};
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::refusal::Refusal;
use crate::control::store::{Content, DeviceList, Key, Kind, Link, Query, Record, StoreError};
use crate::identity::SealedDevice;

impl Desk<'_> {
    /// Puts a document in, in the place of the one with this number, or as a new one. Gives its number.
    pub(in crate::control) fn put_imported<D: Ruled>(
        &mut self,
        there: Option<u32>,
        document: &D,
    ) -> Result<u32, Refusal> {
        let content = content(document, D::FIRST_STATE);
        let now = self.actor.now;
        let record = match there {
            Some(number) => self.tx.update(self.key(D::KIND, number), content, now)?,
            None => self.tx.insert((self.account_id(), D::KIND), content, now)?,
        };
        let links: Vec<Link> = document.needs().into_iter().map(|need| need.link).collect();
        self.tx.link(record.key, &links)?;
        Ok(record.key.id)
    }

    /// The number of the record that nobody else may be.
    pub(in crate::control) fn number_of(
        &mut self,
        kind: Kind,
        natural: &str,
    ) -> Result<Option<u32>, StoreError> {
        let found = self.tx.find(self.account_id(), kind, natural)?;
        Ok(found.map(|record| record.key.id))
    }

    /// Where the first of these addresses is that the account's table has: latitude and longitude, degrees.
    pub(in crate::control) fn locate(
        &mut self,
        addresses: [Option<&str>; 2],
    ) -> Result<Option<(f64, f64)>, Refusal> {
        for address in addresses.into_iter().flatten() {
            let found = self.tx.find(self.account_id(), Kind::Address, &plain(address))?;
            if let Some(record) = found {
                let Address { lat, lon, .. } = Self::read(&record)?;
                return Ok(Some((lat, lon)));
            }
        }
        Ok(None)
    }

    /// Adds sealed devices to a list.
    pub(in crate::control) fn add_devices(
        &mut self,
        list: (Key, DeviceList),
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError> {
        self.tx.add_devices(list, devices)
    }

    /// Empties what an import fills.
    pub(in crate::control) fn clear_imported(&mut self, import: &Import) -> Result<(), Refusal> {
        match (import.of, import.into) {
            (ImportOf::Group, Some(group)) => {
                self.record(Kind::Group, group)?;
                self.may_be_filled(group)?;
                self.delete_parts(self.key(Kind::Group, group), Some(Kind::Geofence))?;
            }
            (ImportOf::Segment, Some(segment)) => {
                self.record(Kind::Segment, segment)?;
                let key = self.key(Kind::Segment, segment);
                self.tx.clear_devices((key, DeviceList::SegmentToBe))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts what an import has filled aside in the place of what was there, all at once.
    pub(in crate::control) fn put_in_place(&mut self, import: &Import) -> Result<(), Refusal> {
        if let (ImportOf::Segment, Some(segment)) = (import.of, import.into) {
            let key = self.key(Kind::Segment, segment);
            self.tx.move_devices((key, DeviceList::SegmentToBe), DeviceList::Segment)?;
        }
        Ok(())
    }

    /// Refuses a file for a group that a running campaign uses, or whose geofences others use by themselves.
    pub(in crate::control) fn may_be_filled(&mut self, group: u32) -> Result<(), Refusal> {
        self.refuse_active(self.key(Kind::Group, group))?;
        for member in self.members(group)? {
            self.refuse_used(self.key(Kind::Geofence, member), None)?;
        }
        Ok(())
    }

    /// Replaces a record's content.
    pub(in crate::control) fn update(
        &mut self,
        key: Key,
        content: Content,
    ) -> Result<Record, StoreError> {
        self.tx.update(key, content, self.actor.now)
    }

    /// Goes through records.
    pub(in crate::control) fn scan(
        &mut self,
        query: &Query,
        visit: &mut dyn FnMut(Record) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.tx.scan(query, visit)
    }

    /// Takes an import away, and what it was to fill out of its waiting state.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn give_up_import(&mut self, id: u32) -> Result<(), Refusal> {
        let record = self.record(Kind::Import, id)?;
        self.leave_off(id, "it was deleted")?;
        self.tx.delete(record.key)?;
        self.note("delete", record.key, &record.content.body, "")?;
        Ok(())
    }
}
