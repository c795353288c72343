//! What is asked, and why there may be no answer.

use std::path::Path;
use std::sync::Arc;

use super::answer::Explanation;
use super::log::Begun;
use super::telling::told;
use super::walk::Walked;
use crate::domain::ids::{AccountId, CampaignId, DeviceKey, Epoch};
use crate::identity::{KeyError, Keyring};
use crate::journal::JournalError;
use crate::offline::rerun::RerunError;
use crate::offline::restore::RestoreError;
use crate::snapshot::load::Loaded;
use crate::snapshot::store::StoreError;

/// Moments that are told where nothing else is asked for: a walk past a store is a few fixes.
pub const MOMENTS: usize = 20;

/// Moments that are told at most: each keeps the snapshot that decided it in memory.
pub const MOST_MOMENTS: usize = 100;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub device: DeviceKey,
    /// Which campaign of the same account.
    pub campaign: CampaignId,
    /// How many of the last moments to tell, 1 to [`MOST_MOMENTS`].
    pub last: usize,
    /// What the catalog says of the campaign, where it is in one.
    pub known: Option<Known>,
}

/// What the catalog says of a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Waiting, testing, running or ended.
    pub state: String,
}

impl Question {
    /// About a device and a campaign of an account.
    #[must_use]
    pub fn new(device: DeviceKey, campaign: CampaignId) -> Self {
        Self { device, campaign, last: MOMENTS, known: None }
    }

    /// Whose device and campaign.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.device.account
    }
}

/// Loads a snapshot by its number; what the other one has of it is not loaded again.
pub type FindSnapshot = dyn Fn(Epoch, Option<&Loaded>) -> Result<Arc<Loaded>, String> + Send + Sync;

/// Where the records of a daemon are.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The folder with `log` and `checkpoints`.
    pub journal: &'a Path,
    /// What they are sealed with.
    pub keyring: &'a Keyring,
    /// Where snapshots are found.
    pub find: &'a FindSnapshot,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such campaign, as far as anybody knows.
    #[error("there is no campaign {campaign} of account {account}")]
    NoCampaign {
        /// Which.
        campaign: CampaignId,
        /// Whose it would be.
        account: AccountId,
    },
    /// The keys can't be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The log or a checkpoint can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A checkpoint holds no state.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A snapshot is gone.
    #[error(transparent)]
    Rerun(#[from] RerunError),
    /// There are no snapshots.
    #[error(transparent)]
    Snapshots(#[from] StoreError),
}

/// Answers the question. Blocks on the disk, for as long as it takes to read the log back.
///
/// # Errors
/// [`ExplainError`].
pub fn explain(records: Records<'_>, question: &Question) -> Result<Explanation, ExplainError> {
    let mut tries = 1;
    loop {
        match walked(records, question) {
            Ok(walked) => return told(question, &walked),
            // A daemon that runs trims its log, begins segments and replaces checkpoints between the look and the
            // reading. What is really damaged is so the next time, too.
            Err(ExplainError::Journal(_)) if tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A daemon has not so much to change that somebody would be overtaken more often in a row.
const TRIES: u32 = 4;

/// From as early as the records allow.
fn walked(records: Records<'_>, question: &Question) -> Result<Walked, ExplainError> {
    let Records { journal, keyring, find } = records;
    let whole = Begun::whole_log(journal, keyring, question.device.partition())?;
    let from_start = whole.map(|begun| begun.walk(find, question));
    match from_start {
        // An early snapshot may be gone, or a device erased from the log further on: what comes later may do.
        Some(Err(ExplainError::Rerun(_) | ExplainError::Journal(JournalError::Erased { .. })))
        | None => {
            Begun::checkpoint(journal, keyring, question.device.partition())?.walk(find, question)
        }
        Some(walked) => walked,
    }
}
