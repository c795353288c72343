//! Why, in one sentence: the first of the things that can be said of a moment that holds.

use super::answer::{Nearest, Outcome, TargetTold};
use super::inputs::said;
use super::local::Local;
use super::nearest::target_of;
use super::question::Known;
use crate::domain::campaign::{Condition, Frequency, RunMode};
use crate::domain::ids::{JobId, TargetId};
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::domain::units::UtcMs;
use crate::engine::trace::{CaseLook, GateLook, Look, LookBasis, Made, Phase, Seen};
use crate::snapshot::view::CampaignView;

/// What a sentence may speak of.
pub(super) struct Scene<'a> {
    pub(super) campaign: CampaignView<'a>,
    pub(super) look: &'a Look,
    pub(super) case: &'a CaseLook,
    pub(super) nearest: Option<&'a Nearest>,
    pub(super) local: &'a Local,
}

type Told = (Outcome, String);

/// What may be said of a moment, the strongest first.
const THINGS: &[fn(&Scene<'_>) -> Option<Told>] =
    &[made, stopped, outranked, closed, waiting, silent, staying, not_taken];

/// Of a moment at which the campaign was in force.
pub(super) fn of_case(scene: &Scene<'_>) -> Told {
    THINGS.iter().find_map(|thing| thing(scene)).unwrap_or_else(|| outside(scene))
}

/// Of one at which it was not, or of a fix that was not followed.
pub(super) fn without_case(look: &Look, local: &Local) -> Told {
    let at = local.time(look.at);
    match &look.seen {
        Seen::Refused(reason) => {
            (Outcome::Refused, format!("The fix of {at} was refused: {}.", refusal(*reason)))
        }
        Seen::Late => {
            let why = "came after a newer one: it may correct visits, and never pushes";
            (Outcome::Late, format!("The fix of {at} {why}."))
        }
        Seen::NotInForce | Seen::Case(_) => {
            (Outcome::NotInForce, format!("At {at} the campaign was not in force."))
        }
    }
}

/// Of a campaign that is not in force now.
pub(super) fn out_of_force(known: Option<&Known>) -> String {
    match known.map(|known| known.state.as_str()) {
        Some(state @ ("testing" | "running")) => {
            format!("The campaign is {state}, but the snapshot that decides does not have it yet.")
        }
        Some(state) => format!("The campaign is {state}, so nothing is pushed."),
        None => "The snapshot that decides does not have the campaign any more.".to_owned(),
    }
}

/// Of a device that there is nothing of.
pub(super) fn never_seen(since: Option<&str>) -> String {
    match since {
        Some(since) => format!("The device was not seen since {since}, when the records begin."),
        None => "There are no records yet.".to_owned(),
    }
}

fn made(scene: &Scene<'_>) -> Option<Told> {
    let (job, made) = scene.case.fate.job?;
    let (at, target) = (scene.at(), scene.called(scene.case.target_of_trigger()));
    let pct = scene.campaign.holdout_pct();
    Some(match made {
        Made::Pushed if scene.case.mode == RunMode::Testing => {
            (Outcome::Pushed, format!("Pushed as a test at {at} for {target} (job {job})."))
        }
        Made::Pushed => (Outcome::Pushed, format!("Pushed at {at} for {target} (job {job}).")),
        Made::HeldOut => {
            let why = format!("the device is of the {pct} % that get nothing, to measure lift");
            (Outcome::HeldOut, format!("No push at {at} for {target}: {why}."))
        }
    })
}

fn stopped(scene: &Scene<'_>) -> Option<Told> {
    let gate = scene.case.stopped_by().filter(|_| scene.case.tried)?;
    let why = stopped_because(scene, gate);
    Some((Outcome::Stopped, format!("No push at {}: {why}.", scene.at())))
}

fn outranked(scene: &Scene<'_>) -> Option<Told> {
    let winner = scene.case.fate.outranked_by?;
    let why = format!("campaign {winner} won the moment, by its priority or as the newer one");
    Some((Outcome::Outranked, format!("No push at {}: {why}.", scene.at())))
}

fn closed(scene: &Scene<'_>) -> Option<Told> {
    let reason = scene.case.fate.closed?;
    let (at, why) = (scene.at(), past(reason));
    let said = if reason == SuppressReason::State {
        format!("No push at {at}: {why}.")
    } else {
        format!("No push: the stay ended at {at}, and until then {why}.")
    };
    Some((Outcome::Closed, said))
}

fn waiting(scene: &Scene<'_>) -> Option<Told> {
    let trigger = scene.case.then?;
    let target = scene.called(trigger.target);
    let due = trigger.due_at.map(|due_at| scene.beside(due_at)).unwrap_or_default();
    let waits = match (trigger.phase, trigger.stopped_by) {
        (Phase::Open, Some(gate)) if scene.has_no_fix() => format!(
            "No push so far: the condition came true at {target}, and at the last try {}.",
            past(gate)
        ),
        (Phase::Open, _) => format!(
            "No push at {}: the condition has come true at {target}, and waits for a fix inside.",
            scene.at()
        ),
        (Phase::Armed, _) => {
            format!("Pushed before in this stay at {target}; the next push is due at {due}.")
        }
        (Phase::Dwelling, _) => format!("Inside {target}; its dwell time is over at {due}."),
        (Phase::AwaitsInside, _) => format!(
            "The campaign started after the device came to {target}; the next fix inside counts as \
             the enter."
        ),
    };
    Some((Outcome::Waiting, waits))
}

fn silent(scene: &Scene<'_>) -> Option<Told> {
    let is_silence = scene.look.basis == LookBasis::Silence;
    let said = format!("The device was not heard of after {}: its stays ended then.", scene.at());
    is_silence.then_some((Outcome::Outside, said))
}

fn staying(scene: &Scene<'_>) -> Option<Told> {
    let stays = &scene.case.stays;
    let stay = stays.iter().find(|stay| stay.inside).or(stays.first())?;
    let (target, since) = (scene.called(stay.target), scene.beside(stay.entered_at));
    if !stay.inside {
        let why = "not far or not often enough to be sure that the device left";
        let said = format!("The fix of {} is outside {target}, {why}.", scene.at());
        return Some((Outcome::Waiting, said));
    }
    let inside = format!("Inside {target} since {since}");
    let ends_at = match scene.campaign.condition() {
        Condition::Exit => {
            let said = format!("{inside}: the campaign pushes when the device leaves.");
            return Some((Outcome::Waiting, said));
        }
        Condition::Dwell { dwell_s } => stay.entered_at.plus_s(dwell_s),
        Condition::Enter => stay.entered_at,
    };
    if ends_at > scene.look.at {
        let said = format!("{inside}: the dwell time is over at {}.", scene.beside(ends_at));
        return Some((Outcome::Waiting, said));
    }
    Some((Outcome::Decided, decided(scene, &inside)))
}

/// Inside, and nothing to wait for.
fn decided(scene: &Scene<'_>, inside: &str) -> String {
    let CaseLook { mode, held_out, .. } = scene.case;
    match scene.job_of_bucket() {
        Some(_) if *held_out && *mode == RunMode::Running => {
            format!("{inside}: the device is held out to measure lift, and gets no push.")
        }
        Some(job) => {
            let span = span(*mode, scene.campaign.frequency());
            format!("{inside}: the push of {span} was made before (job {job}).")
        }
        None => format!("{inside}: the condition was decided before, in this stay."),
    }
}

fn not_taken(scene: &Scene<'_>) -> Option<Told> {
    let first = *scene.case.not_taken.first()?;
    let target = scene.called(first);
    if scene.campaign.account().is_home(first) {
        return Some((Outcome::Outside, not_at_home(&target)));
    }
    let why = if scene.case.overruled {
        "a place hint says that the device is not there".to_owned()
    } else {
        let accuracy_m = scene.look.accuracy_m;
        format!("the fix is exact to {accuracy_m} m only, too coarse for an enter")
    };
    Some((Outcome::Outside, format!("Inside {target} by coordinates, but {why}.")))
}

fn not_at_home(target: &str) -> String {
    format!(
        "In {target}, and not at home there: home is the cell of the most nights of the last 30, and of at least 3."
    )
}

fn outside(scene: &Scene<'_>) -> Told {
    let is_home = |target: &TargetTold| scene.campaign.account().is_home(TargetId(target.id));
    let said = match (scene.nearest, scene.look.point) {
        (Some(Nearest { target, inside: true, .. }), _) if is_home(target) => {
            not_at_home(&target.called())
        }
        (Some(Nearest { target, distance_m: Some(distance_m), .. }), _) => {
            let called = target.called();
            format!("Outside: {distance_m:.0} m from the nearest target, {called}.")
        }
        (_, None) => "No position is known: only hints of other places have come.".to_owned(),
        (_, Some(_)) => "Outside: the campaign has no target that a distance leads to.".to_owned(),
    };
    (Outcome::Outside, said)
}

/// Why a gate is in the way, behind "No push at 14:03: ".
fn stopped_because(scene: &Scene<'_>, gate: &GateLook) -> String {
    let saw = |name| said(gate, name, scene.local);
    let campaign = scene.campaign;
    match gate.gate {
        SuppressReason::App => {
            format!(
                "it came through app {}, and the campaign takes {}",
                saw("app"),
                saw("campaign_apps")
            )
        }
        SuppressReason::Period => {
            let (first, last) = campaign.days();
            let is_early = scene.look.at < campaign.period().0;
            if is_early {
                format!("the campaign begins on {first}")
            } else {
                format!("the campaign ended with {last}")
            }
        }
        SuppressReason::Window => match campaign.window_opens_after(scene.look.at) {
            Some(opens_at) => format!("the campaign's window opens at {}", scene.beside(opens_at)),
            None => "the campaign's windows are over".to_owned(),
        },
        SuppressReason::Audience => {
            format!("the device is not among the {} of the campaign's audience", saw("audience"))
        }
        SuppressReason::Accuracy => {
            format!("the fix is exact to {} only, and {} are wanted", saw("accuracy"), saw("limit"))
        }
        SuppressReason::Age => {
            format!("what it rests on was {} old, and {} are allowed", saw("age"), saw("limit"))
        }
        SuppressReason::Frequency => {
            let span = span(scene.case.mode, campaign.frequency());
            let job = scene.job_of_bucket().map(|job| format!(" (job {job})"));
            format!("the device has had its push of {span}{}", job.unwrap_or_default())
        }
        SuppressReason::DailyCap => format!(
            "the device has had {} pushes of its account today, and {} are allowed",
            saw("pushes_today"),
            saw("cap")
        ),
        SuppressReason::State => "the campaign is stopped".to_owned(),
        SuppressReason::Blacklist => "the device is on the account's blacklist".to_owned(),
        SuppressReason::Consent => "the user has not agreed to advertising".to_owned(),
        SuppressReason::Night => "it is night, and the user has not agreed to that".to_owned(),
        SuppressReason::TestDevice => {
            "the campaign is in testing, and the device is none of its test devices".to_owned()
        }
        SuppressReason::Quota => {
            "nothing is left here of the account's or the campaign's limit".to_owned()
        }
        SuppressReason::Arbitration => "another campaign wins".to_owned(),
        SuppressReason::HeldOut => "the device is held out".to_owned(),
    }
}

/// What kept a trigger from its push, told afterwards.
fn past(reason: SuppressReason) -> &'static str {
    match reason {
        SuppressReason::App => "fixes came through other apps than the campaign's",
        SuppressReason::State => "the campaign was stopped or changed",
        SuppressReason::Period => "it was not in the campaign's period",
        SuppressReason::Window => "the campaign's window was closed",
        SuppressReason::Audience => "the device was not in the audience",
        SuppressReason::Blacklist => "the device was on the account's blacklist",
        SuppressReason::Consent => "the user had not agreed to advertising",
        SuppressReason::Night => "it was night, for which the user had given no consent",
        SuppressReason::TestDevice => "the campaign was in testing, on other devices",
        SuppressReason::Accuracy => "fixes were too coarse",
        SuppressReason::Age => "fixes came too late",
        SuppressReason::Frequency => "the push of its span was used",
        SuppressReason::DailyCap => "the account's pushes of the day were used",
        SuppressReason::Quota => "nothing was left here of the account's or the campaign's limit",
        SuppressReason::Arbitration => "other campaigns won",
        SuppressReason::HeldOut => "the device was held out",
    }
}

/// What is said of a refused fix; of the others their names.
const REFUSALS: &[(RejectReason, &str)] = &[
    (RejectReason::Duplicate, "the device's last fix had the same instant"),
    (RejectReason::TooLate, "it is older than the device's last one by more than lateness_s"),
    (RejectReason::Jump, "the device would have had to move faster than max_speed_kmh"),
];

fn refusal(reason: RejectReason) -> &'static str {
    let said = REFUSALS.iter().find(|(known, _)| *known == reason);
    said.map_or(reason.label(), |(_, said)| said)
}

/// What a push is the only one of.
fn span(mode: RunMode, frequency: Frequency) -> String {
    match (mode, frequency) {
        (RunMode::Testing, _) => "this stay".to_owned(),
        (RunMode::Running, Frequency::OncePerPeriod) => "the campaign's period".to_owned(),
        (RunMode::Running, Frequency::OncePerDay) => "the day".to_owned(),
        (RunMode::Running, Frequency::Resend { after_s }) => format!("{after_s} s"),
    }
}

impl Scene<'_> {
    /// Time alone does not try again what was stopped.
    fn has_no_fix(&self) -> bool {
        matches!(self.look.basis, LookBasis::Timer | LookBasis::LastKnown)
    }

    /// The job that the bucket of the moment was used for, if it was; tests and the real run have their own.
    fn job_of_bucket(&self) -> Option<JobId> {
        let case = self.case;
        let gate = case.gates.iter().find(|gate| gate.gate == SuppressReason::Frequency)?;
        let used = case.used.iter().rev().find(|used| used.bucket.mode == case.mode)?;
        (!gate.passed).then_some(used.job)
    }

    /// The time of day of the moment.
    fn at(&self) -> String {
        self.local.time(self.look.at)
    }

    fn beside(&self, at: UtcMs) -> String {
        self.local.beside(at, self.look.at)
    }

    fn called(&self, target: TargetId) -> String {
        target_of(self.campaign.account(), target).called()
    }
}

impl CaseLook {
    /// Where the condition came true that was tried.
    fn target_of_trigger(&self) -> TargetId {
        self.trigger.map_or(self.target, |trigger| trigger.target)
    }
}
