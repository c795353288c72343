//! What the SQLite catalog notes for those who ask later: changes, and uses of the location of people.

use rusqlite::types::{Type, Value};
use rusqlite::{Row, params, params_from_iter};

use super::record::AuditEntry;
use super::sqlite_tx::{SqliteTx, kind_at};
use super::tx::StoreError;
use super::uses::{LocationUse, Purpose, UseQuery};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

impl SqliteTx<'_> {
    pub(super) fn insert_note(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO audit (account, at, by, action, kind, id, before, after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                entry.account.0,
                entry.at.0,
                entry.by,
                entry.action,
                entry.kind as u8,
                entry.id,
                entry.before,
                entry.after
            ],
        )?;
        Ok(())
    }

    pub(super) fn notes_before(
        &self,
        account: AccountId,
        before: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.many(
            "SELECT seq, account, at, by, action, kind, id, before, after FROM audit
             WHERE account = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            params![account.0, signed(before), limit],
            read_note,
        )
    }

    pub(super) fn insert_use(&self, used: &LocationUse) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO location_uses (account, at, by, purpose, device, about)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                used.account.0,
                used.at.0,
                used.by,
                used.purpose as u8,
                used.device.map(u64::cast_signed),
                used.about
            ],
        )?;
        Ok(())
    }

    pub(super) fn uses_of(&self, query: &UseQuery) -> Result<Vec<LocationUse>, StoreError> {
        let mut values: Vec<Value> = vec![
            query.account.0.into(),
            signed(query.before).into(),
            query.span.0.0.into(),
            query.span.1.0.into(),
        ];
        let mut sql = "SELECT seq, account, at, by, purpose, device, about FROM location_uses
             WHERE account = ? AND seq < ? AND at >= ? AND at < ?"
            .to_owned();
        let device = query.device.map(|device| ("device", device.cast_signed()));
        let purpose = query.purpose.map(|purpose| ("purpose", i64::from(purpose as u8)));
        for (column, value) in device.into_iter().chain(purpose) {
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(value.into());
        }
        sql.push_str(" ORDER BY seq DESC LIMIT ?");
        values.push(query.limit.into());
        self.many(&sql, params_from_iter(values), read_use)
    }

    pub(super) fn count_uses_since(
        &self,
        account: AccountId,
        since: UtcMs,
    ) -> Result<u64, StoreError> {
        let counted = self.one(
            "SELECT count(*) FROM location_uses WHERE account = ?1 AND at >= ?2",
            params![account.0, since.0],
            |row| row.get(0),
        )?;
        Ok(counted.unwrap_or(0))
    }

    pub(super) fn erase_from_uses(
        &self,
        account: AccountId,
        members: &[u64],
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE location_uses SET device = NULL WHERE account = ?1 AND device = ?2";
        let mut erased = 0;
        for member in members {
            erased += self.run(sql, params![account.0, member.cast_signed()])? as u64;
        }
        Ok(erased)
    }

    /// The oldest are looked at alone, so that it costs the same however many there are.
    pub(super) fn remove_uses(&self, before: UtcMs, limit: u32) -> Result<u64, StoreError> {
        let removed = self.run(
            "DELETE FROM location_uses WHERE at < ?1 AND seq IN
             (SELECT seq FROM location_uses ORDER BY seq LIMIT ?2)",
            params![before.0, limit],
        )?;
        Ok(removed as u64)
    }
}

/// The database's numbers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read_note(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        seq: row.get(0)?,
        account: AccountId(row.get(1)?),
        at: UtcMs(row.get(2)?),
        by: row.get(3)?,
        action: row.get(4)?,
        kind: kind_at(row, 5)?,
        id: row.get(6)?,
        before: row.get(7)?,
        after: row.get(8)?,
    })
}

fn read_use(row: &Row<'_>) -> rusqlite::Result<LocationUse> {
    let number: u8 = row.get(4)?;
    let purpose = Purpose::from_number(number).ok_or_else(|| {
        let unknown = StoreError::Corrupt(format!("a use for the unknown purpose {number}"));
        rusqlite::Error::FromSqlConversionFailure(4, Type::Integer, Box::new(unknown))
    })?;
    Ok(LocationUse {
        seq: row.get(0)?,
        account: AccountId(row.get(1)?),
        at: UtcMs(row.get(2)?),
        by: row.get(3)?,
        purpose,
        device: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
        about: row.get(6)?,
    })
}
