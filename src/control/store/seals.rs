//! Which keys a catalog goes with.
//!
//! A device in it is one block, which opens under any key, to another device. So the catalog notes the check of each
//! master key that there is when somebody begins to seal or open devices in it; with a `keys.json` that lacks one of
//! them it is neither started nor put in place, and while there is none, none is made beside it. A catalog that holds
//! nothing of any device goes with all keys, and one from before there was a note with those that it meets first.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::record::DeviceList;
use super::schema::format_of;
use super::tx::StoreError;
use crate::identity::{KeyCheck, Keyring};

/// The first format that has the note.
const NOTED_FROM: u32 = 4;

/// The first format that tells who used the location of which device.
const USES_FROM: u32 = 3;

/// Echo codes are no devices of ours, and kept as they are.
const IS_LISTED: &str = "SELECT EXISTS (SELECT 1 FROM devices WHERE list <> ?1)";

/// Hashed under the installation key, which is in every check.
const IS_USED: &str = "SELECT EXISTS (SELECT 1 FROM location_uses WHERE device IS NOT NULL)";

/// What a catalog says of its keys.
#[derive(Debug)]
pub struct Seals {
    path: PathBuf,
    /// Whether it holds anything of a device.
    is_sealed: bool,
    /// By number, ascending.
    checks: Vec<(u16, KeyCheck)>,
}

impl Seals {
    pub(super) fn read(connection: &Connection, path: &Path) -> Result<Self, StoreError> {
        let format = format_of(connection)?;
        let unsealed = [DeviceList::EchoBlacklist as u8];
        let is_listed = || connection.query_row(IS_LISTED, unsealed, |row| row.get(0));
        let is_used = || connection.query_row(IS_USED, (), |row| row.get(0));
        let is_sealed = (format > 0 && is_listed()?) || (format >= USES_FROM && is_used()?);
        let mut checks = Vec::new();
        if format >= NOTED_FROM {
            let noted = "SELECT key_version, key_check FROM seals ORDER BY key_version";
            let mut noted = connection.prepare(noted)?;
            let rows = noted.query_map((), |row| Ok((row.get(0)?, KeyCheck(row.get(1)?))))?;
            checks = rows.collect::<Result<_, _>>()?;
        }
        Ok(Self { path: path.to_owned(), is_sealed, checks })
    }

    /// The keys in a folder, which must be those that it goes with; `None` where it goes with any.
    ///
    /// # Errors
    /// [`StoreError::Keys`] where there are none, or [`StoreError::OtherKeys`].
    pub fn keyring(&self, dir: &Path) -> Result<Option<Keyring>, StoreError> {
        if !self.is_sealed {
            return Ok(None);
        }
        let keyring = Keyring::sealing(&self.path, dir)?;
        self.agree(&keyring)?;
        Ok(Some(keyring))
    }

    fn agree(&self, keyring: &Keyring) -> Result<(), StoreError> {
        let is_there = |&&(version, check): &&(u16, KeyCheck)| {
            keyring.check(version).is_ok_and(|there| there == check)
        };
        match self.checks.iter().find(|noted| !is_there(noted)) {
            Some(&(version, check)) if self.is_sealed => {
                Err(StoreError::OtherKeys { path: self.path.clone(), version, check })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Puts these keys in the place of those that are noted, where the catalog goes with them.
pub(super) fn note(
    connection: &Connection,
    path: &Path,
    keyring: &Keyring,
) -> Result<(), StoreError> {
    let seals = Seals::read(connection, path)?;
    seals.agree(keyring)?;
    let checks = keyring.versions().map(|version| Ok((version, keyring.check(version)?)));
    let checks = checks.collect::<Result<Vec<_>, StoreError>>()?;
    if checks == seals.checks {
        return Ok(());
    }
    connection.execute("DELETE FROM seals", ())?;
    let mut insert =
        connection.prepare("INSERT INTO seals (key_version, key_check) VALUES (?1, ?2)")?;
    for (version, KeyCheck(check)) in checks {
        insert.execute((version, check))?;
    }
    Ok(())
}
