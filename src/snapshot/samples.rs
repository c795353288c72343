//! Specs for tests: a small account in Seoul, and ways to change it.

use jiff::civil::{Date, date};

use super::build::{BuildOptions, Source, build};
use super::calendar::every_day;
use super::load::Loaded;
use super::view::SnapshotView;
use crate::domain::campaign::{
    AccountSpec, AppSpec, AudienceSpec, CampaignSpec, Condition, Frequency, MessageSpec, RunMode,
    WindowSpec,
};
use crate::domain::ids::{AccountId, AppId, CampaignId, DeviceId, Epoch, PlaceId, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::target::{Labels, PlaceArea, Ring, Shape, TargetSpec, Vertex};
use crate::domain::units::PointE7;

pub(crate) const KEY: InstallationKey = InstallationKey([7; 32]);
pub(crate) const VALID_FROM: Date = date(2026, 11, 23);

pub(crate) fn device(number: u32) -> DeviceId {
    let mut id = [0x40; 16];
    id[..4].copy_from_slice(&number.to_le_bytes());
    DeviceId(id)
}

pub(crate) fn account(id: u32) -> AccountSpec {
    AccountSpec {
        id: AccountId(id),
        name: format!("Account {id}"),
        time_zone: "Asia/Seoul".to_owned(),
        apps: vec![
            AppSpec {
                id: AppId(1),
                package: "kr.example.app".to_owned(),
                platform: "android".to_owned(),
            },
            AppSpec {
                id: AppId(2),
                package: "kr.example.ios".to_owned(),
                platform: "ios".to_owned(),
            },
        ],
        night_rule: true,
        daily_cap: Some(3),
        monthly_limit: Some(100_000),
        blacklist: vec![device(900), device(901)],
        blacklist_echo: vec![[9; 16]],
        measure_visits: false,
        export_visits: false,
        note_nights: false,
    }
}

pub(crate) fn circle(account: u32, id: u32) -> TargetSpec {
    let step = i32::try_from(id).unwrap() * 10_000;
    let center = PointE7::new(375_665_000 + step, 1_269_780_000).unwrap();
    TargetSpec {
        id: TargetId(id),
        account: AccountId(account),
        key: format!("key-{id}"),
        name: format!("펜스 {id}"),
        labels: labels(id),
        place: id.is_multiple_of(2).then_some((PlaceId(id / 2 + 1), PlaceArea::Signal)),
        at_home: false,
        shape: Shape::Circle { center, radius_m: 150.0 },
    }
}

/// Every third target is of a brand, and every fourth lies in a district that is known.
pub(crate) fn labels(id: u32) -> Labels {
    let text = |is_known: bool, text: &str| if is_known { text.to_owned() } else { String::new() };
    let is_known = id.is_multiple_of(4);
    Labels {
        brand: text(id.is_multiple_of(3), ["별다방", "콩다방"][(id % 2) as usize]),
        districts: ["서울특별시", "성동구", "성수동"].map(|district| text(is_known, district)),
        is_region: false,
    }
}

pub(crate) fn square(account: u32, id: u32) -> TargetSpec {
    let corner = |lat: i64, lon: i64| Vertex { lat: 375_000_000 + lat, lon: 1_270_000_000 + lon };
    let ring =
        Ring(vec![corner(0, 0), corner(0, 50_000), corner(50_000, 50_000), corner(50_000, 0)]);
    TargetSpec { shape: Shape::Polygon { rings: vec![ring] }, ..circle(account, id) }
}

/// A polygon of so many corners: of many, a few fill a bucket.
pub(crate) fn comb(account: u32, id: u32, corners: i64) -> TargetSpec {
    let south = 370_000_000 + i64::from(id % 50) * 20_000;
    let tooth = |n: i64| Vertex { lat: south + n % 2 * 9_000, lon: 1_280_000_000 + n * 50 };
    let mut ring: Vec<Vertex> = (0..corners).map(tooth).collect();
    ring.push(Vertex { lat: south - 9_000, lon: 1_280_000_000 });
    TargetSpec { shape: Shape::Polygon { rings: vec![Ring(ring)] }, ..circle(account, id) }
}

pub(crate) fn campaign(account: u32, id: u32, targets: &[u32]) -> CampaignSpec {
    CampaignSpec {
        id: CampaignId(id),
        account: AccountId(account),
        name: format!("Campaign {id}"),
        client_code: "C-1".to_owned(),
        mode: RunMode::Running,
        apps: vec![AppId(1)],
        audience: AudienceSpec::All,
        test_devices: vec![device(800)],
        blacklist: true,
        targets: targets.iter().map(|id| TargetId(*id)).collect(),
        condition: Condition::Enter,
        start: date(2026, 11, 23),
        end: date(2026, 12, 31),
        windows: vec![WindowSpec { weekdays: every_day(), start_min: 9 * 60, end_min: 18 * 60 }],
        frequency: Frequency::OncePerDay,
        priority: 0,
        holdout_pct: 0,
        total_limit: None,
        max_accuracy_m: None,
        push_ttl_s: 600,
        messages: vec![MessageSpec {
            title: "안녕하세요".to_owned(),
            body: "${geofence} 에 오신 것을 환영합니다".to_owned(),
            image_url: None,
            landing_url: Some("https://example.com/".to_owned()),
            landing_urls: Vec::new(),
        }],
    }
}

/// One account, three targets of which two are watched, two campaigns.
pub(crate) fn source() -> Source {
    Source {
        accounts: vec![account(1)],
        targets: vec![circle(1, 1), circle(1, 2), square(1, 3)],
        campaigns: vec![campaign(1, 10, &[1, 3]), campaign(1, 20, &[3, TargetId::NATIONWIDE.0])],
    }
}

pub(crate) fn options(epoch: u64, previous: Option<SnapshotView<'_>>) -> BuildOptions<'_> {
    BuildOptions { epoch: Epoch(epoch), valid_from: VALID_FROM, key: &KEY, previous }
}

pub(crate) fn loaded(source: &Source, epoch: u64, previous: Option<SnapshotView<'_>>) -> Loaded {
    build(source, options(epoch, previous)).unwrap().load_in_memory().unwrap()
}
