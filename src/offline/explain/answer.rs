//! The answer, as it leaves: over HTTP as JSON, at the command line as a page.

use utoipa::ToSchema;

/// Why a device got a campaign's push, or why not.
#[derive(Clone, PartialEq, Debug, serde::Serialize, ToSchema)]
pub struct Explanation {
    /// Whose device and campaign.
    pub account: u32,
    /// The advertising id, in lower case.
    pub device: String,
    /// What was asked about.
    pub campaign: CampaignState,
    /// What came of it last.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub because: String,
    /// From when on there are records, in the account's time zone; none before the first.
    pub records_since: Option<String>,
    /// How often the device may get it, and whether it has.
    pub bucket: Option<BucketState>,
    /// The last moments of the device, the newest first.
    pub moments: Vec<MomentTold>,
}

/// The campaign as it is now.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct CampaignState {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: Option<String>,
    /// Waiting, testing, running or ended, by the catalog; of one that comes from files, by the snapshot that decides.
    pub state: Option<String>,
    /// Whether the snapshot that decides has it.
    pub in_force: bool,
    /// The number of that snapshot.
    pub epoch: Option<u64>,
}

/// What came of a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A job was made.
    Pushed,
    /// It would have been, but the device is held out to measure lift.
    HeldOut,
    /// A gate stopped it.
    Stopped,
    /// Every gate let it pass, and another campaign won.
    Outranked,
    /// The stay ended before a gate had let it pass.
    Closed,
    /// The condition has not come true yet, or is not tried at such a moment.
    Waiting,
    /// The device is where it was, and the condition was decided before.
    Decided,
    /// The device was outside.
    Outside,
    /// The fix was not believed.
    Refused,
    /// The fix came after a newer one, and only corrects visits.
    Late,
    /// The campaign was not in force.
    NotInForce,
    /// There is nothing of the device.
    NeverSeen,
}

impl Outcome {
    /// As JSON has it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::HeldOut => "held_out",
            Self::Stopped => "stopped",
            Self::Outranked => "outranked",
            Self::Closed => "closed",
            Self::Waiting => "waiting",
            Self::Decided => "decided",
            Self::Outside => "outside",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::NotInForce => "not_in_force",
            Self::NeverSeen => "never_seen",
        }
    }
}

/// The device's frequency bucket: the span in which it gets one job of the campaign.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct BucketState {
    /// once_per_period, once_per_day, resend or, in testing, once_per_stay.
    pub frequency: &'static str,
    /// Which span a push at the last moment would use, in words.
    pub span: String,
    /// Whether it has had its job.
    pub used: bool,
    /// Those that are remembered as used, the newest last.
    pub used_by: Vec<BucketUse>,
}

/// A bucket that has had its job.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct BucketUse {
    /// Which span, in words.
    pub span: String,
    /// The job, or the one that there would have been for a device held out.
    pub job: String,
    /// Remembered at least until then.
    pub kept_until: String,
}

/// One moment of the device.
#[derive(Clone, PartialEq, Debug, serde::Serialize, ToSchema)]
pub struct MomentTold {
    /// The instant of the fix or hint, or the deadline of the timer, in the account's time zone.
    pub at: String,
    /// fix, hint, timer, silence or, where no moment is left, last_known.
    pub basis: &'static str,
    /// The store that a hint is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// The app that it came through.
    pub app: u32,
    /// Where; none before the first fix.
    pub position: Option<Position>,
    /// The number of the snapshot that decided.
    pub epoch: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub because: String,
    /// The job that was made, or would have been for a device held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The border that is nearest, of all targets of the campaign.
    pub nearest: Option<Nearest>,
    /// Where the device stays, of the campaign's targets.
    pub stays: Vec<StayTold>,
    /// How far the campaign's condition has come; none where it has not begun to, or is decided.
    pub condition: Option<ConditionTold>,
    /// Whether the gates were asked; else they are shown as they would have answered.
    pub tried: bool,
    /// Every gate in order, also behind the one that stopped it, then arbitration and holdout.
    pub gates: Vec<GateTold>,
    /// The gate that stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<&'static str>,
}

/// Where a device was.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, ToSchema)]
pub struct Position {
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
    /// How exact that is, m.
    pub accuracy_m: u16,
}

/// A target of the campaign.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct TargetTold {
    /// Its number.
    pub id: u32,
    /// The owner's key for it.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// The nearest border.
#[derive(Clone, PartialEq, Debug, serde::Serialize, ToSchema)]
pub struct Nearest {
    /// Whose.
    pub target: TargetTold,
    /// Whether the point is inside.
    pub inside: bool,
    /// From the point to the border, m, to the centimetre; none for a target without a border.
    pub distance_m: Option<f64>,
}

/// A stay.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct StayTold {
    /// Where.
    pub target: TargetTold,
    /// Since when.
    pub since: String,
    /// Whether the last fix was inside.
    pub inside: bool,
}

/// A condition on its way, after the moment.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct ConditionTold {
    /// open, where it is true and waits for the gates; armed, dwelling or awaits_inside where it is not yet.
    pub phase: &'static str,
    /// Where.
    pub target: TargetTold,
    /// When it comes true, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// The gate that stopped it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<&'static str>,
}

/// A gate.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct GateTold {
    /// Its name, which is also the reason under which suppressed triggers are counted.
    pub gate: &'static str,
    /// Whether the way was free.
    pub passed: bool,
    /// What it looked at.
    pub inputs: Vec<GateInput>,
}

/// Something that a gate looked at.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, ToSchema)]
pub struct GateInput {
    /// What.
    pub name: &'static str,
    /// Its value, in words.
    pub value: String,
}
