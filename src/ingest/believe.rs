//! From claims to facts: a frame's records checked one by one, what fails counted under one reason.
//!
//! Checks that need no state are made here, before the journal, and whether an outcome's job was made; those that need
//! a device's past are the engine's.

use crate::domain::fix::{Fix, FutureRule, TIME_RANGE_MS};
use crate::domain::ids::{AccountId, DeviceId};
use crate::domain::ping::Ping;
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::report::{Outcome, PlaceHint, Profile};
use crate::domain::submission::Records;
use crate::domain::units::UtcMs;
use crate::wire::frame::Body;

use super::intake::Intake;

/// What is left of a frame or an HTTP body, and what was refused.
pub(crate) struct Believed {
    pub(crate) records: Records,
    pub(crate) rejects: RejectCounts,
}

impl Believed {
    /// Without the outcomes of jobs that were not made for their device.
    pub(super) async fn of_made_jobs(mut self, intake: &impl Intake, account: AccountId) -> Self {
        let Records::Outcomes(outcomes) = self.records else { return self };
        let claimed = outcomes.len();
        let made = intake.of_made_jobs(account, outcomes).await;
        self.rejects[usize::from(RejectReason::UnknownJob.number())] +=
            (claimed - made.len()) as u64;
        self.records = Records::Outcomes(made);
        self
    }
}

/// Believes the records of an intake frame; `None` for any other frame.
pub(super) fn body(body: &Body<'_>, rule: FutureRule) -> Option<Believed> {
    match body {
        Body::Pings(frame) => Some(pings(frame.iter(), rule)),
        Body::Outcomes(frame) => Some(outcomes(frame.iter(), rule)),
        Body::Profiles(frame) => Some(profiles(frame.iter())),
        Body::Hints(frame) => Some(hints(frame.iter(), rule)),
        Body::Hello(_) | Body::HelloAck(_) | Body::Ack(_) => None,
    }
}

pub(crate) fn pings(pings: impl ExactSizeIterator<Item = Ping>, rule: FutureRule) -> Believed {
    sift(pings, |ping| Fix::from_ping(&ping, rule), Records::Fixes)
}

pub(crate) fn outcomes(
    outcomes: impl ExactSizeIterator<Item = Result<Outcome, RejectReason>>,
    rule: FutureRule,
) -> Believed {
    let check = |outcome: Result<Outcome, RejectReason>| {
        let outcome = outcome?;
        device(outcome.device)?;
        instant(outcome.happened_at, rule)?;
        Ok(outcome)
    };
    sift(outcomes, check, Records::Outcomes)
}

pub(crate) fn profiles(
    profiles: impl ExactSizeIterator<Item = Result<Profile, RejectReason>>,
) -> Believed {
    let check = |profile: Result<Profile, RejectReason>| {
        let profile = profile?;
        device(profile.device)?;
        Ok(profile)
    };
    sift(profiles, check, Records::Profiles)
}

pub(crate) fn hints(
    hints: impl ExactSizeIterator<Item = Result<PlaceHint, RejectReason>>,
    rule: FutureRule,
) -> Believed {
    let check = |hint: Result<PlaceHint, RejectReason>| {
        let hint = hint?;
        device(hint.device)?;
        instant(hint.fixed_at, rule)?;
        Ok(hint)
    };
    sift(hints, check, Records::Hints)
}

fn sift<C, F>(
    claims: impl ExactSizeIterator<Item = C>,
    check: impl Fn(C) -> Result<F, RejectReason>,
    records: impl Fn(Vec<F>) -> Records,
) -> Believed {
    let mut facts = Vec::with_capacity(claims.len());
    let mut rejects = RejectCounts::default();
    for claim in claims {
        match check(claim) {
            Ok(fact) => facts.push(fact),
            Err(reason) => rejects[usize::from(reason.number())] += 1,
        }
    }
    Believed { records: records(facts), rejects }
}

fn device(device: DeviceId) -> Result<(), RejectReason> {
    if device.is_nil() { Err(RejectReason::NilDevice) } else { Ok(()) }
}

/// The same rule that fixes obey.
fn instant(at: UtcMs, rule: FutureRule) -> Result<(), RejectReason> {
    if !TIME_RANGE_MS.contains(&at.0) {
        return Err(RejectReason::BadTime);
    }
    match rule {
        FutureRule::AtMost { received_at, max_future_ms }
            if at.since(received_at) > max_future_ms =>
        {
            Err(RejectReason::Future)
        }
        FutureRule::AtMost { .. } | FutureRule::Off => Ok(()),
    }
}
