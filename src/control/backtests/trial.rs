//! One draft, from the catalog through the recording to its report.

use std::path::Path;

use super::report::BacktestReport;
use crate::control::compiler::{CompileError, Known, compile_draft};
use crate::control::documents::document;
use crate::control::documents::{Account, Campaign};
use crate::control::store::{Key, StoreError, Tx};
use crate::domain::ids::{AccountId, CampaignId};
use crate::identity::{KeyError, Keyring};
use crate::offline::backtest::{BacktestError, Draft, backtest};
use crate::offline::recording::{Recording, RecordingError};
use crate::snapshot::build::Source;
use crate::snapshot::source::TargetDirectory;

/// A draft that is compiled.
pub struct Trial {
    draft: Draft,
    account: Account,
    /// What the campaign is called.
    name: String,
}

/// Why nothing came of a draft.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The account is gone.
    #[error("account {0} is not in the catalog any more")]
    NoAccount(AccountId),
    /// The draft, or a campaign that it is to run beside, makes no targets.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The catalog can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys can't be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The recording can't be opened.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// It can't be gone through.
    #[error(transparent)]
    Backtest(#[from] BacktestError),
    /// Nothing is recorded.
    #[error(
        "the journal holds no pings of account {0}; let the daemon keep them with journal.keep_recording_bytes, and \
         try again when some have come"
    )]
    NothingRecorded(AccountId),
}

impl Trial {
    /// Compiles a draft beside the campaigns that run.
    ///
    /// # Errors
    /// [`TrialError`].
    pub fn compile(
        tx: &mut dyn Tx,
        account: AccountId,
        known: Known<'_>,
        (campaign, document): (CampaignId, Campaign),
    ) -> Result<Self, TrialError> {
        let name = document.name.clone();
        let record = tx.get(Key::of_account(account))?.ok_or(TrialError::NoAccount(account))?;
        let settings = document::read(&record)?;
        // Numbers of its own: what snapshots have dealt to others must make no difference.
        let mut directory = TargetDirectory::of_account(None, account);
        let deal = |key: &str| directory.id_of(account, key);
        let compiled = compile_draft(tx, account, known, (campaign, document), deal)?;
        let compiled = compiled.ok_or(TrialError::NoAccount(account))?;
        let source = Source {
            accounts: vec![compiled.account],
            targets: compiled.targets,
            campaigns: compiled.campaigns,
        };
        Ok(Self { draft: Draft { source, campaign, account }, account: settings, name })
    }

    /// Goes through the recording below `dir`, the folder of the journal. `go_on` hears how much is done, in parts of
    /// a thousand, and says whether to.
    ///
    /// # Errors
    /// [`TrialError`].
    pub fn run(
        self,
        dir: &Path,
        keyring: &Keyring,
        go_on: impl FnMut(u16) -> bool,
    ) -> Result<BacktestReport, TrialError> {
        let Self { draft, account, name } = self;
        let (whose, campaign) = (draft.account, draft.campaign);
        let beside = draft.source.campaigns.iter().map(|one| one.id).filter(|id| *id != campaign);
        let beside: Vec<u32> = beside.map(|id| id.0).collect();
        let recording = Recording::open(dir, keyring)?;
        let tested = backtest(recording, draft, keyring.installation_key(), go_on)?;
        let Some(span) = tested.span.filter(|_| tested.pings > 0) else {
            return Err(TrialError::NothingRecorded(whose));
        };
        Ok(BacktestReport::of(&account, (name, beside), span, &tested))
    }
}
