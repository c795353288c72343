//! One record, or one tally, counted into the rows. Tests are in no figure.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::EventKind;
use crate::domain::ids::JobId;
use crate::domain::units::UtcMs;
use crate::identity::{KeyError, Sealer};
use crate::outbox::jobs::MadeJob;
use crate::outbox::record::{Content, EventContent, OutboxRecord, VisitContent};
use crate::outbox::refused::StoreError;
use crate::outbox::tallies::{Counted, Quarter, TallyItem};

use super::pad::Pad;
use super::rows::{
    CampaignKey, Count, DayFigures, DeviceDay, First, Heard, QuarterFigures, Reach, Side, Visit,
    of_member, of_member_day, of_quarter, of_seen, of_variant_day, of_visit, of_withheld,
    of_withheld_in_all,
};
use super::tables::Sheet;

/// Why a record could not be counted.
#[derive(Debug, thiserror::Error)]
pub(super) enum CountError {
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A device can't be opened.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What of a record is counted.
pub(super) enum Step {
    /// A job was made.
    Made(Part),
    /// None was made, because the device is held out.
    HeldOut(Part),
    /// Something became of a job.
    Outcome(Box<OutboxRecord>, EventContent),
    /// A visit as it is known now, and the key of its row.
    Visit(Vec<u8>, Visit),
}

impl Step {
    /// Of the rows it looks up, those that few others of its batch do and that are known beforehand: which rows an outcome is counted
    /// in is seen only once its job is found.
    pub(super) fn keys(&self) -> Vec<(Sheet, Vec<u8>)> {
        match self {
            Self::Made(part) => part.keys(Side::Reached).into(),
            Self::HeldOut(part) => part.keys(Side::HeldOut).into(),
            Self::Outcome(_, event) => {
                event.job.map(|job| (Sheet::Heard, job.0.to_vec())).into_iter().collect()
            }
            Self::Visit(key, _) => vec![(Sheet::Visits, key.clone())],
        }
    }
}

/// Finds a job that was made.
pub(super) type FindJob<'a> = &'a dyn Fn(JobId) -> Result<Option<MadeJob>, StoreError>;

/// What counting needs beside the rows.
pub(super) struct Counter {
    sealer: Sealer,
    zones: HashMap<String, TimeZone>,
}

/// A device's part in a campaign at an instant.
pub(super) struct Part {
    campaign: CampaignKey,
    member: u64,
    variant: Variant,
    at: UtcMs,
    day: i32,
}

impl Part {
    /// Where the device is counted on its day and in all.
    fn keys(&self, side: Side) -> [(Sheet, Vec<u8>); 2] {
        let of_day = of_member_day(self.campaign, self.day, self.member);
        [(Sheet::DeviceDays, of_day), (Sheet::Reach, of_member(self.campaign, side, self.member))]
    }

    fn change_device_day(
        &self,
        pad: &mut Pad<'_>,
        change: impl FnOnce(&mut DeviceDay),
    ) -> Result<(), StoreError> {
        let key = of_member_day(self.campaign, self.day, self.member);
        pad.change(Sheet::DeviceDays, key, |day: &mut DeviceDay| {
            day.is_b = u64::from(self.variant == Variant::B);
            change(day);
        })
    }

    fn change_day(
        &self,
        pad: &mut Pad<'_>,
        change: impl FnOnce(&mut DayFigures),
    ) -> Result<(), StoreError> {
        pad.change(Sheet::Days, of_variant_day(self.campaign, self.day, self.variant), change)
    }

    fn change_quarter(
        &self,
        pad: &mut Pad<'_>,
        change: impl FnOnce(&mut QuarterFigures),
    ) -> Result<(), StoreError> {
        let key = of_quarter(self.campaign, Quarter::of(self.at), self.variant);
        pad.change(Sheet::Quarters, key, change)
    }
}

impl Part {
    /// Counts the device once, where its first is. If a later one was counted before, its day has it no more.
    fn count_first(
        &self,
        pad: &mut Pad<'_>,
        side: Side,
        of_reach: fn(&mut Reach) -> &mut First,
        counter: fn(&mut DayFigures) -> &mut u64,
    ) -> Result<(), StoreError> {
        let key = of_member(self.campaign, side, self.member);
        let mut reach: Reach = pad.find(Sheet::Reach, &key)?.unwrap_or_default();
        let first = of_reach(&mut reach);
        if first.at <= self.at {
            return Ok(());
        }
        if first.at != UtcMs::MAX {
            let other = of_variant_day(self.campaign, first.day, first.variant);
            // Its day may be older than days are kept, and gone.
            pad.change(Sheet::Days, other, |day| {
                let firsts = counter(day);
                *firsts = firsts.saturating_sub(1);
            })?;
        }
        *first = First { at: self.at, day: self.day, variant: self.variant };
        pad.put(Sheet::Reach, key, &reach);
        self.change_day(pad, |day| *counter(day) += 1)
    }
}

impl Counter {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self { sealer, zones: HashMap::new() }
    }

    /// What of a record is counted, if anything is.
    pub(super) fn read(&mut self, record: OutboxRecord) -> Result<Option<Step>, KeyError> {
        Ok(match &record.content {
            // A job stands beside its `matched` event, which is counted.
            Content::Job(_) => None,
            Content::Visit(visit) => Some(self.visit(&record, visit)?),
            Content::Event(event) => match event.kind {
                EventKind::Matched => self.part(&record)?.map(Step::Made),
                EventKind::HeldOut => self.part(&record)?.map(Step::HeldOut),
                EventKind::Delivered | EventKind::Clicked | EventKind::Dismissed => {
                    let event = *event;
                    Some(Step::Outcome(Box::new(record), event))
                }
                EventKind::Expired => None,
            },
        })
    }

    /// Counts it.
    pub(super) fn count(
        &mut self,
        step: Step,
        find_job: FindJob<'_>,
        pad: &mut Pad<'_>,
    ) -> Result<(), CountError> {
        match step {
            Step::Made(part) => Ok(match_made(&part, pad)?),
            Step::HeldOut(part) => Ok(held_out(&part, pad)?),
            Step::Outcome(record, event) => self.outcome(&record, &event, find_job, pad),
            Step::Visit(key, visit) => {
                Ok(pad.change(Sheet::Visits, key, |known: &mut Visit| {
                    if visit.revision > known.revision {
                        *known = visit;
                    }
                })?)
            }
        }
    }

    fn visit(&mut self, record: &OutboxRecord, told: &VisitContent) -> Result<Step, KeyError> {
        let device = self.sealer.open(record.account, record.device)?;
        let member = self.sealer.member(device);
        let key = of_visit(record.account, told.place, told.first_entered_at, member);
        let visit = Visit {
            entered_at: told.entered_at,
            left_at: told.left_at,
            revision: told.revision,
            confidence_pct: told.confidence_pct,
        };
        Ok(Step::Visit(key, visit))
    }

    /// A tally of one input.
    pub(super) fn tally(&self, item: &TallyItem, pad: &mut Pad<'_>) -> Result<(), StoreError> {
        match item.counted {
            Counted::Withheld { campaign, reason, quarter } => {
                let campaign = (item.account, campaign);
                let more = |row: &mut Count| row.count += 1;
                pad.change(Sheet::Withheld, of_withheld(campaign, quarter, reason), more)?;
                pad.change(Sheet::WithheldInAll, of_withheld_in_all(campaign, reason), more)
            }
            Counted::Seen { app, member, day } => {
                let key = of_seen(item.account, app, member);
                pad.change(Sheet::Seen, key, |last: &mut Count| {
                    last.count = last.count.max(day.into())
                })
            }
        }
    }

    fn outcome(
        &mut self,
        record: &OutboxRecord,
        event: &EventContent,
        find_job: FindJob<'_>,
        pad: &mut Pad<'_>,
    ) -> Result<(), CountError> {
        let Some(job) = event.job else { return Ok(()) };
        let Some(made) = find_job(job)? else { return Ok(()) };
        let device = self.sealer.open(record.account, record.device)?;
        let is_own = made.account == record.account
            && self.sealer.open(made.account, made.device)? == device;
        if !is_own || made.mode == RunMode::Testing || self.was_heard(job.0, event.kind, pad)? {
            return Ok(());
        }
        let at = record.at.max(made.at);
        let part = Part {
            campaign: (made.account, made.campaign),
            member: self.sealer.member(device),
            variant: made.variant,
            at,
            day: self.local_day(at, &record.time_zone),
        };
        match event.kind {
            EventKind::Delivered => {
                part.change_device_day(pad, |day| day.delivered += 1)?;
                part.change_day(pad, |day| day.delivered += 1)?;
                Ok(part.change_quarter(pad, |quarter| quarter.delivered += 1)?)
            }
            EventKind::Clicked => Ok(click(&part, pad)?),
            EventKind::Dismissed => {
                part.change_day(pad, |day| day.dismissed += 1)?;
                Ok(part.change_quarter(pad, |quarter| quarter.dismissed += 1)?)
            }
            EventKind::Matched | EventKind::HeldOut | EventKind::Expired => Ok(()),
        }
    }

    /// Whether this kind of outcome of a job was heard before; from now on it was.
    fn was_heard(
        &self,
        job: [u8; 16],
        kind: EventKind,
        pad: &mut Pad<'_>,
    ) -> Result<bool, StoreError> {
        let bit = 1 << (kind as u8);
        let mut heard: Heard = pad.find(Sheet::Heard, &job)?.unwrap_or_default();
        let was_heard = heard.kinds & bit != 0;
        heard.kinds |= bit;
        pad.put(Sheet::Heard, job.to_vec(), &heard);
        Ok(was_heard)
    }

    /// The device's part in the record's campaign, unless it is a test.
    fn part(&mut self, record: &OutboxRecord) -> Result<Option<Part>, KeyError> {
        let Some(campaign) = record.campaign.as_ref().filter(|_| record.mode == RunMode::Running)
        else {
            return Ok(None);
        };
        let device = self.sealer.open(record.account, record.device)?;
        Ok(Some(Part {
            campaign: (record.account, campaign.id),
            member: self.sealer.member(device),
            variant: record.variant,
            at: record.at,
            day: self.local_day(record.at, &record.time_zone),
        }))
    }

    /// The local day, counted from 1970-01-01; by UTC where the zone is not known.
    fn local_day(&mut self, at: UtcMs, time_zone: &str) -> i32 {
        if !self.zones.contains_key(time_zone) {
            let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
            self.zones.insert(time_zone.to_owned(), zone);
        }
        let offset_s = Timestamp::from_millisecond(at.0)
            .map_or(0, |instant| self.zones[time_zone].to_offset(instant).seconds());
        let local = at.0.saturating_add(i64::from(offset_s) * 1000);
        i32::try_from(UtcMs(local).utc_day()).unwrap_or(i32::MAX)
    }
}

fn match_made(part: &Part, pad: &mut Pad<'_>) -> Result<(), StoreError> {
    let mut jobs_today = 0;
    part.change_device_day(pad, |day| {
        day.jobs += 1;
        jobs_today = day.jobs;
    })?;
    part.change_day(pad, |day| {
        day.jobs += 1;
        day.reached += u64::from(jobs_today == 1);
    })?;
    part.change_quarter(pad, |quarter| quarter.jobs += 1)?;
    part.count_first(pad, Side::Reached, |reach| &mut reach.job, |day| &mut day.first_reached)
}

fn held_out(part: &Part, pad: &mut Pad<'_>) -> Result<(), StoreError> {
    part.change_device_day(pad, |day| day.held_out += 1)?;
    part.change_day(pad, |day| day.held_out += 1)?;
    part.change_quarter(pad, |quarter| quarter.held_out += 1)?;
    part.count_first(pad, Side::HeldOut, |reach| &mut reach.job, |day| &mut day.first_held_out)
}

fn click(part: &Part, pad: &mut Pad<'_>) -> Result<(), StoreError> {
    let mut clicked_today = 0;
    part.change_device_day(pad, |day| {
        day.clicked += 1;
        clicked_today = day.clicked;
    })?;
    part.change_day(pad, |day| {
        day.clicked += 1;
        day.responded += u64::from(clicked_today == 1);
    })?;
    part.change_quarter(pad, |quarter| quarter.clicked += 1)?;
    part.count_first(pad, Side::Reached, |reach| &mut reach.click, |day| &mut day.first_responded)
}
