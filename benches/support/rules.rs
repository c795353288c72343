//! The same pings through all rules, with 200 campaigns: fence i belongs to campaign i mod 200, once a day.

use geofenced::domain::campaign::{
    AccountSpec, AppSpec, AudienceSpec, CampaignSpec, Condition, Frequency, MessageSpec, RunMode,
    WindowSpec,
};
use geofenced::domain::fix::Fix;
use geofenced::domain::ids::{AccountId, AppId, CampaignId, DeviceId, Epoch, TargetId};
use geofenced::domain::lots::InstallationKey;
use geofenced::domain::policy::Policy;
use geofenced::domain::target::{Labels, Shape, TargetSpec};
use geofenced::engine::Counts;
use geofenced::offline::pings::read_fixes;
use geofenced::offline::simulate::{Simulated, Simulation, simulate};
use geofenced::snapshot::build::{BuildOptions, Source, build};
use geofenced::snapshot::calendar::every_day;
use geofenced::snapshot::load::Loaded;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::sets::{Set, paths};

const ACCOUNT: AccountId = AccountId(1);
const APP: AppId = AppId(1);
const CAMPAIGNS: u32 = 200;
const KEY: InstallationKey = InstallationKey([7; 32]);

/// A snapshot of the set's fences under the campaigns, and the set's fixes.
pub(crate) struct Rules {
    loaded: Loaded,
    fixes: Vec<Fix>,
    /// The fixes, and once more an hour later.
    twice: Vec<Fix>,
}

/// Longer than any gap: the devices come anew, to buckets of the same day.
const LATER_MS: i64 = 3_600_000;

impl Rules {
    pub(crate) fn new(set: &Set) -> Self {
        let fixes = read_fixes(&paths(set.name).1).expect("was read before").pings;
        let from = fixes.iter().map(|fix| fix.fixed_at.0).min().unwrap_or(0);
        let from = jiff::Timestamp::from_millisecond(from).expect("an instant");
        let valid_from = TimeZone::UTC.to_datetime(from).date().yesterday().expect("a day");
        let options = BuildOptions { epoch: Epoch(1), valid_from, key: &KEY, previous: None };
        let built = build(&source(&set.targets, valid_from), options).expect("builds");
        let later = fixes.iter().map(|fix| Fix { fixed_at: fix.fixed_at + LATER_MS, ..*fix });
        let twice = fixes.iter().copied().chain(later).collect();
        Self { loaded: built.load_in_memory().expect("loads"), fixes, twice }
    }

    /// One pass over all fixes, from an empty table of devices.
    pub(crate) fn pass(&self) -> Counts {
        self.run(&self.fixes).counts
    }

    /// The same and a second pass, where the devices are known and most of their buckets used.
    pub(crate) fn pass_twice(&self) -> Counts {
        self.run(&self.twice).counts
    }

    /// Bytes a device, all in, where a million devices send one fix each.
    pub(crate) fn bytes_a_device(&self) -> usize {
        let of = |nth: u128, fix: &Fix| Fix { device: DeviceId((nth + 1).to_le_bytes()), ..*fix };
        let crowd: Vec<Fix> =
            (0..).zip(&self.fixes).take(1_000_000).map(|(n, fix)| of(n, fix)).collect();
        let simulated = self.run(&crowd);
        simulated.device_bytes / simulated.devices.max(1)
    }

    fn run(&self, fixes: &[Fix]) -> Simulated {
        let simulation = Simulation {
            view: self.loaded.view(),
            key: KEY,
            policy: Policy { devices_per_partition: 1 << 16, ..Policy::default() },
            account: ACCOUNT,
            app: APP,
            shards: 1,
            batch: 1024,
            keep: false,
        };
        simulate(simulation, fixes, std::time::Duration::default, |_| ())
    }
}

/// The fences, each under its id and one, and the campaigns.
pub(crate) fn source(targets: &[(TargetId, Shape)], start: Date) -> Source {
    let app =
        AppSpec { id: APP, package: "com.example".to_owned(), platform: "android".to_owned() };
    let spec = |(id, shape): &(TargetId, Shape)| TargetSpec {
        id: TargetId(id.0 + 1),
        account: ACCOUNT,
        key: id.to_string(),
        name: format!("fence {id}"),
        labels: Labels::default(),
        place: None,
        at_home: false,
        shape: shape.clone(),
    };
    Source {
        accounts: vec![AccountSpec {
            apps: vec![app],
            time_zone: "Asia/Seoul".to_owned(),
            measure_visits: false,
            export_visits: false,
            ..AccountSpec::measuring(ACCOUNT)
        }],
        targets: targets.iter().map(spec).collect(),
        campaigns: (0..CAMPAIGNS).map(|nth| campaign(nth, targets, start)).collect(),
    }
}

fn campaign(nth: u32, targets: &[(TargetId, Shape)], start: Date) -> CampaignSpec {
    let own = targets.iter().filter(|(id, _)| id.0 % CAMPAIGNS == nth);
    let message =
        MessageSpec { title: "t".to_owned(), body: "b".to_owned(), ..MessageSpec::default() };
    CampaignSpec {
        id: CampaignId(nth + 1),
        account: ACCOUNT,
        name: format!("campaign {nth}"),
        client_code: String::new(),
        mode: RunMode::Running,
        apps: vec![APP],
        audience: AudienceSpec::All,
        test_devices: Vec::new(),
        blacklist: true,
        targets: own.map(|(id, _)| TargetId(id.0 + 1)).collect(),
        condition: Condition::Enter,
        start,
        end: start.checked_add(jiff::Span::new().days(300)).expect("a day"),
        windows: vec![WindowSpec { weekdays: every_day(), start_min: 0, end_min: 24 * 60 }],
        frequency: Frequency::OncePerDay,
        priority: 0,
        holdout_pct: 0,
        total_limit: None,
        max_accuracy_m: None,
        push_ttl_s: 600,
        messages: vec![message],
    }
}
