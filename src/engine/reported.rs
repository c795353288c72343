//! Outcomes that a device reports, as attribution events.

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{AttributionEvent, EventKind, Output};
use crate::domain::ids::{AccountId, DeviceKey};
use crate::domain::report::{Outcome, OutcomeKind};

/// The event of an outcome. The job id ties it to campaign, target and variant.
pub(crate) fn outcome(account: AccountId, outcome: &Outcome) -> Output {
    let kind = match outcome.kind {
        OutcomeKind::Delivered => EventKind::Delivered,
        OutcomeKind::Clicked => EventKind::Clicked,
        OutcomeKind::Dismissed => EventKind::Dismissed,
    };
    Output::Event(AttributionEvent {
        kind,
        device: DeviceKey { account, device: outcome.device },
        campaign: None,
        target: None,
        job: Some(outcome.job),
        variant: Variant::A,
        mode: RunMode::Running,
        at: outcome.happened_at,
        cell: 0,
    })
}
