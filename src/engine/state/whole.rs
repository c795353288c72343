//! The state of a whole partition: its own fields, then one entry per device.
//!
//! Called by the shard for a checkpoint and by recovery; the bytes are what the checkpoint file holds.

use crate::domain::ids::{DeviceId, DeviceKey, PartitionId};
use crate::domain::lots::InstallationKey;
use crate::domain::policy::Policy;

use crate::engine::partition::Partition;

use super::entries::DeviceEntry;
use super::field::{Damaged, Field, Reader, list_len};

/// How a device is written at rest: sealed under its account's key, with the key's version.
pub trait DeviceSeal {
    /// Seals a device.
    fn seal(&mut self, device: DeviceKey) -> [u8; SEALED_LEN];
    /// Opens it again; `None` when no such key exists.
    fn open(&mut self, account: u32, sealed: &[u8; SEALED_LEN]) -> Option<DeviceId>;
}

/// Key version (2 bytes) and one cipher block (16).
pub const SEALED_LEN: usize = 18;

/// The format this release writes. It reads those before, too.
const VERSION: u8 = 5;

/// The oldest format it reads, which has one pause of evictions for all.
const OLDEST: u8 = 1;

/// The format of a state that a newer release wrote; `None` if this one may read it.
#[must_use]
pub fn newer_format(bytes: &[u8]) -> Option<u8> {
    bytes.first().copied().filter(|&version| version > VERSION)
}

impl Partition {
    /// Appends the state to `out`.
    pub fn write_state(&self, seal: &mut dyn DeviceSeal, out: &mut Vec<u8>) {
        VERSION.put(out);
        self.seq.0.put(out);
        self.epoch.0.put(out);
        self.hash.0.put(out);
        self.published_at.put(out);
        self.clock.0.put(out);
        self.table.sweep_after.0.put(out);
        self.table.crowd_sweep_after.0.put(out);
        let policy = serde_json::to_vec(&self.policy).expect("a policy is plain numbers");
        list_len(policy.len()).put(out);
        out.extend_from_slice(&policy);
        let senders = self.origins.in_order_of_use();
        list_len(senders.len()).put(out);
        senders.iter().for_each(|sender| sender.put(out));
        list_len(self.grants.states().len()).put(out);
        self.grants.states().iter().for_each(|state| state.put(out));
        list_len(self.table.len()).put(out);
        for row in self.table.rows() {
            row.key.account.put(out);
            out.extend_from_slice(&seal.seal(row.key));
            DeviceEntry::of(&self.table, row).put(out);
        }
    }

    /// Reads a state that [`Partition::write_state`] wrote.
    ///
    /// # Errors
    /// [`Damaged`] with what was being read and where, for bytes that are none.
    pub fn read_state(
        id: PartitionId,
        key: InstallationKey,
        seal: &mut dyn DeviceSeal,
        bytes: &[u8],
    ) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let version = u8::take(&mut reader)?;
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(reader.damaged("a format version that this release reads (1 to 5)"));
        }
        let (seq, epoch, hash) = Field::take(&mut reader)?;
        let (published_at, clock, sweep_after) = Field::take(&mut reader)?;
        let crowd_sweep_after =
            if version == OLDEST { sweep_after } else { Field::take(&mut reader)? };
        let policy_len = reader.len(1)?;
        let policy: Policy = serde_json::from_slice(reader.bytes(policy_len)?)
            .map_err(|reason| reader.damaged(&format!("a policy ({reason})")))?;
        let mut partition = Self::new(id, key, policy);
        (partition.seq, partition.epoch, partition.hash) = (seq, epoch, hash);
        partition.published_at = published_at;
        (partition.clock, partition.table.sweep_after) = (clock, sweep_after);
        partition.table.crowd_sweep_after = crowd_sweep_after;
        for _ in 0..reader.len(32)? {
            let (sender, seq) = Field::take(&mut reader)?;
            partition.origins.insert(sender, seq);
        }
        for _ in 0..reader.len(25)? {
            partition.grants.restore(Field::take(&mut reader)?);
        }
        for _ in 0..reader.len(SEALED_LEN)? {
            partition.read_device(seal, &mut reader, version)?;
        }
        reader.finish()?;
        partition.reset_timers();
        Ok(partition)
    }

    fn read_device(
        &mut self,
        seal: &mut dyn DeviceSeal,
        reader: &mut Reader<'_>,
        version: u8,
    ) -> Result<(), Damaged> {
        let account = Field::take(reader)?;
        let sealed = Field::take(reader)?;
        let crate::domain::ids::AccountId(number) = account;
        let device = seal
            .open(number, &sealed)
            .ok_or_else(|| reader.damaged("a device sealed under a key of this installation"))?;
        let key = DeviceKey { account, device };
        if self.table.find(key).is_some() || key.partition() != self.id {
            return Err(reader.damaged("a device of this partition, once"));
        }
        let entry = DeviceEntry::take(reader, version)?;
        entry.restore(key, &mut self.table);
        Ok(())
    }
}
