//! What must hold in a block beyond being a well-formed archive.
//!
//! Each rule is one that [`view`](super::view) relies on: ascending order where it searches, offsets within
//! their arrays where it slices, known numbers where it matches. [`joins`](super::joins) checks what blocks say of each
//! other.

use rkyv::rend::unaligned::{i32_ule, i64_ule, u32_ule, u64_ule};
use rkyv::string::ArchivedString;
use rkyv::tuple::ArchivedTuple2;

use super::block::{Content, ContentError};
use super::blocks::{
    ArchivedAudienceBlock, ArchivedCalendarBlock, ArchivedCampaignRow, ArchivedCampaignsBlock,
    ArchivedConditionRow, ArchivedFrequencyRow, ArchivedIdTable, ArchivedManifest,
    ArchivedMemberSet, ArchivedMessageRow, ArchivedPlacesBlock, ArchivedScheduleBlock,
    ArchivedStanding, ArchivedTargetRow, ArchivedTargetsBlock, ArchivedWatchBlock,
    ArchivedWindowRow, AudienceBlock, BlockKind, CalendarBlock, CampaignsBlock, HOME_AREA,
    Manifest, PlacesBlock, ScheduleBlock, Standing, TargetsBlock, WatchBlock,
};
use super::build::rules::{MAX_DWELL_S, MAX_PUSH_TTL_S, RESEND_AFTER_S};
use super::pages::Page;
use super::view::as_index;
use crate::domain::campaign::MAX_TEMPLATE_BYTES;
use crate::domain::ids::TargetId;

pub(super) type Checked = Result<(), ContentError>;

impl Content for Manifest {
    const KIND: BlockKind = BlockKind::Manifest;

    fn verify(block: &ArchivedManifest) -> Checked {
        let buckets = block.geometry.len();
        let even = buckets == 0 || buckets.is_power_of_two();
        holds(even, "geometry", buckets, "a power of two of buckets, or none")?;
        ascending("accounts", block.accounts.iter().map(|account| account.id.to_native()))
    }

    fn count(block: &ArchivedManifest) -> usize {
        block.accounts.len()
    }
}

impl Content for Standing {
    const KIND: BlockKind = BlockKind::Standing;

    fn verify(block: &ArchivedStanding) -> Checked {
        let epoch = block.epoch.to_native();
        holds((1..u64::MAX).contains(&epoch), "epoch", 0, "1 or more, with room for a next one")?;
        ascending("accounts", block.accounts.iter().map(|account| account.id.to_native()))?;
        for account in block.accounts.iter() {
            let since = account.campaigns.iter().map(|one| one.run_since.to_native());
            let past = since.chain([account.changed_in.to_native()]).all(|one| one <= epoch);
            holds(past, "accounts", 0, "nothing has changed after the epoch itself")?;
            ascending("campaigns", account.campaigns.iter().map(|one| one.id.to_native()))?;
        }
        Ok(())
    }

    fn count(block: &ArchivedStanding) -> usize {
        block.accounts.len()
    }
}

impl Content for TargetsBlock {
    const KIND: BlockKind = BlockKind::Targets;

    fn verify(block: &ArchivedTargetsBlock) -> Checked {
        ascending("rows", block.rows.iter().map(|row| row.id.to_native()))?;
        every(
            "rows",
            block.rows.iter(),
            "a target needs texts within the block, and a place with its area",
            |row| target_row_holds(row, &block.text) && block.labels.knows(&row.labels),
        )?;
        block.labels.verify()
    }

    fn count(block: &ArchivedTargetsBlock) -> usize {
        block.rows.len()
    }
}

impl Content for WatchBlock {
    const KIND: BlockKind = BlockKind::Watch;

    fn verify(block: &ArchivedWatchBlock) -> Checked {
        id_table("targets", &block.targets)?;
        let watched = block.targets.ids.len();
        same_len("target_rows", block.target_rows.len(), watched)?;
        offsets("first", &block.first, watched, block.campaigns.len())?;
        for (row, bounds) in block.first.windows(2).enumerate() {
            let range = as_index(bounds[0].to_native())..as_index(bounds[1].to_native());
            let campaigns = block.campaigns.get(range).unwrap_or_default();
            let sorted = campaigns.is_sorted_by(|a, b| a.to_native() < b.to_native());
            holds(sorted, "campaigns", row, "a target's campaigns must ascend")?;
        }
        Ok(())
    }

    fn count(block: &ArchivedWatchBlock) -> usize {
        block.targets.ids.len()
    }
}

impl Page for TargetsBlock {
    fn ends(block: &ArchivedTargetsBlock) -> Option<(u32, u32)> {
        Some((block.rows.first()?.id.to_native(), block.rows.last()?.id.to_native()))
    }

    fn find(block: &ArchivedTargetsBlock, id: u32) -> Option<usize> {
        block.rows.binary_search_by_key(&id, |row| row.id.to_native()).ok()
    }
}

impl Page for WatchBlock {
    fn ends(block: &ArchivedWatchBlock) -> Option<(u32, u32)> {
        let ids = &block.targets.ids;
        Some((ids.first()?.to_native(), ids.last()?.to_native()))
    }

    fn find(block: &ArchivedWatchBlock, id: u32) -> Option<usize> {
        block.targets.row(id)
    }
}

impl Content for PlacesBlock {
    const KIND: BlockKind = BlockKind::Places;

    fn verify(block: &ArchivedPlacesBlock) -> Checked {
        let sorted = block.targets.is_sorted_by(|a, b| pair(a) < pair(b));
        holds(sorted, "targets", 0, "stores and their targets must ascend")
    }

    fn count(block: &ArchivedPlacesBlock) -> usize {
        block.targets.len()
    }
}

impl Content for CampaignsBlock {
    const KIND: BlockKind = BlockKind::Campaigns;

    fn verify(block: &ArchivedCampaignsBlock) -> Checked {
        ascending("apps", block.apps.iter().map(|app| app.id.to_native()))?;
        id_table("ids", &block.ids)?;
        same_len("rows", block.rows.len(), block.ids.ids.len())?;
        let rows = block.rows.iter().zip(block.ids.ids.iter());
        every("rows", rows, "a row must have the id of its place", |(row, id)| row.id == **id)?;
        let capped = block.daily_cap.as_ref().is_none_or(|cap| *cap != 0);
        let limited = block.monthly_limit.as_ref().is_none_or(|limit| *limit != 0);
        holds(capped && limited, "daily_cap, monthly_limit", 0, "1 or more, or none")?;
        member_set("blacklist", &block.blacklist)?;
        member_set("blacklist_echo", &block.blacklist_echo)?;
        block.rows.iter().enumerate().try_for_each(|(at, row)| campaign_row(at, row))
    }

    fn count(block: &ArchivedCampaignsBlock) -> usize {
        block.rows.len()
    }
}

impl Content for CalendarBlock {
    const KIND: BlockKind = BlockKind::Calendar;

    fn verify(block: &ArchivedCalendarBlock) -> Checked {
        borders("days", &block.days, block.ends_at.to_native())?;
        borders("months", &block.months, block.ends_at.to_native())?;
        spans("nights", &block.nights)
    }

    fn count(block: &ArchivedCalendarBlock) -> usize {
        block.days.len()
    }
}

impl Content for ScheduleBlock {
    const KIND: BlockKind = BlockKind::Schedule;

    fn verify(block: &ArchivedScheduleBlock) -> Checked {
        let sets = block.first.len().saturating_sub(1);
        offsets("first", &block.first, sets, block.spans.len())?;
        for set in 0..sets {
            spans("spans", block.spans_of(u32::try_from(set).unwrap_or(u32::MAX)))?;
        }
        Ok(())
    }

    fn count(block: &ArchivedScheduleBlock) -> usize {
        block.spans.len()
    }
}

impl Content for AudienceBlock {
    const KIND: BlockKind = BlockKind::Audience;

    fn verify(block: &ArchivedAudienceBlock) -> Checked {
        members("members", &block.members)
    }

    fn count(block: &ArchivedAudienceBlock) -> usize {
        block.members.len()
    }
}

fn target_row_holds(row: &ArchivedTargetRow, text: &str) -> bool {
    let [key, name, end] =
        [row.key_start, row.name_start, row.name_end].map(|at| as_index(at.to_native()));
    let texts = text.get(key..name).is_some() && text.get(name..end).is_some();
    let has_store = row.place.to_native() != 0;
    let areas: &[u8] = if has_store { &[1, 2] } else { &[0, HOME_AREA] };
    let place = areas.contains(&row.area);
    texts && place && row.id.to_native() != TargetId::NATIONWIDE.0
}

fn campaign_row(at: usize, row: &ArchivedCampaignRow) -> Checked {
    holds(matches!(row.mode, 1 | 2), "rows.mode", at, "1 (testing) or 2 (running)")?;
    holds(row.holdout_pct <= 50, "rows.holdout_pct", at, "0 to 50")?;
    holds(row.messages.len() <= 2, "rows.messages", at, "at most two messages")?;
    let short = |text: &ArchivedString| text.len() <= MAX_TEMPLATE_BYTES;
    let short = |message: &ArchivedMessageRow| short(&message.title) && short(&message.body);
    holds(row.messages.iter().all(short), "rows.messages", at, "texts of at most 4096 bytes")?;
    holds(row.starts_at <= row.ends_at, "rows.ends_at", at, "not before starts_at")?;
    let limited = row.total_limit.as_ref().is_none_or(|limit| *limit != 0);
    let accurate = row.max_accuracy_m.as_ref().is_none_or(|most| *most != 0);
    holds(limited && accurate, "rows.total_limit, max_accuracy_m", at, "1 or more, or none")?;
    let ttl_s = row.push_ttl_s.to_native();
    holds((1..=MAX_PUSH_TTL_S).contains(&ttl_s), "rows.push_ttl_s", at, "1 to 2,592,000")?;
    holds(condition_holds(&row.condition), "rows.condition", at, "a dwell of 1 to 86,400 s")?;
    holds(frequency_holds(&row.frequency), "rows.frequency", at, "600 to 2,592,000 s")?;
    every("rows.windows", row.windows.iter(), "a window of weekdays and minutes", window_holds)?;
    ascending("rows.apps", row.apps.iter().map(|app| app.to_native()))?;
    ascending("rows.targets", row.targets.iter().map(|target| target.to_native()))?;
    members("rows.test_devices", &row.test_devices)?;
    row.audience.as_ref().map_or(Ok(()), |set| member_set("rows.audience", set))
}

fn condition_holds(condition: &ArchivedConditionRow) -> bool {
    match condition {
        ArchivedConditionRow::Dwell(dwell_s) => (1..=MAX_DWELL_S).contains(&dwell_s.to_native()),
        ArchivedConditionRow::Enter | ArchivedConditionRow::Exit => true,
    }
}

fn frequency_holds(frequency: &ArchivedFrequencyRow) -> bool {
    match frequency {
        ArchivedFrequencyRow::Resend(after_s) => RESEND_AFTER_S.contains(&after_s.to_native()),
        ArchivedFrequencyRow::OncePerPeriod | ArchivedFrequencyRow::OncePerDay => true,
    }
}

fn window_holds(window: &&ArchivedWindowRow) -> bool {
    let (start, end) = (window.start_min.to_native(), window.end_min.to_native());
    (1..1 << 7).contains(&window.weekdays) && start < end && end <= 24 * 60
}

/// The direct table, where there is one, must say the same as the ids.
fn id_table(array: &'static str, table: &ArchivedIdTable) -> Checked {
    ascending(array, table.ids.iter().map(|id| id.to_native()))?;
    if table.direct.is_empty() {
        return Ok(());
    }
    every(
        array,
        table.ids.iter().enumerate(),
        "the direct table must find each id",
        |(row, id)| table.row(id.to_native()) == Some(*row),
    )?;
    let found = table.direct.iter().filter(|slot| slot.to_native() != 0).count();
    holds(found == table.ids.len(), array, 0, "the direct table must find nothing but the ids")
}

fn member_set(array: &'static str, set: &ArchivedMemberSet) -> Checked {
    match set {
        ArchivedMemberSet::Here(list) => members(array, list),
        ArchivedMemberSet::Block(_) => Ok(()),
    }
}

fn members(array: &'static str, list: &[u64_ule]) -> Checked {
    let sorted = list.is_sorted_by(|a, b| a.to_native() < b.to_native());
    holds(sorted, array, 0, "members must ascend without repeats")
}

fn borders(
    array: &'static str,
    list: &[ArchivedTuple2<i64_ule, i32_ule>],
    ends_at: i64,
) -> Checked {
    let sorted = list.is_sorted_by(|a, b| a.0.to_native() < b.0.to_native());
    holds(sorted, array, 0, "borders must ascend")?;
    let ends = list.last().is_none_or(|last| last.0.to_native() < ends_at);
    holds(ends, array, list.len(), "the last border must lie before the end")
}

fn spans(array: &'static str, list: &[ArchivedTuple2<i64_ule, i64_ule>]) -> Checked {
    every(array, list.iter(), "a span must end after it begins", |span| {
        span.0.to_native() < span.1.to_native()
    })?;
    let apart = list.is_sorted_by(|a, b| a.1.to_native() < b.0.to_native());
    holds(apart, array, 0, "spans must ascend and lie apart")
}

/// `rows` + 1 offsets from 0 to `end`, never falling.
pub(super) fn offsets(array: &'static str, list: &[u32_ule], rows: usize, end: usize) -> Checked {
    same_len(array, list.len(), rows + 1)?;
    let bounds = list.first().zip(list.last());
    let whole =
        bounds.is_some_and(|(first, last)| *first == 0 && as_index(last.to_native()) == end);
    holds(whole, array, 0, "offsets must run from 0 to the end of what they cut")?;
    holds(list.is_sorted_by_key(|at| at.to_native()), array, 0, "offsets must not fall")
}

pub(super) fn ascending(array: &'static str, ids: impl Iterator<Item = u32>) -> Checked {
    let mut last = None;
    for (position, id) in ids.enumerate() {
        holds(
            last.is_none_or(|last| last < id),
            array,
            position,
            "ids must ascend without repeats",
        )?;
        last = Some(id);
    }
    Ok(())
}

pub(super) fn every<T>(
    array: &'static str,
    mut entries: impl Iterator<Item = T>,
    rule: &'static str,
    entry_holds: impl Fn(&T) -> bool,
) -> Checked {
    match entries.position(|entry| !entry_holds(&entry)) {
        None => Ok(()),
        Some(position) => Err(ContentError { array, position, rule }),
    }
}

pub(super) fn same_len(array: &'static str, len: usize, expected: usize) -> Checked {
    holds(len == expected, array, len, "the array's length does not fit its companions")
}

pub(super) fn holds(
    fine: bool,
    array: &'static str,
    position: usize,
    rule: &'static str,
) -> Checked {
    if fine { Ok(()) } else { Err(ContentError { array, position, rule }) }
}

fn pair(entry: &ArchivedTuple2<u32_ule, u32_ule>) -> (u32, u32) {
    (entry.0.to_native(), entry.1.to_native())
}
