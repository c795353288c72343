//! What must hold in a block beyond being a well-formed archive.
//!
//! Each rule is one that [`view`](super::view) relies on: ascending order where it searches, offsets within
//! their arrays where it slices, known numbers where it matches.

use super::block::{Content, ContentError};
use super::blocks::{
    ArchivedAudienceBlock, ArchivedCalendarBlock, ArchivedCampaignsBlock, ArchivedManifest,
    ArchivedScheduleBlock, ArchivedStanding, ArchivedTargetsBlock, ArchivedWatchBlock,
    AudienceBlock, BlockKind, CalendarBlock, CampaignsBlock, Manifest, ScheduleBlock, Standing,
    TargetsBlock, WatchBlock,
};

macro_rules! unchecked_content {
    ($($block:ident $archived:ident $kind:ident $count:ident;)*) => {$(
        impl Content for $block {
            const KIND: BlockKind = BlockKind::$kind;
            fn verify(_archived: &$archived) -> Result<(), ContentError> { Ok(()) }
            fn count(archived: &$archived) -> usize { archived.$count.len() }
        }
    )*};
}

unchecked_content! {
    Manifest ArchivedManifest Manifest accounts;
    Standing ArchivedStanding Standing accounts;
    TargetsBlock ArchivedTargetsBlock Targets rows;
    WatchBlock ArchivedWatchBlock Watch target_rows;
    CampaignsBlock ArchivedCampaignsBlock Campaigns rows;
    CalendarBlock ArchivedCalendarBlock Calendar days;
    ScheduleBlock ArchivedScheduleBlock Schedule spans;
    AudienceBlock ArchivedAudienceBlock Audience members;
}
