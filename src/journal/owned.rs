//! An input that owns its records: what recovery and replay read into, again and again.

use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, Epoch, Origin, SnapshotHash};
use crate::domain::input::{Batch, Grant, Input};
use crate::domain::policy::Policy;
use crate::domain::report::{Erasure, Outcome, PlaceHint, Profile};
use crate::domain::units::UtcMs;

/// An [`Input`] with its records. Reading into it again reuses their memory.
#[derive(Clone, Debug)]
pub struct OwnedInput {
    pub(super) shape: Shape,
    pub(super) fixes: Vec<Fix>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) profiles: Vec<Profile>,
    pub(super) hints: Vec<PlaceHint>,
    pub(super) erasures: Vec<Erasure>,
    pub(super) policy: Policy,
}

/// Which input it is, and what of it has a fixed size.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Fixes(BatchHead),
    Outcomes(BatchHead),
    Profiles(BatchHead),
    Hints(BatchHead),
    Erasures(BatchHead),
    Tick { now: UtcMs },
    Publication { epoch: Epoch, hash: SnapshotHash },
    Grant(Grant),
    Policy,
}

/// A batch but for its records.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchHead {
    pub(super) account: AccountId,
    pub(super) app: AppId,
    pub(super) origin: Option<Origin>,
    pub(super) received_at: UtcMs,
}

impl BatchHead {
    fn of<T>(batch: &Batch<'_, T>) -> Self {
        let Batch { account, app, origin, received_at, records: _ } = *batch;
        Self { account, app, origin, received_at }
    }

    fn with<T>(self, records: &[T]) -> Batch<'_, T> {
        let Self { account, app, origin, received_at } = self;
        Batch { account, app, origin, received_at, records }
    }
}

impl OwnedInput {
    /// The input, borrowed.
    #[must_use]
    pub fn as_input(&self) -> Input<'_> {
        match self.shape {
            Shape::Fixes(head) => Input::Fixes(head.with(&self.fixes)),
            Shape::Outcomes(head) => Input::Outcomes(head.with(&self.outcomes)),
            Shape::Profiles(head) => Input::Profiles(head.with(&self.profiles)),
            Shape::Hints(head) => Input::Hints(head.with(&self.hints)),
            Shape::Erasures(head) => Input::Erasures(head.with(&self.erasures)),
            Shape::Tick { now } => Input::Tick { now },
            Shape::Publication { epoch, hash } => Input::Publication { epoch, hash },
            Shape::Grant(grant) => Input::Grant(grant),
            Shape::Policy => Input::Policy(&self.policy),
        }
    }

    /// Becomes a copy of the input.
    pub fn copy_from(&mut self, input: &Input<'_>) {
        self.shape = match input {
            Input::Fixes(batch) => {
                replace(&mut self.fixes, batch.records);
                Shape::Fixes(BatchHead::of(batch))
            }
            Input::Outcomes(batch) => {
                replace(&mut self.outcomes, batch.records);
                Shape::Outcomes(BatchHead::of(batch))
            }
            Input::Profiles(batch) => {
                replace(&mut self.profiles, batch.records);
                Shape::Profiles(BatchHead::of(batch))
            }
            Input::Hints(batch) => {
                replace(&mut self.hints, batch.records);
                Shape::Hints(BatchHead::of(batch))
            }
            Input::Erasures(batch) => {
                replace(&mut self.erasures, batch.records);
                Shape::Erasures(BatchHead::of(batch))
            }
            &Input::Tick { now } => Shape::Tick { now },
            &Input::Publication { epoch, hash } => Shape::Publication { epoch, hash },
            &Input::Grant(grant) => Shape::Grant(grant),
            &Input::Policy(policy) => {
                self.policy = *policy;
                Shape::Policy
            }
        };
    }
}

fn replace<T: Copy>(kept: &mut Vec<T>, records: &[T]) {
    kept.clear();
    kept.extend_from_slice(records);
}

/// A tick at the epoch: something to read into.
impl Default for OwnedInput {
    fn default() -> Self {
        Self {
            shape: Shape::Tick { now: UtcMs(0) },
            fixes: Vec::new(),
            outcomes: Vec::new(),
            profiles: Vec::new(),
            hints: Vec::new(),
            erasures: Vec::new(),
            policy: Policy::default(),
        }
    }
}

impl From<&Input<'_>> for OwnedInput {
    fn from(input: &Input<'_>) -> Self {
        let mut owned = Self::default();
        owned.copy_from(input);
        owned
    }
}

/// Equal if the inputs are; what the buffers held before does not count.
impl PartialEq for OwnedInput {
    fn eq(&self, other: &Self) -> bool {
        self.as_input() == other.as_input()
    }
}
