//! Why there is no snapshot.

use super::rules::BrokenRule;
use crate::domain::ids::{AccountId, CampaignId, Epoch, TargetId};
use crate::snapshot::block::TooLarge;
use crate::snapshot::calendar::ZoneError;
use crate::snapshot::index::IndexError;

/// Why there is no snapshot.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// The epoch does not grow.
    #[error("epoch {epoch} does not follow {previous}; the next one is needed")]
    Epoch {
        /// The number given.
        epoch: Epoch,
        /// That of the snapshot before.
        previous: Epoch,
    },
    /// An account is there twice.
    #[error("account {account} is there twice")]
    AccountTwice {
        /// Its number.
        account: AccountId,
    },
    /// Something names an account that is not there.
    #[error("{of} belongs to account {account}, which is not there")]
    NoSuchAccount {
        /// The number named.
        account: AccountId,
        /// What names it.
        of: String,
    },
    /// A target is there twice under one number, or comes and goes.
    #[error("account {account} has target {key:?} twice")]
    TargetTwice {
        /// The account.
        account: AccountId,
        /// The target's key.
        key: String,
    },
    /// A target has the id that means everywhere.
    #[error(
        "target {key:?} of account {account} has the id {}, which is reserved",
        TargetId::NATIONWIDE
    )]
    ReservedTarget {
        /// The account.
        account: AccountId,
        /// Its key.
        key: String,
    },
    /// A target key is there twice.
    #[error("account {account} has the target key {key:?} twice")]
    KeyTwice {
        /// The account.
        account: AccountId,
        /// The key.
        key: String,
    },
    /// A campaign id is there twice.
    #[error("account {account} has campaign {campaign} twice")]
    CampaignTwice {
        /// The account.
        account: AccountId,
        /// The number.
        campaign: CampaignId,
    },
    /// An account, target or campaign breaks a rule.
    #[error("{what} of account {account}: {rule}")]
    Rule {
        /// The account.
        account: AccountId,
        /// What breaks it.
        what: String,
        /// The rule.
        rule: BrokenRule,
    },
    /// A campaign watches a target that the account does not have.
    #[error(
        "campaign {campaign} of account {account} watches target {target}, which the account does not have"
    )]
    NoSuchTarget {
        /// The account.
        account: AccountId,
        /// The campaign.
        campaign: CampaignId,
        /// The target.
        target: TargetId,
    },
    /// A time zone or a day that can't be compiled.
    #[error("account {account}: {reason}")]
    Zone {
        /// The account.
        account: AccountId,
        /// Why.
        reason: ZoneError,
    },
    /// Keys, names and labels of an account's targets exceed what offsets can reach.
    #[error(
        "the keys, names and labels of account {account}'s targets take {bytes} bytes; {} are allowed",
        u32::MAX
    )]
    TextsTooLong {
        /// The account.
        account: AccountId,
        /// What they take.
        bytes: usize,
    },
    /// The targets can't be indexed.
    #[error("account {account}: {reason}")]
    Index {
        /// The account.
        account: AccountId,
        /// Why.
        reason: IndexError,
    },
    /// An edit removes a target that a campaign watches.
    #[error(
        "account {account} can't do without target {key:?}: campaign {campaign} watches it; change the campaign first"
    )]
    StillWatched {
        /// The account.
        account: AccountId,
        /// The campaign.
        campaign: CampaignId,
        /// The target's key.
        key: String,
    },
    /// An edit of one account holds a target of another.
    #[error(
        "target {key:?} belongs to account {of}, and the edit is of account {account}; edit each on its own"
    )]
    OtherAccount {
        /// The edit's.
        account: AccountId,
        /// The target's.
        of: AccountId,
        /// The target's key.
        key: String,
    },
    /// An edit goes on from lists of devices that were hashed under another key than its own.
    #[error(
        "the lists of devices in epoch {epoch} were hashed under another installation key; build all accounts anew"
    )]
    OtherKey {
        /// The epoch that is edited.
        epoch: Epoch,
    },
    /// An edit removes a target that the account does not have.
    #[error("account {account} has no target {target} to remove")]
    NothingToRemove {
        /// The account.
        account: AccountId,
        /// The number.
        target: TargetId,
    },
    /// A block is too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl BuildError {
    /// The account at fault, if it is one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::AccountTwice { account }
            | Self::NoSuchAccount { account, .. }
            | Self::TargetTwice { account, .. }
            | Self::ReservedTarget { account, .. }
            | Self::KeyTwice { account, .. }
            | Self::CampaignTwice { account, .. }
            | Self::Rule { account, .. }
            | Self::NoSuchTarget { account, .. }
            | Self::Zone { account, .. }
            | Self::TextsTooLong { account, .. }
            | Self::Index { account, .. }
            | Self::StillWatched { account, .. }
            | Self::OtherAccount { account, .. }
            | Self::NothingToRemove { account, .. } => Some(*account),
            Self::Epoch { .. } | Self::OtherKey { .. } | Self::TooLarge(_) => None,
        }
    }
}
