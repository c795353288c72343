//! A small world for engine tests: an account in Seoul, fences on a line to the north, one partition.
//!
//! Time is in seconds after noon of 24 November 2026, place in metres north of the origin. Every step is made twice: by the partition
//! under test, and by a shadow that is written to bytes and read back before each. Both must come to the same, which proves the state.

use jiff::civil::date;

use super::outputs::{Counts, Outputs};
use super::partition::Partition;
use super::state::{DeviceSeal, SEALED_LEN};
use crate::domain::campaign::{
    AccountSpec, AudienceSpec, CampaignSpec, Condition, Frequency, RunMode, WindowSpec,
};
use crate::domain::decision::{AttributionEvent, Decision, EventKind, Output, PushJob};
use crate::domain::fix::Fix;
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, DeviceKey, PartitionId, PlaceId, TargetId,
};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::domain::report::{HintVerdict, PlaceHint, Platform, Profile};
use crate::domain::target::{Labels, PlaceArea, Shape, TargetSpec};
use crate::domain::units::{PointE7, UtcMs};
use crate::snapshot::build::Source;
use crate::snapshot::calendar::every_day;
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{self, KEY};
use crate::snapshot::view::SnapshotView;

/// 2026-11-24T12:00 in Seoul.
pub(crate) const NOON: i64 = 1_795_489_200_000;
/// The only account, unless a test adds another.
pub(crate) const ACCOUNT: AccountId = AccountId(1);
/// The partition of every [`device`].
pub(super) const PARTITION: PartitionId = PartitionId(0);
/// No campaign pushed, or no stay is open.
pub(super) const NONE: [u32; 0] = [];

/// Seconds after noon.
pub(crate) fn at(seconds: i64) -> UtcMs {
    UtcMs(NOON + seconds * 1000)
}

/// Hours and minutes of a local day of November 2026, in seconds after noon of the 24th.
pub(super) fn local(day: i64, hour: i64, minute: i64) -> i64 {
    ((day - 24) * 24 + hour - 12) * 3600 + minute * 60
}

/// A device of the world's partition.
pub(super) fn device(number: u32) -> DeviceId {
    device_of(ACCOUNT, number)
}

/// A device of the world's partition in any account.
pub(super) fn device_of(account: AccountId, number: u32) -> DeviceId {
    let mut ids = (0..u64::MAX).map(|nonce| {
        let mut id = [1; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        id[8..].copy_from_slice(&nonce.to_be_bytes());
        DeviceId(id)
    });
    ids.find(|id| DeviceKey { account, device: *id }.partition() == PARTITION).unwrap()
}

/// So many metres north of the origin.
pub(crate) fn north(metres: f64) -> PointE7 {
    PointE7::from_degrees(37.5 + metres / 111_195.080, 127.0).unwrap()
}

/// A circle around a point north of the origin.
pub(crate) fn fence(id: u32, north_m: f64, radius_m: f64) -> TargetSpec {
    TargetSpec {
        id: TargetId(id),
        account: ACCOUNT,
        key: format!("key-{id}"),
        name: format!("Fence {id}"),
        labels: Labels::default(),
        place: None,
        at_home: false,
        shape: Shape::Circle { center: north(north_m), radius_m },
    }
}

/// A store's signal range or inside.
pub(crate) fn store(id: u32, place: u32, area: PlaceArea, north_m: f64, r_m: f64) -> TargetSpec {
    TargetSpec { place: Some((PlaceId(place), area)), ..fence(id, north_m, r_m) }
}

/// A campaign that pushes on enter, once in its period, at any hour, to everyone.
pub(crate) fn campaign(id: u32, targets: &[u32]) -> CampaignSpec {
    CampaignSpec {
        id: CampaignId(id),
        account: ACCOUNT,
        name: format!("Campaign {id}"),
        client_code: String::new(),
        mode: RunMode::Running,
        apps: vec![AppId(1)],
        audience: AudienceSpec::All,
        test_devices: Vec::new(),
        blacklist: true,
        targets: targets.iter().map(|id| TargetId(*id)).collect(),
        condition: Condition::Enter,
        start: date(2026, 11, 23),
        end: date(2026, 12, 31),
        windows: vec![WindowSpec { weekdays: every_day(), start_min: 0, end_min: 24 * 60 }],
        frequency: Frequency::OncePerPeriod,
        priority: 0,
        holdout_pct: 0,
        total_limit: None,
        max_accuracy_m: None,
        push_ttl_s: 600,
        messages: Vec::new(),
    }
}

/// A campaign that pushes after a while inside.
pub(super) fn dwelling(id: u32, targets: &[u32], dwell_s: u32) -> CampaignSpec {
    CampaignSpec { condition: Condition::Dwell { dwell_s }, ..campaign(id, targets) }
}

/// A campaign that pushes on the way out.
pub(super) fn leaving(id: u32, targets: &[u32]) -> CampaignSpec {
    CampaignSpec { condition: Condition::Exit, ..campaign(id, targets) }
}

/// A campaign being tried out on devices.
pub(super) fn testing(id: u32, targets: &[u32], devices: &[DeviceId]) -> CampaignSpec {
    CampaignSpec { mode: RunMode::Testing, test_devices: devices.to_vec(), ..campaign(id, targets) }
}

/// An account without any rule of its own.
pub(crate) fn account(id: u32) -> AccountSpec {
    AccountSpec {
        night_rule: false,
        daily_cap: None,
        monthly_limit: None,
        blacklist: Vec::new(),
        blacklist_echo: Vec::new(),
        ..samples::account(id)
    }
}

/// One fix, as a test tells it.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) account: AccountId,
    pub(super) app: AppId,
    pub(super) fix: Fix,
    /// How long it was on its way, s.
    pub(super) delay_s: i64,
}

/// A good fix of device `number`, taken in at once.
pub(super) fn seen(number: u32, time_s: i64, north_m: f64) -> Seen {
    let fix = Fix {
        device: device(number),
        at: north(north_m),
        fixed_at: at(time_s),
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    Seen { account: ACCOUNT, app: AppId(1), fix, delay_s: 0 }
}

impl Seen {
    pub(super) fn accuracy(mut self, accuracy_m: u16) -> Self {
        self.fix.accuracy_m = accuracy_m;
        self
    }
    pub(super) fn flags(mut self, flags: u16) -> Self {
        self.fix.flags = PingFlags(flags);
        self
    }
    pub(super) fn app(mut self, app: u32) -> Self {
        self.app = AppId(app);
        self
    }
    pub(super) fn late_by(mut self, delay_s: i64) -> Self {
        self.delay_s = delay_s;
        self
    }
    pub(super) fn millis(mut self, ms: i64) -> Self {
        self.fix.fixed_at = self.fix.fixed_at + ms;
        self
    }
}

/// What one step brought.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) decisions: Vec<Decision>,
    /// What the step added to the counters; `open` is what is open now.
    pub(super) counts: Counts,
}

impl Got {
    pub(super) fn jobs(&self) -> Vec<PushJob> {
        let job = |decision: &Decision| match decision.output {
            Output::Job(job) => Some(job),
            Output::Event(_) | Output::Visit(_) => None,
        };
        self.decisions.iter().filter_map(job).collect()
    }
    pub(super) fn job(&self) -> PushJob {
        assert_eq!(self.jobs().len(), 1, "one job: {self:?}");
        self.jobs()[0]
    }
    /// The campaigns that pushed.
    pub(super) fn pushed(&self) -> Vec<u32> {
        self.jobs().iter().map(|job| job.campaign.0).collect()
    }
    pub(super) fn events(&self) -> Vec<AttributionEvent> {
        let event = |decision: &Decision| match decision.output {
            Output::Event(event) => Some(event),
            Output::Job(_) | Output::Visit(_) => None,
        };
        self.decisions.iter().filter_map(event).collect()
    }
    pub(super) fn event_kinds(&self) -> Vec<EventKind> {
        self.events().iter().map(|event| event.kind).collect()
    }
    /// Enters, exits and dwells.
    pub(super) fn moves(&self) -> (u64, u64, u64) {
        (self.counts.enters, self.counts.exits, self.counts.dwells)
    }
    /// Why triggers were closed without a job, each as often as it happened.
    pub(super) fn suppressed(&self) -> Vec<SuppressReason> {
        let all = SuppressReason::ALL.iter();
        all.flat_map(|reason| {
            let times = self.counts.suppressed[usize::from(reason.number())];
            std::iter::repeat_n(*reason, usize::try_from(times).unwrap())
        })
        .collect()
    }
    /// Why records were refused.
    pub(super) fn rejected(&self) -> Vec<RejectReason> {
        let all = RejectReason::ALL.iter();
        all.flat_map(|reason| {
            let times = self.counts.rejected[usize::from(reason.number())];
            std::iter::repeat_n(*reason, usize::try_from(times).unwrap())
        })
        .collect()
    }
}

/// A partition, its snapshot, and its shadow.
pub(super) struct World {
    pub(super) source: Source,
    pub(super) partition: Partition,
    pub(super) out: Outputs,
    loaded: Loaded,
    epoch: u64,
    shadow: Partition,
    shadow_out: Outputs,
}

impl World {
    /// A world that has published these.
    pub(super) fn new(targets: Vec<TargetSpec>, campaigns: Vec<CampaignSpec>) -> Self {
        Self::with(account(1), targets, campaigns)
    }

    /// The same, under an account's own rules.
    pub(super) fn with(
        account: AccountSpec,
        targets: Vec<TargetSpec>,
        campaigns: Vec<CampaignSpec>,
    ) -> Self {
        let source = Source { accounts: vec![account], targets, campaigns };
        let loaded = samples::loaded(&source, 1, None);
        let partition = Partition::new(PARTITION, KEY, Policy::default());
        let shadow = partition.clone();
        let (out, shadow_out) = (Outputs::default(), Outputs::default());
        let mut world = Self { source, partition, out, loaded, epoch: 1, shadow, shadow_out };
        world.announce();
        world
    }

    /// Takes an input, twice, and compares.
    pub(super) fn step(&mut self, input: &Input<'_>) -> Got {
        let before = self.out.counts;
        let view = Some(self.loaded.view());
        self.partition.step(input, view, &mut self.out);
        self.shadow = restored(&self.shadow);
        self.shadow.step(input, view, &mut self.shadow_out);
        assert_eq!(self.out.decisions, self.shadow_out.decisions, "the restored one decides alike");
        assert_eq!(self.out.counts, self.shadow_out.counts, "the restored one counts alike");
        assert_eq!(self.out.wants, self.shadow_out.wants, "the restored one wants alike");
        assert!(self.out.counts.triggers_add_up(), "{:?}", self.out.counts);
        assert_eq!(self.out.counts.open, self.partition.open_triggers(), "open ones are counted");
        self.shadow_out.decisions.clear();
        let decisions = std::mem::take(&mut self.out.decisions);
        Got { decisions, counts: added(&before, &self.out.counts) }
    }

    /// Steps without the shadow, which would write and read a large state.
    pub(super) fn step_alone(&mut self, input: &Input<'_>) {
        self.partition.step(input, Some(self.loaded.view()), &mut self.out);
    }

    pub(super) fn see(&mut self, seen: Seen) -> Got {
        self.step(&Input::Fixes(Batch {
            account: seen.account,
            app: seen.app,
            origin: None,
            received_at: seen.fix.fixed_at + seen.delay_s * 1000,
            records: &[seen.fix],
        }))
    }

    /// Steps good fixes of device 1 and returns what the last one brought.
    pub(super) fn walk(&mut self, steps: &[(i64, f64)]) -> Got {
        let mut got = Got::default();
        for (time_s, north_m) in steps {
            got = self.see(seen(1, *time_s, *north_m));
        }
        got
    }

    pub(super) fn tick(&mut self, time_s: i64) -> Got {
        self.step(&Input::Tick { now: at(time_s) })
    }

    pub(super) fn hint(&mut self, time_s: i64, place: u32, verdict: HintVerdict) -> Got {
        self.hint_ahead(0, time_s, place, verdict)
    }

    /// A hint of a device whose clock is ahead by so much.
    pub(super) fn hint_ahead(
        &mut self,
        ahead_s: i64,
        time_s: i64,
        place: u32,
        verdict: HintVerdict,
    ) -> Got {
        let hint =
            PlaceHint { device: device(1), place: PlaceId(place), fixed_at: at(time_s), verdict };
        self.step(&Input::Hints(batch(at(time_s - ahead_s), &[hint])))
    }

    pub(super) fn profile(&mut self, change: impl FnOnce(&mut Profile)) -> Got {
        let mut profile = Profile {
            device: device(1),
            echo: [0; 16],
            platform: Platform::Unknown,
            ads_consent: true,
            night_consent: false,
        };
        change(&mut profile);
        self.step(&Input::Profiles(batch(self.partition.clock().max(at(-86_400)), &[profile])))
    }

    pub(super) fn grant(&mut self, limit: LimitId, pushes: i64) -> Got {
        self.step(&Input::Grant(Grant { limit, pushes }))
    }

    pub(super) fn policy(&mut self, change: impl FnOnce(&mut Policy)) -> Got {
        let mut policy = *self.partition.policy();
        change(&mut policy);
        self.step(&Input::Policy(&policy))
    }

    /// Publishes the source, changed.
    pub(super) fn publish(&mut self, change: impl FnOnce(&mut Source)) -> Got {
        change(&mut self.source);
        self.epoch += 1;
        self.loaded = samples::loaded(&self.source, self.epoch, Some(self.loaded.view()));
        self.announce()
    }

    /// How many stays device `number` has open.
    pub(super) fn stays(&self, number: u32) -> Vec<u32> {
        let key = DeviceKey { account: ACCOUNT, device: device(number) };
        let Some(id) = self.partition.table.find(key) else { return Vec::new() };
        let stays = self.partition.table.stays.get(self.partition.table.row(id).stays);
        stays.iter().map(|stay| stay.target.0).collect()
    }

    pub(super) fn view(&self) -> SnapshotView<'_> {
        self.loaded.view()
    }

    /// Open triggers.
    pub(super) fn open(&self) -> u64 {
        self.out.counts.open
    }

    pub(super) fn hash(&self) -> crate::domain::ids::SnapshotHash {
        self.loaded.view().hash()
    }

    fn announce(&mut self) -> Got {
        let (epoch, hash) = (self.loaded.view().epoch(), self.loaded.view().hash());
        self.step(&Input::Publication { epoch, hash })
    }
}

pub(super) fn batch<T>(received_at: UtcMs, records: &[T]) -> Batch<'_, T> {
    Batch { account: ACCOUNT, app: AppId(1), origin: None, received_at, records }
}

/// The partition, written and read back.
pub(super) fn restored(partition: &Partition) -> Partition {
    let bytes = state_bytes(partition);
    Partition::read_state(partition.id(), KEY, &mut TurnedAround, &bytes).unwrap()
}

/// The bytes of a partition's state.
pub(super) fn state_bytes(partition: &Partition) -> Vec<u8> {
    let mut bytes = Vec::new();
    partition.write_state(&mut TurnedAround, &mut bytes);
    bytes
}

/// Seals a device as its id turned around: enough to see that it passes through a seal.
pub(super) struct TurnedAround;

impl DeviceSeal for TurnedAround {
    fn seal(&mut self, device: DeviceKey) -> [u8; SEALED_LEN] {
        let mut sealed = [0xA5; SEALED_LEN];
        sealed[2..].copy_from_slice(&device.device.0);
        sealed[2..].reverse();
        sealed
    }
    fn open(&mut self, _account: u32, sealed: &[u8; SEALED_LEN]) -> Option<DeviceId> {
        let mut id: [u8; 16] = sealed[2..].try_into().unwrap();
        id.reverse();
        (sealed[..2] == [0xA5; 2]).then_some(DeviceId(id))
    }
}

fn added(before: &Counts, after: &Counts) -> Counts {
    let mut added = *after;
    added.evaluated -= before.evaluated;
    added.late -= before.late;
    added.hits -= before.hits;
    added.enters -= before.enters;
    added.exits -= before.exits;
    added.dwells -= before.dwells;
    added.visits -= before.visits;
    added.triggers -= before.triggers;
    added.jobs -= before.jobs;
    added.evicted -= before.evicted;
    added.forgotten -= before.forgotten;
    added.suppressed.iter_mut().zip(before.suppressed).for_each(|(now, then)| *now -= then);
    added.rejected.iter_mut().zip(before.rejected).for_each(|(now, then)| *now -= then);
    added
}
