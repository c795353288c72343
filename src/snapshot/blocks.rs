//! What a snapshot's blocks hold: flat arrays and offsets, archived by rkyv.
//!
//! [`build`](super::build) fills these, [`block`](super::block) puts each behind a header with its hash,
//! [`verify`](super::verify) checks once what the archive's own validation cannot know (order, ranges,
//! offsets), and [`view`](super::view) reads them in place. Numbers of enums are durable and never reused.
//!
//! A block refers to another by position only inside one account; the [`Manifest`] names blocks by hash,
//! so that equal blocks are one file, shared between accounts and epochs.

use rkyv::{Archive, Serialize};

pub use super::kind::BlockKind;
use super::labels::{LabelRow, LabelTable};

/// Which blocks make up a snapshot. The hash of its block is the snapshot's hash.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct Manifest {
    /// The local day from which schedules are compiled, as days since 1970-01-01.
    pub valid_from_day: i32,
    /// Where there are member hashes, that of the nil device: tells under which installation key they were made.
    pub key_check: Option<u64>,
    /// [`GeometryBlock`](super::index::GeometryBlock)s, a power of two of them or none: the polygons of all accounts.
    pub geometry: Vec<[u8; 32]>,
    /// In ascending order of id.
    pub accounts: Vec<ManifestAccount>,
}

/// The blocks of one account, each by its hash.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct ManifestAccount {
    /// The account's number.
    pub id: u32,
    /// [`AtlasBlock`](super::index::AtlasBlock): which tile of the index a point is in.
    pub atlas: [u8; 32],
    /// [`TileBlock`](super::index::TileBlock)s: which watched targets contain a point. Each once, at least one.
    pub tiles: Vec<[u8; 32]>,
    /// Pages of [`ShapesBlock`](super::index::ShapesBlock)s: what the watched targets are.
    pub shapes: Vec<[u8; 32]>,
    /// Pages of [`TargetsBlock`]s: the keys, names, labels and places of all targets.
    pub targets: Vec<[u8; 32]>,
    /// Pages of [`WatchBlock`]s: which campaigns watch them.
    pub watch: Vec<[u8; 32]>,
    /// [`PlacesBlock`]: which watched targets belong to which store.
    pub places: [u8; 32],
    /// [`CampaignsBlock`]: what the campaigns and the account ask for.
    pub campaigns: [u8; 32],
    /// [`CalendarBlock`]: days, months and nights of its time zone.
    pub calendar: [u8; 32],
    /// [`ScheduleBlock`]: the weekday windows of its campaigns.
    pub schedule: [u8; 32],
    /// [`AudienceBlock`]s: the member sets that the campaigns block refers to by position.
    pub audiences: Vec<[u8; 32]>,
}

/// What stands beside a manifest: its epoch, and what was carried over from the epochs before. The same
/// manifest can be published twice (a rollback does), so none of this is part of the snapshot's hash.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct Standing {
    /// The snapshot's number.
    pub epoch: u64,
    /// The hash of the manifest it stands beside.
    pub snapshot: [u8; 32],
    /// The epoch whose content it repeats, where it is a rollback; else 0.
    pub rollback_of: u64,
    /// In ascending order of id. Accounts that have left are kept for their `next_target_id`.
    pub accounts: Vec<StandingAccount>,
}

/// What is carried from epoch to epoch for one account.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct StandingAccount {
    /// The account's number.
    pub id: u32,
    /// The last epoch in which its targets or campaigns changed.
    pub changed_in: u64,
    /// The first target id never dealt yet.
    pub next_target_id: u32,
    /// Since when each campaign has been in its mode, in ascending order of id.
    pub campaigns: Vec<StandingCampaign>,
}

/// Since when a campaign has been in its mode.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct StandingCampaign {
    /// The campaign's number.
    pub id: u32,
    /// The number of its [`RunMode`](crate::domain::campaign::RunMode).
    pub mode: u8,
    /// The epoch in which it entered that mode.
    pub run_since: u64,
}

/// Where the row of an id is: by one look-up where ids are dense, else by binary search.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct IdTable {
    /// In ascending order; its position is the row.
    pub ids: Vec<u32>,
    /// Row + 1 by id less `base`, 0 where there is none. Empty where the ids are too sparse for it.
    pub direct: Vec<u32>,
    /// No id is below it.
    pub base: u32,
}

/// Keys, names, labels and places of a page of an account's targets, watched or not: the target directory.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct TargetsBlock {
    /// In ascending order of id.
    pub rows: Vec<TargetRow>,
    /// Keys and names, one after another.
    pub text: String,
    /// What messages may say of them besides.
    pub labels: LabelTable,
}

/// One target but for its shape.
#[derive(Archive, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct TargetRow {
    /// The target's number.
    pub id: u32,
    /// Where its key starts in the text.
    pub key_start: u32,
    /// Where its key ends and its name starts.
    pub name_start: u32,
    /// Where its name ends.
    pub name_end: u32,
    /// The store it belongs to, 0 for none.
    pub place: u32,
    /// The number of the store's [`PlaceArea`](crate::domain::target::PlaceArea), 0 without a store; [`HOME_AREA`].
    pub area: u8,
    /// What messages may say of it besides.
    pub labels: LabelRow,
}

/// Which targets of a page are watched, and by which campaigns.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct WatchBlock {
    /// The watched targets.
    pub targets: IdTable,
    /// Per watched target its row in its page of the directory; `u32::MAX` for the one that contains every fix.
    pub target_rows: Vec<u32>,
    /// Per watched target where its campaigns start in `campaigns`; one more entry ends the last.
    pub first: Vec<u32>,
    /// Rows of the campaigns block, ascending per target.
    pub campaigns: Vec<u32>,
}

/// Stands for an area where a target is no store's, but for those alone who are at home there.
pub const HOME_AREA: u8 = 3;

/// Stands for the store of such a target.
pub const AT_HOME: u32 = 0;

/// Which watched targets belong to a store, or are for those at home.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct PlacesBlock {
    /// (store or [`AT_HOME`], target), ascending.
    pub targets: Vec<(u32, u32)>,
}

impl ArchivedPlacesBlock {
    /// Whether a target is for those at home: their entries come first.
    #[must_use]
    pub fn has_homes(&self) -> bool {
        self.targets.first().is_some_and(|entry| entry.0.to_native() == AT_HOME)
    }
}

/// What an account and its campaigns ask for.
#[derive(Archive, Serialize, Clone, PartialEq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct CampaignsBlock {
    /// The account's name.
    pub account_name: String,
    /// Its time zone, an IANA name.
    pub time_zone: String,
    /// Whether pushes at night need the user's agreement.
    pub night_rule: bool,
    /// Whether every target is watched for visits, and who gets them.
    pub visits: VisitsRow,
    /// Pushes a device may get in a local day.
    pub daily_cap: Option<u16>,
    /// Pushes in a local month.
    pub monthly_limit: Option<u64>,
    /// In ascending order of id.
    pub apps: Vec<AppRow>,
    /// Devices that get nothing.
    pub blacklist: MemberSet,
    /// The same by echo code.
    pub blacklist_echo: MemberSet,
    /// The campaigns' numbers; a position there is a row here.
    pub ids: IdTable,
    /// In ascending order of id.
    pub rows: Vec<CampaignRow>,
}

/// What an account does with visits, and whether it notes nights: all but the first do. The first two are the bytes of what was once a flag: blocks from before there was
/// an export read the same.
#[derive(Archive, Serialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug, PartialEq, Eq))]
#[repr(u8)]
pub enum VisitsRow {
    /// It measures none.
    #[default]
    None = 0,
    /// It measures them for its own reports.
    Measured = 1,
    /// Its consumers get them, too.
    Exported = 2,
    /// It measures none, and notes where devices spend their nights all the same.
    Nights = 3,
}

/// An app of an account.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct AppRow {
    /// Its number.
    pub id: u32,
    /// Its package name or bundle id.
    pub package: String,
    /// `android` or `ios`.
    pub platform: String,
}

/// One campaign.
#[derive(Archive, Serialize, Clone, PartialEq, Debug)]
#[rkyv(derive(Debug))]
pub struct CampaignRow {
    /// Its number.
    pub id: u32,
    /// The number of its [`RunMode`](crate::domain::campaign::RunMode).
    pub mode: u8,
    /// Per cent of devices held out.
    pub holdout_pct: u8,
    /// Whether the account's blacklist is honoured.
    pub honours_blacklist: bool,
    /// What must happen.
    pub condition: ConditionRow,
    /// How often.
    pub frequency: FrequencyRow,
    /// The higher wins a moment.
    pub priority: i32,
    /// How long a job is worth sending, s.
    pub push_ttl_s: u32,
    /// Overrides the policy's accuracy limit, m.
    pub max_accuracy_m: Option<u16>,
    /// Pushes in all.
    pub total_limit: Option<u64>,
    /// First instant of its first local day, UTC ms.
    pub starts_at: i64,
    /// First instant after its last local day, UTC ms.
    pub ends_at: i64,
    /// Its first local day, as days since 1970-01-01.
    pub start_day: i32,
    /// Its last local day, inclusive.
    pub end_day: i32,
    /// Which set of the schedule block its windows compile to.
    pub window_set: u32,
    /// Its windows as written, for people and to tell whether they changed.
    pub windows: Vec<WindowRow>,
    /// Whom it addresses; nobody's list for everyone.
    pub audience: Option<MemberSet>,
    /// Member hashes of its test devices, ascending.
    pub test_devices: Vec<u64>,
    /// The apps whose pings count, ascending.
    pub apps: Vec<u32>,
    /// What it watches, ascending.
    pub targets: Vec<u32>,
    /// For people.
    pub name: String,
    /// The owner's own code.
    pub client_code: String,
    /// None, one, or two for an A/B test.
    pub messages: Vec<MessageRow>,
}

/// [`Condition`](crate::domain::campaign::Condition), archived.
#[derive(Archive, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
#[repr(u8)]
pub enum ConditionRow {
    /// The device comes in.
    Enter,
    /// It stays inside for so long, s.
    Dwell(u32),
    /// It goes out.
    Exit,
}

/// [`Frequency`](crate::domain::campaign::Frequency), archived.
#[derive(Archive, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
#[repr(u8)]
pub enum FrequencyRow {
    /// Once in the period.
    OncePerPeriod,
    /// Once a local day.
    OncePerDay,
    /// Again while the device stays, after this pause, s.
    Resend(u32),
}

/// One row of the weekly schedule.
#[derive(Archive, Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[rkyv(derive(Debug))]
pub struct WindowRow {
    /// Bit 0 is Monday, bit 6 Sunday.
    pub weekdays: u8,
    /// Minutes after local midnight.
    pub start_min: u16,
    /// Minutes after local midnight, exclusive.
    pub end_min: u16,
}

/// A set of member hashes: short ones in place, long ones as a block of their own.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
#[repr(u8)]
pub enum MemberSet {
    /// Ascending.
    Here(Vec<u64>),
    /// The audience block at this position in the manifest's list.
    Block(u32),
}

impl Default for MemberSet {
    fn default() -> Self {
        Self::Here(Vec::new())
    }
}

/// A message as the marketer wrote it.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug))]
pub struct MessageRow {
    /// The title's template.
    pub title: String,
    /// The body's template.
    pub body: String,
    /// An image.
    pub image_url: Option<String>,
    /// Where a click leads.
    pub landing_url: Option<String>,
    /// Where it leads in some apps instead.
    pub landing_urls: Vec<AppUrlRow>,
}

/// Where a click leads in one app.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug)]
#[rkyv(derive(Debug, PartialEq, Eq))]
pub struct AppUrlRow {
    /// The app's number.
    pub app: u32,
    /// The address.
    pub url: String,
}

/// The days, months and nights of a time zone over the compiled span. Shared by all accounts of the zone.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct CalendarBlock {
    /// The zone's IANA name.
    pub time_zone: String,
    /// The end of the compiled span, UTC ms: nothing is known from here on.
    pub ends_at: i64,
    /// (first instant, day since 1970-01-01): that day holds until the next entry. Ascending.
    pub days: Vec<(i64, i32)>,
    /// (first instant, month since 1970-01), likewise.
    pub months: Vec<(i64, i32)>,
    /// The nights, 21:00 to 08:00, as half-open intervals: ascending, apart.
    pub nights: Vec<(i64, i64)>,
}

/// Weekday windows compiled to UTC. Equal ones are stored once.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct ScheduleBlock {
    /// Where each set starts in `spans`; one more entry ends the last.
    pub first: Vec<u32>,
    /// Half-open intervals, UTC ms: ascending and apart within a set.
    pub spans: Vec<(i64, i64)>,
}

/// Members of an audience or a blacklist, as keyed hashes.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct AudienceBlock {
    /// Ascending, without repeats.
    pub members: Vec<u64>,
}
