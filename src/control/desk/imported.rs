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
                for member in self.members(group)? {
                    self.tx.delete(self.key(Kind::Geofence, member))?;
                }
            }
            (ImportOf::Segment, Some(segment)) => {
                self.record(Kind::Segment, segment)?;
                self.tx.clear_devices((self.key(Kind::Segment, segment), DeviceList::Segment))?;
            }
            _ => {}
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
        let waiting = matches!(record.content.state.as_str(), "checking" | "partly_failed");
        if waiting {
            self.follow_import(id, "failed", |_| {})?;
        }
        self.tx.delete(record.key)?;
        self.note("delete", record.key, &record.content.body, "")?;
        Ok(())
    }
}
