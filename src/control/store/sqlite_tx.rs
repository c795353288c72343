//! A transaction of the SQLite catalog: each question as one statement.

use rusqlite::{OptionalExtension as _, Row, Transaction, params, params_from_iter};

use super::record::{AuditEntry, Content, DeviceList, Key, Kind, Link, Query, Record, Remembered};
use super::sqlite_query::select;
use super::tx::{Moment, StoreError, Tx, Visit};
use super::uses::{LocationUse, UseQuery};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::SealedDevice;

/// What is read of a record, in this order.
const COLUMNS: &str = "r.account, r.kind, r.id, revision, created_at, updated_at, name, code, natural_key, state, body";

/// A transaction that is under way.
pub(super) struct SqliteTx<'c> {
    transaction: &'c Transaction<'c>,
}

impl<'c> SqliteTx<'c> {
    pub(super) fn new(transaction: &'c Transaction<'c>) -> Self {
        Self { transaction }
    }

    pub(super) fn run(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<usize, StoreError> {
        Ok(self.transaction.prepare_cached(sql)?.execute(params)?)
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.transaction.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    pub(super) fn many<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn next_number(&self, account: AccountId, kind: Kind) -> Result<u32, StoreError> {
        let dealt = self.one(
            "INSERT INTO numbers (account, kind, last) VALUES (?1, ?2, 1)
             ON CONFLICT (account, kind) DO UPDATE SET last = last + 1 RETURNING last",
            params![account.0, kind as u8],
            |row| row.get(0),
        )?;
        dealt.ok_or_else(|| StoreError::Corrupt("no number was dealt".to_owned()))
    }

    /// Notes that a record is not what it was.
    fn touch(&self, key: Key) -> Result<(), StoreError> {
        // They come and go by the thousand, and nobody keeps any.
        if matches!(key.kind, Kind::Notice | Kind::ReportFile) {
            return Ok(());
        }
        let sql = "INSERT OR REPLACE INTO changes (account, kind, id) VALUES (?1, ?2, ?3)";
        self.run(sql, params![key.account.0, key.kind as u8, key.id]).map(drop)
    }

    /// The one that stands in the way of a natural key.
    fn refuse_twice(&self, key: Key, natural: Option<&str>) -> Result<(), StoreError> {
        let Some(natural) = natural else { return Ok(()) };
        let taken = self.one(
            "SELECT id FROM records WHERE account = ?1 AND kind = ?2 AND natural_key = ?3 AND id <> ?4",
            params![key.account.0, key.kind as u8, natural, key.id],
            |row| row.get(0),
        )?;
        match taken {
            Some(id) => {
                Err(StoreError::Duplicate { kind: key.kind, id, natural: natural.to_owned() })
            }
            None => Ok(()),
        }
    }
}

impl Tx for SqliteTx<'_> {
    fn get(&mut self, key: Key) -> Result<Option<Record>, StoreError> {
        self.one(
            &format!(
                "SELECT {COLUMNS} FROM records r WHERE r.account = ?1 AND r.kind = ?2 AND r.id = ?3"
            ),
            params![key.account.0, key.kind as u8, key.id],
            read_record,
        )
    }

    fn find(
        &mut self,
        account: AccountId,
        kind: Kind,
        natural: &str,
    ) -> Result<Option<Record>, StoreError> {
        self.one(
            &format!(
                "SELECT {COLUMNS} FROM records r WHERE account = ?1 AND kind = ?2 AND natural_key = ?3"
            ),
            params![account.0, kind as u8, natural],
            read_record,
        )
    }

    fn scan(&mut self, query: &Query, visit: Visit<'_>) -> Result<(), StoreError> {
        let (sql, values) = select(query, COLUMNS);
        let mut statement = self.transaction.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            visit(read_record(row)?)?;
        }
        Ok(())
    }

    fn count(&mut self, query: &Query) -> Result<u64, StoreError> {
        let counted = Query { after: None, limit: u32::MAX, ..query.clone() };
        let (sql, values) = select(&counted, "1");
        let sql = format!("SELECT count(*) FROM ({sql})");
        Ok(self.one(&sql, params_from_iter(values), |row| row.get(0))?.unwrap_or(0))
    }

    fn insert(
        &mut self,
        (account, kind): (AccountId, Kind),
        content: Content,
        at: UtcMs,
    ) -> Result<Record, StoreError> {
        self.refuse_twice(Key::new(account, kind, 0), content.natural.as_deref())?;
        let key = Key::new(account, kind, self.next_number(account, kind)?);
        self.run(
            "INSERT INTO records (account, kind, id, revision, created_at, updated_at, name, code, folded,
                                  natural_key, state, body)
             VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                account.0,
                kind as u8,
                key.id,
                at.0,
                content.name,
                content.code,
                folded(&content),
                content.natural,
                content.state,
                content.body
            ],
        )?;
        self.touch(key)?;
        Ok(Record { key, revision: 1, created_at: at, updated_at: at, content })
    }

    fn update(&mut self, key: Key, content: Content, at: UtcMs) -> Result<Record, StoreError> {
        self.refuse_twice(key, content.natural.as_deref())?;
        let changed = self.one(
            "UPDATE records SET revision = revision + 1, updated_at = ?4, name = ?5, code = ?6, folded = ?7,
                                natural_key = ?8, state = ?9, body = ?10
             WHERE account = ?1 AND kind = ?2 AND id = ?3 RETURNING revision, created_at",
            params![
                key.account.0,
                key.kind as u8,
                key.id,
                at.0,
                content.name,
                content.code,
                folded(&content),
                content.natural,
                content.state,
                content.body
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (revision, created_at) = changed.ok_or(StoreError::Gone(key))?;
        self.touch(key)?;
        Ok(Record { key, revision, created_at: UtcMs(created_at), updated_at: at, content })
    }

    fn delete(&mut self, key: Key) -> Result<(), StoreError> {
        let which = params![key.account.0, key.kind as u8, key.id];
        for table in ["links", "devices"] {
            let sql = format!("DELETE FROM {table} WHERE account = ?1 AND kind = ?2 AND id = ?3");
            self.run(&sql, which)?;
        }
        let sql = "DELETE FROM records WHERE account = ?1 AND kind = ?2 AND id = ?3";
        if self.run(sql, which)? == 0 {
            return Err(StoreError::Gone(key));
        }
        self.touch(key)
    }

    fn moment(&mut self) -> Result<Moment, StoreError> {
        let last = self.one("SELECT coalesce(max(seq), 0) FROM changes", (), |row| row.get(0))?;
        Ok(Moment(last.unwrap_or(0)))
    }

    fn changed_after(
        &mut self,
        account: AccountId,
        moment: Moment,
    ) -> Result<Vec<Key>, StoreError> {
        // The plus keeps SQLite from going through all changes of the account.
        let found = self.many(
            "SELECT kind, id FROM changes WHERE seq > ?2 AND +account = ?1 ORDER BY kind, id",
            params![account.0, moment.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        found.into_iter().map(|(kind, id)| Ok(Key::new(account, known(kind)?, id))).collect()
    }

    fn link(&mut self, from: Key, to: &[Link]) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM links WHERE account = ?1 AND kind = ?2 AND id = ?3",
            params![from.account.0, from.kind as u8, from.id],
        )?;
        for link in to {
            self.run(
                "INSERT OR IGNORE INTO links (account, kind, id, to_kind, to_id) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![from.account.0, from.kind as u8, from.id, link.kind as u8, link.id],
            )?;
        }
        Ok(())
    }

    fn linked_to(&mut self, to: Key, limit: u32) -> Result<Vec<Key>, StoreError> {
        let found = self.many(
            "SELECT kind, id FROM links WHERE account = ?1 AND to_kind = ?2 AND to_id = ?3
             ORDER BY kind, id LIMIT ?4",
            params![to.account.0, to.kind as u8, to.id, limit],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        found.into_iter().map(|(kind, id)| Ok(Key::new(to.account, known(kind)?, id))).collect()
    }

    fn add_devices(
        &mut self,
        (key, list): (Key, DeviceList),
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError> {
        let sql = "INSERT OR IGNORE INTO devices (account, kind, id, list, device) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.for_each_device((key, list), devices, sql)
    }

    fn remove_devices(
        &mut self,
        (key, list): (Key, DeviceList),
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError> {
        let sql = "DELETE FROM devices WHERE account = ?1 AND kind = ?2 AND id = ?3 AND list = ?4 AND device = ?5";
        self.for_each_device((key, list), devices, sql)
    }

    fn erase_devices(
        &mut self,
        account: AccountId,
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError> {
        self.erase_from_lists(account, devices)
    }

    fn clear_devices(&mut self, (key, list): (Key, DeviceList)) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM devices WHERE account = ?1 AND kind = ?2 AND id = ?3 AND list = ?4",
            params![key.account.0, key.kind as u8, key.id, list as u8],
        )?;
        Ok(())
    }

    fn move_devices(
        &mut self,
        (key, list): (Key, DeviceList),
        to: DeviceList,
    ) -> Result<(), StoreError> {
        self.clear_devices((key, to))?;
        self.run(
            "UPDATE devices SET list = ?5 WHERE account = ?1 AND kind = ?2 AND id = ?3 AND list = ?4",
            params![key.account.0, key.kind as u8, key.id, list as u8, to as u8],
        )?;
        Ok(())
    }

    fn devices(
        &mut self,
        (key, list): (Key, DeviceList),
        after: Option<SealedDevice>,
        limit: u32,
    ) -> Result<Vec<SealedDevice>, StoreError> {
        let after = after.map(SealedDevice::to_bytes);
        let after = after.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        let blobs: Vec<[u8; SealedDevice::LEN]> = self.many(
            "SELECT device FROM devices WHERE account = ?1 AND kind = ?2 AND id = ?3 AND list = ?4
             AND device > ?5 ORDER BY device LIMIT ?6",
            params![key.account.0, key.kind as u8, key.id, list as u8, after, limit],
            |row| row.get(0),
        )?;
        Ok(blobs.into_iter().map(SealedDevice::from_bytes).collect())
    }

    fn count_devices(&mut self, (key, list): (Key, DeviceList)) -> Result<u64, StoreError> {
        let counted = self.one(
            "SELECT count(*) FROM devices WHERE account = ?1 AND kind = ?2 AND id = ?3 AND list = ?4",
            params![key.account.0, key.kind as u8, key.id, list as u8],
            |row| row.get(0),
        )?;
        Ok(counted.unwrap_or(0))
    }

    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.insert_note(entry)
    }

    fn notes(
        &mut self,
        account: AccountId,
        before: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.notes_before(account, before, limit)
    }

    fn note_use(&mut self, used: &LocationUse) -> Result<(), StoreError> {
        self.insert_use(used)
    }

    fn uses(&mut self, query: &UseQuery) -> Result<Vec<LocationUse>, StoreError> {
        self.uses_of(query)
    }

    fn count_uses(&mut self, account: AccountId, since: UtcMs) -> Result<u64, StoreError> {
        self.count_uses_since(account, since)
    }

    fn erase_from_uses(&mut self, account: AccountId, members: &[u64]) -> Result<u64, StoreError> {
        Self::erase_from_uses(self, account, members)
    }

    fn forget_uses(&mut self, before: UtcMs, limit: u32) -> Result<u64, StoreError> {
        self.remove_uses(before, limit)
    }

    fn recall(&mut self, account: AccountId, key: &str) -> Result<Option<Remembered>, StoreError> {
        self.one(
            "SELECT request, kind, id, at FROM answers WHERE account = ?1 AND key = ?2",
            params![account.0, key],
            |row| {
                let kind = kind_at(row, 1)?;
                // An account's own record belongs to the installation.
                let owner =
                    if kind == Kind::Account { super::record::INSTALLATION } else { account };
                let made = Key::new(owner, kind, row.get(2)?);
                Ok(Remembered { request: row.get(0)?, made, at: UtcMs(row.get(3)?) })
            },
        )
    }

    fn forget_answers(&mut self, made: Key) -> Result<(), StoreError> {
        let sql = "DELETE FROM answers WHERE account = ?1 AND kind = ?2 AND id = ?3";
        self.run(sql, params![made.account.0, made.kind as u8, made.id]).map(drop)
    }

    fn remember(
        &mut self,
        (account, key): (AccountId, &str),
        answer: &Remembered,
        forget_before: UtcMs,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM answers WHERE at < ?1", params![forget_before.0])?;
        self.run(
            "INSERT OR REPLACE INTO answers (account, key, request, kind, id, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                account.0,
                key,
                answer.request,
                answer.made.kind as u8,
                answer.made.id,
                answer.at.0
            ],
        )?;
        Ok(())
    }
}

/// What the search looks in. Unicode's lower case, which the database's own does not know.
fn folded(content: &Content) -> String {
    format!("{}\n{}", content.name, content.code).to_lowercase()
}

fn read_record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let key = Key::new(AccountId(row.get(0)?), kind_at(row, 1)?, row.get(2)?);
    Ok(Record {
        key,
        revision: row.get(3)?,
        created_at: UtcMs(row.get(4)?),
        updated_at: UtcMs(row.get(5)?),
        content: Content {
            name: row.get(6)?,
            code: row.get(7)?,
            natural: row.get(8)?,
            state: row.get(9)?,
            body: row.get(10)?,
        },
    })
}

pub(super) fn kind_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Kind> {
    let number: u8 = row.get(column)?;
    known(number).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Integer,
            Box::new(error),
        )
    })
}

fn known(number: u8) -> Result<Kind, StoreError> {
    Kind::from_number(number)
        .ok_or_else(|| StoreError::Corrupt(format!("a record of the unknown kind {number}")))
}
