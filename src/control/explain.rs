//! Why a device got a campaign's push or not: the question of an account, held against its catalog and put to
//! [`offline::explain`](crate::offline::explain).

use std::path::PathBuf;
use std::sync::Arc;

use crate::control::desk::Desk;
use crate::control::desk::uses::{About, Used, device_of};
use crate::control::documents::Campaign;
use crate::control::refusal::Refusal;
use crate::control::room::Room;
use crate::control::store::Purpose;
use crate::domain::ids::{AccountId, CampaignId, DeviceId, DeviceKey};
use crate::domain::turns::Turn;
use crate::identity::Keyring;
use crate::offline::explain::{FindSnapshot, Records};

pub use crate::offline::explain::{
    ExplainError, Explanation, Known, MOMENTS, MOST_MOMENTS, Question,
};

/// Explanations at a time: each reads a log from the disk, and holds a segment and a partition in memory.
const AT_ONCE: u32 = 2;

/// Of one account, so that others find room.
const AT_ONCE_OF_ONE: u32 = 1;

/// Explains from the records of a daemon. Cheap to clone.
#[derive(Clone)]
pub struct Explainer {
    journal: PathBuf,
    keyring: Keyring,
    find: Arc<FindSnapshot>,
    reading: Arc<Room>,
}

impl Explainer {
    /// From the folder with `log` and `checkpoints`; `find` loads snapshots.
    #[must_use]
    pub fn new(journal: PathBuf, keyring: Keyring, find: Arc<FindSnapshot>) -> Self {
        let reading = Arc::new(Room::of("explanations", AT_ONCE, AT_ONCE_OF_ONE));
        Self { journal, keyring, find, reading }
    }

    /// Leave for an account to read its records, if not too many do.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn leave(&self, account: AccountId) -> Result<Turn, Refusal> {
        self.reading.enter(account)
    }

    /// Answers. Blocks on the disk, for as long as it takes to read the log back.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub fn explain(&self, question: &Question, _leave: &Turn) -> Result<Explanation, ExplainError> {
        let (journal, keyring, find) = (&*self.journal, &self.keyring, &*self.find);
        crate::offline::explain::explain(Records { journal, keyring, find }, question)
    }
}

/// What was asked, as it was written.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    device: Option<String>,
    campaign: Option<String>,
    last: Option<String>,
}

/// What was asked, read.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    device: DeviceId,
    campaign: CampaignId,
    last: usize,
}

impl ExplainRequest {
    /// As a command line has it.
    #[must_use]
    pub fn of(device: &str, campaign: u32, last: usize) -> Self {
        Self {
            device: Some(device.to_owned()),
            campaign: Some(campaign.to_string()),
            last: Some(last.to_string()),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with the parameter that is missing or wrong.
    pub fn read(&self) -> Result<Asked, Refusal> {
        let device = device_of(self.device.as_deref().unwrap_or_default())?;
        let campaign = self.campaign.as_deref().unwrap_or_default();
        let campaign = campaign.parse().map_err(|_no_number| {
            let detail = format!("{campaign:?} is not the number of a campaign");
            Refusal::field("/campaign", detail)
        })?;
        let last = self.last.as_deref().map_or(Ok(MOMENTS), str::parse);
        let last = last.ok().filter(|last| (1..=MOST_MOMENTS).contains(last));
        let last = last.ok_or_else(|| {
            Refusal::field("/last", format!("allowed: a number of moments, 1 to {MOST_MOMENTS}"))
        })?;
        Ok(Asked { device, campaign: CampaignId(campaign), last })
    }
}

impl Asked {
    /// The question of an account, with what its catalog says of the campaign.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`] where the catalog has the account and not the campaign.
    pub fn of_desk(self, desk: &mut Desk<'_>) -> Result<Question, Refusal> {
        let shown = desk.document::<Campaign>(self.campaign.0)?;
        let known = Known { name: shown.document.name, state: shown.state };
        Ok(Question { known: Some(known), ..self.of_account(desk.account_id()) })
    }

    /// What the location of the device is used for.
    #[must_use]
    pub fn used(self) -> Used {
        let about = About { campaign: Some(self.campaign.0), ..About::default() };
        Used { purpose: Purpose::Explain, device: Some(self.device), about }
    }

    /// The question of an account whose campaigns come from files.
    #[must_use]
    pub fn of_account(self, account: AccountId) -> Question {
        let device = DeviceKey { account, device: self.device };
        Question { last: self.last, ..Question::new(device, self.campaign) }
    }
}
