//! A partition out of its checkpoint: where recovery and `replay --journal` begin.

use crate::domain::ids::{AccountId, DeviceId, DeviceKey};
use crate::engine::Partition;
use crate::engine::state::{DeviceSeal, SEALED_LEN, newer_format};
use crate::identity::{Keyring, SealedDevice, Sealer};
use crate::journal::Checkpoint;

/// Why a checkpoint that is whole holds no state for us.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A newer release wrote it.
    #[error(
        "the checkpoint of partition {partition} holds a state of format {format}, newer than this release \
         reads; run the newer release"
    )]
    Newer {
        /// Whose it is.
        partition: u8,
        /// Its format.
        format: u8,
    },
    /// It is no state.
    #[error("the checkpoint of partition {partition} holds no state: {reason}")]
    Damaged {
        /// Whose it is.
        partition: u8,
        /// What is wrong.
        reason: String,
    },
}

/// Reads the state in a checkpoint.
///
/// # Errors
/// [`RestoreError`].
pub fn partition_of(checkpoint: &Checkpoint, keyring: &Keyring) -> Result<Partition, RestoreError> {
    let (id, state) = (checkpoint.mark.partition, checkpoint.state());
    if let Some(format) = newer_format(state) {
        return Err(RestoreError::Newer { partition: id.0, format });
    }
    let mut seal = AtRest(keyring.sealer());
    Partition::read_state(id, keyring.installation_key(), &mut seal, state)
        .map_err(|reason| RestoreError::Damaged { partition: id.0, reason: reason.to_string() })
}

/// Opens devices as the shard sealed them.
struct AtRest(Sealer);

impl DeviceSeal for AtRest {
    fn seal(&mut self, device: DeviceKey) -> [u8; SEALED_LEN] {
        self.0.seal(device).to_bytes()
    }

    fn open(&mut self, account: u32, sealed: &[u8; SEALED_LEN]) -> Option<DeviceId> {
        self.0.open(AccountId(account), SealedDevice::from_bytes(*sealed)).ok()
    }
}
