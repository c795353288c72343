//! Why a command on the catalog failed, for people.

use std::io;

use crate::control::backtests::TrialError;
use crate::control::explain::ExplainError;
use crate::control::refusal::Refusal;
use crate::control::store::StoreError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A rule of the catalog is in the way, or its store.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The catalog's file can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer can't be printed.
    #[error("the answer can't be written: {0}")]
    Output(#[from] io::Error),
    /// What was decided can't be explained.
    #[error(transparent)]
    Explain(#[from] Box<ExplainError>),
    /// Nothing is to be changed.
    #[error(
        "say what to change, for example --membership premium; `geofenced account set --help` lists the options"
    )]
    NothingToSet,
    /// The users of a segment are known to the daemon alone.
    #[error(
        "the campaign addresses a segment by visit history, whose users the daemon knows alone; ask the running daemon: \
         POST /v1/backtests"
    )]
    LookedUp,
    /// A backtest came to nothing.
    #[error(transparent)]
    Trial(#[from] TrialError),
}

impl CommandError {
    /// Whether the command line has a value that is not allowed.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::NothingToSet | Self::Refused(Refusal::Faults(_)))
    }
}

impl From<ExplainError> for CommandError {
    fn from(error: ExplainError) -> Self {
        Self::Explain(Box::new(error))
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}
