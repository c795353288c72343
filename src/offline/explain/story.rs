//! What a device does under a campaign, for tests: fixes in seconds after noon and metres to the north.

use std::sync::Arc;

use super::answer::Explanation;
use super::question::{ExplainError, Question};
use super::telling::told;
use super::walk::Walk;
use crate::domain::campaign::{AccountSpec, CampaignSpec};
use crate::domain::fix::Fix;
use crate::domain::ids::{AppId, CampaignId, DeviceId, DeviceKey};
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::target::TargetSpec;
use crate::engine::testkit::{ACCOUNT, account, at, fence, north};
use crate::engine::{Outputs, Partition};
use crate::snapshot::build::Source;
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{self, KEY};

pub(super) const DEVICE: DeviceId = DeviceId([7; 16]);

/// What a device does, under a campaign.
pub(super) struct Story {
    pub(super) account: AccountSpec,
    pub(super) targets: Vec<TargetSpec>,
    pub(super) campaigns: Vec<CampaignSpec>,
    pub(super) fixes: Vec<(Fix, AppId, i64)>,
    pub(super) ticks: Vec<i64>,
    pub(super) question: Question,
}

impl Story {
    /// Of campaign 10 at a circle of 100 m.
    pub(super) fn of(spec: CampaignSpec) -> Self {
        let device = DeviceKey { account: ACCOUNT, device: DEVICE };
        Self {
            account: account(1),
            targets: vec![fence(1, 0.0, 100.0)],
            campaigns: vec![spec],
            fixes: Vec::new(),
            ticks: Vec::new(),
            question: Question::new(device, CampaignId(10)),
        }
    }

    /// A good fix, so many seconds after noon and metres to the north.
    pub(super) fn fix(self, time_s: i64, north_m: f64) -> Self {
        self.fix_with(time_s, north_m, |_fix, _app, _delay_s| {})
    }

    pub(super) fn fix_with(
        mut self,
        time_s: i64,
        north_m: f64,
        change: impl FnOnce(&mut Fix, &mut AppId, &mut i64),
    ) -> Self {
        let mut fix = Fix {
            device: DEVICE,
            at: north(north_m),
            fixed_at: at(time_s),
            accuracy_m: 10,
            flags: PingFlags(0),
        };
        let (mut app, mut delay_s) = (AppId(1), 0);
        change(&mut fix, &mut app, &mut delay_s);
        self.fixes.push((fix, app, delay_s));
        self
    }

    pub(super) fn tell(self) -> Explanation {
        self.try_tell().unwrap()
    }

    pub(super) fn try_tell(self) -> Result<Explanation, ExplainError> {
        self.tell_from(|_partition, _input, _loaded| false)
    }

    /// As told by whoever has nothing but the state that came of it.
    pub(super) fn tell_from_state(self) -> Explanation {
        let stepped = |partition: &mut Partition, input: &Input<'_>, loaded: &Loaded| {
            partition.step(input, Some(loaded.view()), &mut Outputs::default());
            true
        };
        self.tell_from(stepped).unwrap()
    }

    /// `before` takes the inputs that the records do not reach back to.
    fn tell_from(
        self,
        before: impl Fn(&mut Partition, &Input<'_>, &Loaded) -> bool,
    ) -> Result<Explanation, ExplainError> {
        let Self { account, targets, campaigns, fixes, ticks, question } = self;
        let source = Source { accounts: vec![account], targets, campaigns };
        let loaded = Arc::new(samples::loaded(&source, 1, None));
        let (epoch, hash) = (loaded.view().epoch(), loaded.view().hash());
        let batches: Vec<([Fix; 1], AppId, i64)> =
            fixes.into_iter().map(|(fix, app, delay_s)| ([fix], app, delay_s)).collect();
        let mut inputs = vec![Input::Publication { epoch, hash }];
        inputs.extend(batches.iter().map(|(records, app, delay_s)| {
            let received_at = records[0].fixed_at + delay_s * 1000;
            Input::Fixes(Batch { account: ACCOUNT, app: *app, origin: None, received_at, records })
        }));
        inputs.extend(ticks.into_iter().map(|now| Input::Tick { now: at(now) }));
        let mut partition = Partition::new(question.device.partition(), KEY, Policy::default());
        inputs.retain(|input| !before(&mut partition, input, &loaded));
        let find = move |_epoch, _before: Option<&Loaded>| Ok(Arc::clone(&loaded));
        let mut walk = Walk::new(partition, &find, &question);
        for input in &inputs {
            walk.take(input)?;
        }
        told(&question, &walk.end()?)
    }
}
