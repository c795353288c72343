//! The kinds of blocks: their durable numbers, their names, their largest sizes.

/// What a block is; its number stands in the header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u16)]
pub enum BlockKind {
    /// [`Manifest`](super::blocks::Manifest).
    Manifest = 1,
    /// [`Standing`](super::blocks::Standing).
    Standing = 2,
    /// [`TileBlock`](super::index::TileBlock).
    Tile = 3,
    /// [`TargetsBlock`](super::blocks::TargetsBlock).
    Targets = 4,
    /// [`WatchBlock`](super::blocks::WatchBlock).
    Watch = 5,
    /// [`CampaignsBlock`](super::blocks::CampaignsBlock).
    Campaigns = 6,
    /// [`CalendarBlock`](super::blocks::CalendarBlock).
    Calendar = 7,
    /// [`ScheduleBlock`](super::blocks::ScheduleBlock).
    Schedule = 8,
    /// [`AudienceBlock`](super::blocks::AudienceBlock).
    Audience = 9,
    /// [`AtlasBlock`](super::index::AtlasBlock).
    Atlas = 10,
    /// [`ShapesBlock`](super::index::ShapesBlock).
    Shapes = 11,
    /// [`GeometryBlock`](super::index::GeometryBlock).
    Geometry = 12,
    /// [`PlacesBlock`](super::blocks::PlacesBlock).
    Places = 13,
}

impl BlockKind {
    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        const ALL: [BlockKind; 13] = [
            BlockKind::Manifest,
            BlockKind::Standing,
            BlockKind::Tile,
            BlockKind::Targets,
            BlockKind::Watch,
            BlockKind::Campaigns,
            BlockKind::Calendar,
            BlockKind::Schedule,
            BlockKind::Audience,
            BlockKind::Atlas,
            BlockKind::Shapes,
            BlockKind::Geometry,
            BlockKind::Places,
        ];
        ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// The largest block of this kind that is read: far beyond what a build makes, and what a hostile file can
    /// make a reader take. A tile counts 4-byte words in 32 bits, the texts of targets are cut by 32-bit
    /// offsets, a calendar has 402 days.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Tile => (16 << 30) + (1 << 20),
            Self::Targets => 8 << 30,
            Self::Watch
            | Self::Campaigns
            | Self::Schedule
            | Self::Audience
            | Self::Shapes
            | Self::Geometry
            | Self::Places => 2 << 30,
            Self::Manifest | Self::Standing | Self::Atlas => 256 << 20,
            Self::Calendar => 1 << 20,
        }
    }

    /// Its name in messages and listings.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Standing => "standing",
            Self::Tile => "tile",
            Self::Targets => "targets",
            Self::Watch => "watch",
            Self::Campaigns => "campaigns",
            Self::Calendar => "calendar",
            Self::Schedule => "schedule",
            Self::Audience => "audience",
            Self::Atlas => "atlas",
            Self::Shapes => "shapes",
            Self::Geometry => "geometry",
            Self::Places => "places",
        }
    }
}

impl std::fmt::Display for BlockKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}
