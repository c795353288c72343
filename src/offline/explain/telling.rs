//! What was seen, as it is told: moments, the bucket, the campaign as it is now.

use super::answer::{
    BucketState, BucketUse, CampaignState, ConditionTold, Explanation, GateInput, GateTold,
    MomentTold, Outcome, Position, StayTold,
};
use super::because::{self, Scene};
use super::inputs::{flag, gate_told, span_told};
use super::local::Local;
use super::nearest::{nearest, target_of};
use super::question::{ExplainError, Known, Question};
use super::walk::{Moment, Walked};
use crate::domain::campaign::{Frequency, RunMode};
use crate::domain::reasons::SuppressReason;
use crate::engine::trace::{CaseLook, Look, LookBasis, Phase, Seen, TriggerLook};
use crate::snapshot::view::{AccountView, CampaignView};

/// Tells it.
///
/// # Errors
/// [`ExplainError::NoCampaign`] when nobody has heard of the campaign.
pub(super) fn told(question: &Question, walked: &Walked) -> Result<Explanation, ExplainError> {
    let account = walked.in_force.as_ref().and_then(|by| by.view().account(question.account()));
    let campaign = account.and_then(|account| account.campaign(question.campaign));
    let moments = walked.moments.iter().chain(&walked.standing);
    let was_in_force = moments.clone().any(|moment| matches!(moment.look.seen, Seen::Case(_)));
    if campaign.is_none() && question.known.is_none() && !was_in_force {
        let (campaign, account) = (question.campaign, question.account());
        return Err(ExplainError::NoCampaign { campaign, account });
    }
    let zone_of = account.or_else(|| moments.clone().find_map(|moment| of(moment, question).0));
    let local = Local::of(zone_of);
    let mut told: Vec<(&Moment, MomentTold)> = walked
        .moments
        .iter()
        .rev()
        .map(|moment| (moment, moment_told(moment, question, &local)))
        .collect();
    if let (true, Some(standing)) = (told.is_empty(), &walked.standing) {
        told.push((standing, moment_told(standing, question, &local)));
    }
    let since = walked.since.map(|since| local.exact(since));
    let (outcome, because) = if campaign.is_none() {
        (Outcome::NotInForce, because::out_of_force(question.known.as_ref()))
    } else {
        // A fix that was not followed says little of the campaign where another was.
        let newest = told.iter().find(|(moment, _)| matches!(moment.look.seen, Seen::Case(_)));
        newest.or(told.first()).map_or_else(
            || (Outcome::NeverSeen, because::never_seen(since.as_deref())),
            |(_, told)| (told.outcome, told.because.clone()),
        )
    };
    Ok(Explanation {
        account: question.account().0,
        device: question.device.device.to_string(),
        campaign: state_of(question, walked, campaign),
        outcome,
        because,
        records_since: since,
        bucket: walked
            .standing
            .iter()
            .chain(walked.moments.iter().rev())
            .find_map(|moment| bucket_of(moment, question, &local)),
        moments: told.into_iter().map(|(_, told)| told).collect(),
    })
}

fn state_of(
    question: &Question,
    walked: &Walked,
    campaign: Option<CampaignView<'_>>,
) -> CampaignState {
    let Known { name, state } = match &question.known {
        Some(known) => known.clone(),
        None => Known {
            name: campaign.map(|campaign| campaign.name().to_owned()).unwrap_or_default(),
            state: campaign.map(|campaign| mode_label(campaign.mode())).unwrap_or_default().into(),
        },
    };
    let shown = |text: String| Some(text).filter(|text| !text.is_empty());
    CampaignState {
        id: question.campaign.0,
        name: shown(name),
        state: shown(state),
        in_force: campaign.is_some(),
        epoch: walked.in_force.as_ref().map(|by| by.view().epoch().0),
    }
}

/// The account and the campaign as they were at a moment.
fn of<'m>(
    moment: &'m Moment,
    question: &Question,
) -> (Option<AccountView<'m>>, Option<CampaignView<'m>>) {
    let account = moment.by.view().account(question.account());
    (account, account.and_then(|account| account.campaign(question.campaign)))
}

fn moment_told(moment: &Moment, question: &Question, local: &Local) -> MomentTold {
    let Look { basis, at, app, accuracy_m, point, seen, .. } = &moment.look;
    let (account, campaign) = of(moment, question);
    let nearest = campaign.zip(*point).and_then(|(campaign, point)| nearest(campaign, point));
    let position = point.map(|point| Position {
        lat: point.lat_deg(),
        lon: point.lon_deg(),
        accuracy_m: *accuracy_m,
    });
    let (basis, place) = basis_told(*basis);
    let bare = MomentTold {
        at: local.exact(*at),
        basis,
        place,
        app: app.0,
        position,
        epoch: moment.by.view().epoch().0,
        outcome: Outcome::NotInForce,
        because: String::new(),
        job: None,
        nearest,
        stays: Vec::new(),
        condition: None,
        tried: false,
        gates: Vec::new(),
        stopped_by: None,
    };
    let (Seen::Case(case), Some(account), Some(campaign)) = (seen, account, campaign) else {
        let (outcome, because) = because::without_case(&moment.look, local);
        return MomentTold { outcome, because, ..bare };
    };
    let scene = Scene { campaign, look: &moment.look, case, nearest: bare.nearest.as_ref(), local };
    let (outcome, because) = because::of_case(&scene);
    let gates = gates_told(case, campaign, local);
    let stopped_by = gates.iter().find(|gate| case.tried && !gate.passed).map(|gate| gate.gate);
    MomentTold {
        outcome,
        because,
        job: case.fate.job.map(|(job, _made)| job.to_string()),
        stays: stays_told(case, account, local),
        condition: case.then.map(|trigger| condition_told(&trigger, account, local)),
        tried: case.tried,
        gates,
        stopped_by,
        ..bare
    }
}

/// The gates, and what compares campaigns behind them.
fn gates_told(case: &CaseLook, campaign: CampaignView<'_>, local: &Local) -> Vec<GateTold> {
    let winner = case.fate.outranked_by.map_or_else(|| "none".to_owned(), |one| one.to_string());
    let is_test = case.mode == RunMode::Testing;
    let testing = || GateInput { name: "testing", value: flag(is_test) };
    let input = |name, value| GateInput { name, value };
    let arbitration = GateTold {
        gate: SuppressReason::Arbitration.label(),
        passed: case.fate.outranked_by.is_none(),
        inputs: vec![
            input("priority", campaign.priority().to_string()),
            input("won_by", winner),
            testing(),
        ],
    };
    let held_out = GateTold {
        gate: SuppressReason::HeldOut.label(),
        passed: is_test || !case.held_out,
        inputs: vec![
            input("holdout", format!("{} %", campaign.holdout_pct())),
            input("held_out", flag(case.held_out)),
            testing(),
        ],
    };
    let gates = case.gates.iter().map(|gate| gate_told(gate, local));
    gates.chain([arbitration, held_out]).collect()
}

fn basis_told(basis: LookBasis) -> (&'static str, Option<u32>) {
    match basis {
        LookBasis::Fix => ("fix", None),
        LookBasis::Hint(place) => ("hint", Some(place.0)),
        LookBasis::Timer => ("timer", None),
        LookBasis::Silence => ("silence", None),
        LookBasis::LastKnown => ("last_known", None),
    }
}

fn stays_told(case: &CaseLook, account: AccountView<'_>, local: &Local) -> Vec<StayTold> {
    let told = |stay: &crate::engine::trace::StayLook| StayTold {
        target: target_of(account, stay.target),
        since: local.exact(stay.entered_at),
        inside: stay.inside,
    };
    case.stays.iter().map(told).collect()
}

fn condition_told(trigger: &TriggerLook, account: AccountView<'_>, local: &Local) -> ConditionTold {
    let phase = match trigger.phase {
        Phase::AwaitsInside => "awaits_inside",
        Phase::Armed => "armed",
        Phase::Open => "open",
        Phase::Dwelling => "dwelling",
    };
    ConditionTold {
        phase,
        target: target_of(account, trigger.target),
        due_at: trigger.due_at.map(|due_at| local.exact(due_at)),
        stopped_by: trigger.stopped_by.map(SuppressReason::label),
    }
}

fn bucket_of(moment: &Moment, question: &Question, local: &Local) -> Option<BucketState> {
    let Seen::Case(case) = &moment.look.seen else { return None };
    let campaign = of(moment, question).1?;
    let frequency = campaign.frequency();
    let label = match (case.mode, frequency) {
        (RunMode::Testing, _) => "once_per_stay",
        (RunMode::Running, Frequency::OncePerPeriod) => "once_per_period",
        (RunMode::Running, Frequency::OncePerDay) => "once_per_day",
        (RunMode::Running, Frequency::Resend { .. }) => "resend",
    };
    let used_by = case.used.iter().map(|used| BucketUse {
        span: span_told(used.bucket, frequency, local),
        job: used.job.to_string(),
        kept_until: local.exact(used.keep_until),
    });
    let gate = case.gates.iter().find(|gate| gate.gate == SuppressReason::Frequency);
    Some(BucketState {
        frequency: label,
        span: span_told(case.bucket, frequency, local),
        used: gate.is_some_and(|gate| !gate.passed),
        used_by: used_by.collect(),
    })
}

fn mode_label(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Testing => "testing",
        RunMode::Running => "running",
    }
}
