//! What consumers read: one job, event or visit with everything a sender or a report needs, the device sealed.
//!
//! [`encode`](super::encode) makes records from decisions, [`codec`](super::codec) turns them into bytes,
//! [`sink`](crate::sink) renders them for consumers. A record is self-contained: a consumer never asks the
//! snapshot, which may be long gone when the record is read.

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{EventKind, Transition, VisitEnd};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, Epoch, InputPosition, JobId, PlaceId, SnapshotHash, TargetId,
    VisitId,
};
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;
use crate::identity::SealedDevice;

/// One job, event or visit, as consumers read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxRecord {
    /// The input that caused it.
    pub position: InputPosition,
    /// Its place among the outputs of that input.
    pub ordinal: u32,
    /// Whose it is; the only account that may read it.
    pub account: AccountId,
    /// The device, opened only on its way to a consumer.
    pub device: SealedDevice,
    /// The number of the snapshot that decided it.
    pub epoch: Epoch,
    /// That snapshot's content hash.
    pub snapshot: SnapshotHash,
    /// When, by the device (or the deadline of a dwell timer).
    pub at: UtcMs,
    /// The account's time zone, an IANA name.
    pub time_zone: String,
    /// Tests are marked.
    pub mode: RunMode,
    /// Which message.
    pub variant: Variant,
    /// The campaign, where one is known.
    pub campaign: Option<CampaignNames>,
    /// The target, where one is known.
    pub target: Option<TargetNames>,
    /// What kind of record it is, with what only that kind has.
    pub content: Content,
}

/// A campaign by number and names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CampaignNames {
    /// Its number within the account.
    pub id: CampaignId,
    /// For people.
    pub name: String,
    /// The owner's own code, may be empty.
    pub client_code: String,
}

/// A target by number and names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetNames {
    /// Its stable number.
    pub id: TargetId,
    /// The owner's own key.
    pub key: String,
    /// For people, may be empty.
    pub name: String,
}

/// What only jobs, only events or only visits have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// An order to notify.
    Job(JobContent),
    /// A fact for attribution.
    Event(EventContent),
    /// A revision of a visit.
    Visit(VisitContent),
}

/// What only jobs have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobContent {
    /// Derived from (campaign, device, bucket).
    pub id: JobId,
    /// The app to notify through.
    pub app: AppId,
    /// Its package name or bundle id; empty where the snapshot has none.
    pub package: String,
    /// The device's system: as its ping said, else the app's.
    pub platform: Platform,
    /// The store of the target.
    pub place: Option<PlaceId>,
    /// What came true.
    pub transition: Transition,
    /// What tells its frequency bucket apart, as [`Bucket`](crate::domain::decision::Bucket) says.
    pub bucket_span: i64,
    /// When it is too late to send.
    pub expires_at: UtcMs,
    /// What to show; `None` where the consumer brings its own.
    pub message: Option<Message>,
}

/// A message with its codes filled in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// An image.
    pub image_url: Option<String>,
    /// Where a click leads.
    pub landing_url: Option<String>,
}

/// What only events have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventContent {
    /// What happened.
    pub kind: EventKind,
    /// Which job it belongs to.
    pub job: Option<JobId>,
    /// The H3 cell (resolution 8) of the fix, 0 where there was none.
    pub cell: u64,
}

/// What only visits have. Their instant, campaign and mode in the record are those of the enter, none, and running.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VisitContent {
    /// Of all revisions.
    pub id: VisitId,
    /// From 1 on; the latest holds.
    pub revision: u32,
    /// Which store.
    pub place: PlaceId,
    /// The first fix or hint inside, as it was known at first; the id is made of it.
    pub first_entered_at: UtcMs,
    /// The first fix or hint inside, as it is known now.
    pub entered_at: UtcMs,
    /// The last one; `None` while the stay lasts.
    pub left_at: Option<UtcMs>,
    /// What told that it ended; `None` while the stay lasts.
    pub ended_by: Option<VisitEnd>,
    /// Whether a place hint told of it.
    pub hinted: bool,
    /// How sure it is, 0 to 100.
    pub confidence_pct: u8,
    /// The H3 cell (resolution 8) of the device, 0 where none was known.
    pub cell: u64,
    /// Whether consumers get it: the account exports its visits. The daemon's own stores read every visit.
    pub is_exported: bool,
}

impl Content {
    fn text_bytes(&self) -> usize {
        match self {
            Self::Job(job) => job.package.len() + job.message.as_ref().map_or(0, Message::bytes),
            Self::Event(_) | Self::Visit(_) => 0,
        }
    }
}

impl Message {
    /// Texts with codes filled in have grown, and may have room for more.
    fn bytes(&self) -> usize {
        let urls = self.image_url.iter().chain(&self.landing_url);
        let texts = self.title.capacity() + self.body.capacity();
        texts + urls.map(String::len).sum::<usize>()
    }
}

impl OutboxRecord {
    /// What kind of record it is.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        match &self.content {
            Content::Job(_) => RecordKind::PushJob,
            Content::Event(event) => event.kind.into(),
            Content::Visit(_) => RecordKind::Visited,
        }
    }

    /// When it is too late to hand it out as a job; never for the others.
    #[must_use]
    pub fn expires_at(&self) -> UtcMs {
        match &self.content {
            Content::Job(job) => job.expires_at,
            Content::Event(_) | Content::Visit(_) => UtcMs::MAX,
        }
    }

    /// What it takes in memory, its texts included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let campaign = self.campaign.iter().flat_map(|names| [&names.name, &names.client_code]);
        let target = self.target.iter().flat_map(|names| [&names.key, &names.name]);
        let names: usize = campaign.chain(target).map(String::len).sum();
        size_of::<Self>() + self.time_zone.len() + names + self.content.text_bytes()
    }

    /// Whether consumers may have it at all.
    #[must_use]
    pub fn is_for_consumers(&self) -> bool {
        match &self.content {
            Content::Job(_) | Content::Event(_) => true,
            Content::Visit(visit) => visit.is_exported,
        }
    }
}

/// The kinds of records, as consumers choose them. Numbers are durable: events have those of [`EventKind`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum RecordKind {
    /// An order to notify.
    PushJob = 0,
    /// A job was made.
    Matched = 1,
    /// A job would have been made, but the device is held out.
    HeldOut = 2,
    /// The push arrived.
    Delivered = 3,
    /// The user opened it.
    Clicked = 4,
    /// The user wiped it away.
    Dismissed = 5,
    /// A stay became a visit, or a visit was corrected.
    Visited = 6,
    /// A job was too old when the consumer came for it.
    Expired = 7,
}

impl RecordKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::PushJob,
        Self::Matched,
        Self::HeldOut,
        Self::Delivered,
        Self::Clicked,
        Self::Dismissed,
        Self::Visited,
        Self::Expired,
    ];

    /// Its name in filters, event types and metric labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::PushJob => "push_job",
            Self::Matched => "matched",
            Self::HeldOut => "held_out",
            Self::Delivered => "delivered",
            Self::Clicked => "clicked",
            Self::Dismissed => "dismissed",
            Self::Visited => "visited",
            Self::Expired => "expired",
        }
    }

    /// Its number in records and filters.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// The event of this kind; `None` for jobs and visits.
    #[must_use]
    pub fn event(self) -> Option<EventKind> {
        match self {
            Self::PushJob | Self::Visited => None,
            Self::Matched => Some(EventKind::Matched),
            Self::HeldOut => Some(EventKind::HeldOut),
            Self::Delivered => Some(EventKind::Delivered),
            Self::Clicked => Some(EventKind::Clicked),
            Self::Dismissed => Some(EventKind::Dismissed),
            Self::Expired => Some(EventKind::Expired),
        }
    }
}

impl From<EventKind> for RecordKind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Matched => Self::Matched,
            EventKind::HeldOut => Self::HeldOut,
            EventKind::Delivered => Self::Delivered,
            EventKind::Clicked => Self::Clicked,
            EventKind::Dismissed => Self::Dismissed,
            EventKind::Expired => Self::Expired,
        }
    }
}
