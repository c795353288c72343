//! Why a change of the catalog, or a question to it, is refused: one kind of refusal for each rule.
//!
//! Each becomes a problem document of its own type, with a sentence that says what to change.

use super::store::{Key, Kind, StoreError};
use crate::control::documents::account::Membership;
use crate::domain::problem::{self, Fault, Problem};

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such record of this account; nobody learns whether another account has one.
    #[error("there is no {} {}", .0.kind, .0.id)]
    NoSuch(Key),
    /// The account of the token is not in the catalog.
    #[error(
        "account {0} is not in the catalog; the operator adds it with `geofenced account create`"
    )]
    NoAccount(crate::domain::ids::AccountId),
    /// Fields have values that are not allowed.
    #[error("{}", faults(.0))]
    Faults(Vec<Fault>),
    /// The membership does not have what is asked for.
    #[error("{membership} has no {feature}; {remedy}")]
    Membership {
        /// Which the account has.
        membership: Membership,
        /// What it lacks.
        feature: &'static str,
        /// What the account can do.
        remedy: &'static str,
    },
    /// There may be no more of these.
    #[error("there are {found} {what}, and {allowed} are allowed; {remedy}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many there would be.
        found: u64,
        /// How many may be.
        allowed: u64,
        /// What the account can do.
        remedy: &'static str,
    },
    /// Others need it.
    #[error("{kind} {id} is used by {by}; take it out there first")]
    InUse {
        /// What it is.
        kind: Kind,
        /// Its number.
        id: u32,
        /// Who needs it.
        by: String,
    },
    /// A running campaign needs it as it is.
    #[error(
        "{kind} {id} is locked while campaign {campaign} is {state}; set the campaign to waiting, edit, run it again"
    )]
    Active {
        /// What it is.
        kind: Kind,
        /// Its number.
        id: u32,
        /// The campaign that needs it.
        campaign: u32,
        /// Testing or running.
        state: String,
    },
    /// A campaign that is under way, or over, stays as it is.
    #[error("campaign {campaign} is {state} and can't be {action}; {remedy}")]
    ReadOnly {
        /// Which.
        campaign: u32,
        /// Its state.
        state: String,
        /// What was tried.
        action: &'static str,
        /// What can be done instead.
        remedy: &'static str,
    },
    /// What a campaign that has begun can't change any more.
    #[error(
        "campaign {campaign} began on {start}, so its {fields} can't change any more; copy the campaign instead"
    )]
    Begun {
        /// Which.
        campaign: u32,
        /// Its first day.
        start: String,
        /// What was to be changed.
        fields: String,
    },
    /// A state does not lead to another.
    #[error("campaign {campaign} is {from} and can't be set to {to}: {reason}")]
    StateChange {
        /// Which.
        campaign: u32,
        /// Its state.
        from: String,
        /// What was asked for.
        to: String,
        /// Why not.
        reason: String,
    },
    /// It is there, but not for use yet.
    #[error("{kind} {id} is {state} and can't be used; {remedy}")]
    NotUsable {
        /// What it is.
        kind: Kind,
        /// Its number.
        id: u32,
        /// Its state.
        state: String,
        /// What makes it usable.
        remedy: &'static str,
    },
    /// It was changed meanwhile.
    #[error("{} {} has revision {found} and you saw {seen}; read it again and repeat your change", key.kind, key.id)]
    Stale {
        /// Which.
        key: Key,
        /// The revision that it has.
        found: u64,
        /// The revision that the request names.
        seen: String,
    },
    /// A change must say what it changes.
    #[error("say which revision you saw: If-Match with the ETag of {} {}, or * for any", .0.kind, .0.id)]
    RevisionMissing(Key),
    /// The same idempotency key for another request.
    #[error("the Idempotency-Key {0:?} was used for another request; take a new one for each")]
    KeyReused(String),
    /// It was kept, and is not any more.
    #[error(
        "{asked}, and {what} kept from {first_kept} on; ask about later days ({knob} says how long they are kept)"
    )]
    NotKept {
        /// What is asked for, as a sentence without its full stop.
        asked: String,
        /// What that takes, and its verb.
        what: &'static str,
        /// The first day that is kept.
        first_kept: String,
        /// Which knob says for how long.
        knob: &'static str,
    },
    /// Visits that were not measured all the while.
    #[error(
        "{asked}, and visits of the account were measured {measured}; ask about a campaign and days within that \
         (measure_visits of the account turns it on and off)"
    )]
    NotMeasured {
        /// What is asked for, as a sentence without its full stop.
        asked: String,
        /// From when on.
        measured: String,
    },
    /// Too many in too short a time.
    #[error("{what} beyond {allowed} {per}; wait {retry_s} s")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many may be.
        allowed: u32,
        /// In what time.
        per: &'static str,
        /// When there is room again.
        retry_s: u32,
    },
    /// The catalog has too much to do.
    #[error("the catalog has too many requests waiting; come back in a second")]
    Busy,
    /// A fault of ours.
    #[error("a fault of the daemon's own broke the request off; please report it")]
    Broken,
    /// The daemon ends.
    #[error("the daemon is ending; come back when it runs again")]
    Ending,
    /// The store said no.
    #[error(transparent)]
    Store(StoreError),
    /// A file can't be kept or read.
    #[error("a file of the catalog: {0}")]
    File(#[from] std::io::Error),
    /// Another part, which has a share in the change, refuses it in its own words.
    #[error("{}", .0.detail())]
    Foreign(Box<Problem>),
}

fn faults(faults: &[Fault]) -> String {
    let all: Vec<String> = faults.iter().map(|fault| fault.detail.clone()).collect();
    all.join("; ")
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if let StoreError::Gone(key) = error { Self::NoSuch(key) } else { Self::Store(error) }
    }
}

impl Refusal {
    /// One field with a value that is not allowed.
    #[must_use]
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Faults(vec![Fault::new(pointer, detail)])
    }

    /// What kind of problem it is to callers.
    pub(crate) fn kind(&self) -> problem::Kind {
        use problem::Kind as Problems;
        match self {
            Self::NoSuch(_) | Self::NoAccount(_) => Problems::NotFound,
            Self::Faults(_) => Problems::BadField,
            Self::Membership { .. } => Problems::MembershipLacks,
            Self::Limit { .. } => Problems::LimitReached,
            Self::InUse { .. } => Problems::InUse,
            Self::Active { .. } => Problems::Active,
            Self::ReadOnly { .. } => Problems::ReadOnly,
            Self::Begun { .. } => Problems::Begun,
            Self::StateChange { .. } => Problems::StateChange,
            Self::NotUsable { .. } => Problems::NotUsable,
            Self::Stale { .. } => Problems::Stale,
            Self::RevisionMissing(_) => Problems::RevisionMissing,
            Self::KeyReused(_) => Problems::KeyReused,
            Self::NotKept { .. } | Self::NotMeasured { .. } => Problems::NotKept,
            Self::TooMany { .. } => Problems::TooMany,
            Self::Busy | Self::Ending | Self::Store(StoreError::Full) => Problems::Unavailable,
            Self::Store(StoreError::Duplicate { .. }) => Problems::Duplicate,
            // The other part has logged what is to be said about it.
            Self::Foreign(_) => Problems::Failed,
            Self::Store(_) | Self::File(_) | Self::Broken => Problems::Internal,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Foreign(problem) = refusal {
            return *problem;
        }
        let kind = refusal.kind();
        if kind == problem::Kind::Internal {
            tracing::error!(error = %refusal, "the catalog could not do what it was asked to");
            return Self::new(kind, "the catalog could not do it; the daemon's log says why");
        }
        let retry_s =
            if let Refusal::TooMany { retry_s, .. } = refusal { Some(retry_s) } else { None };
        let problem = Self::new(kind, refusal.to_string());
        let problem = retry_s.into_iter().fold(problem, Self::come_again_in);
        if let Refusal::Faults(faults) = refusal { problem.with_errors(faults) } else { problem }
    }
}
