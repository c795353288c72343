//! Outcomes pass through as events; profiles are remembered.

use super::testkit::{ACCOUNT, World, at, batch, campaign, device, fence, seen};
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, JobId};
use crate::domain::input::{Batch, Input};
use crate::domain::reasons::RejectReason;
use crate::domain::report::{Outcome, OutcomeKind};

fn world() -> World {
    World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])])
}

fn outcome(kind: OutcomeKind) -> Outcome {
    Outcome { device: device(1), job: JobId([5; 16]), happened_at: at(7), kind }
}

#[test]
fn each_outcome_becomes_an_event_of_its_job() {
    let outcomes = [OutcomeKind::Delivered, OutcomeKind::Clicked, OutcomeKind::Dismissed];
    let outcomes = outcomes.map(outcome);
    let got = world().step(&Input::Outcomes(batch(at(8), &outcomes)));
    let kinds = [EventKind::Delivered, EventKind::Clicked, EventKind::Dismissed];
    assert_eq!(got.event_kinds(), kinds);
    assert!(got.events().iter().all(|event| event.job == Some(JobId([5; 16]))));
    assert!(got.events().iter().all(|event| event.device.account == ACCOUNT && event.at == at(7)));
    assert_eq!(got.counts.evaluated, 3);
}

#[test]
fn outcomes_of_an_unknown_account_are_refused() {
    let outcomes = [outcome(OutcomeKind::Clicked)];
    let stranger = Batch { account: AccountId(9), ..batch(at(8), &outcomes) };
    let got = world().step(&Input::Outcomes(stranger));
    assert_eq!((got.rejected(), got.decisions), (vec![RejectReason::UnknownAccount], vec![]));
}

#[test]
fn before_the_first_publication_everything_is_refused() {
    let world = world();
    let mut partition = super::Partition::new(
        super::testkit::PARTITION,
        crate::snapshot::samples::KEY,
        *world.partition.policy(),
    );
    let mut out = super::Outputs::default();
    partition.step(&Input::Fixes(batch(at(0), &[seen(1, 0, 0.0).fix])), None, &mut out);
    assert_eq!(out.counts.rejected[usize::from(RejectReason::Unavailable.number())], 1);
    assert_eq!(partition.devices(), 0);
}

#[test]
fn a_later_profile_replaces_an_earlier_one() {
    let mut world = world();
    world.profile(|profile| profile.ads_consent = false);
    world.profile(|profile| profile.ads_consent = true);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), [10]);
}
