//! What becomes of a campaign: waiting, testing, running, ended.

use std::fmt;

use super::changes::{Once, Seen, content, require};
use super::desk::Desk;
use crate::control::documents::campaign::{Audience, Location};
use crate::control::documents::notice::NoticeOf;
use crate::control::documents::segment::{COMPUTING, FAILED, REFRESHING};
use crate::control::documents::{Campaign, Document as _, Segment, Shown};
use crate::control::refusal::Refusal;
use crate::control::store::{Kind, Record, StoreError};

/// Where a campaign stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It does nothing and can be edited.
    Waiting,
    /// It runs on its test devices alone.
    Testing,
    /// It runs.
    Running,
    /// Its last day is over; for good.
    Ended,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Testing, Self::Running, Self::Ended];

    /// Its name, in JSON and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Testing => "testing",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }

    /// The state of a record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn of(name: &str) -> Result<Self, StoreError> {
        Self::parse(name)
            .ok_or_else(|| StoreError::Corrupt(format!("a campaign in the state {name:?}")))
    }

    /// The state with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a caller may set it to another. Ended comes by itself, and nothing comes after it.
    #[must_use]
    pub fn leads_to(self, to: Self) -> bool {
        self != Self::Ended && to != Self::Ended && self != to
    }

    /// Refuses to edit where it stays as it is.
    pub(super) fn must_allow_edits(self, campaign: u32) -> Result<(), Refusal> {
        self.must_allow(campaign, "edited", self == Self::Waiting)
    }

    /// Refuses to delete one that is under way.
    pub(super) fn must_allow_deletion(self, campaign: u32) -> Result<(), Refusal> {
        self.must_allow(campaign, "deleted", matches!(self, Self::Waiting | Self::Ended))
    }

    fn must_allow(self, campaign: u32, action: &'static str, may: bool) -> Result<(), Refusal> {
        if may {
            return Ok(());
        }
        let remedy = match self {
            Self::Ended => "copy it",
            Self::Waiting | Self::Testing | Self::Running => "set it to waiting first",
        };
        Err(Refusal::ReadOnly { campaign, state: self.name().to_owned(), action, remedy })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a copy of a campaign has of its own.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyRequest {
    /// 1 to 100 characters.
    pub name: String,
    /// First local day.
    pub start: String,
    /// Last local day, inclusive.
    pub end: String,
}

impl Desk<'_> {
    /// Sets a campaign to another state.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn set_state(
        &mut self,
        id: u32,
        seen: &Seen,
        to: State,
    ) -> Result<Shown<Campaign>, Refusal> {
        let record = self.record(Kind::Campaign, id)?;
        require(&record, seen)?;
        let from = State::of(&record.content.state)?;
        let shown: Shown<Campaign> = self.shown(&record)?;
        if from == to {
            return Ok(shown);
        }
        if !from.leads_to(to) {
            let reason = if from == State::Ended {
                "an ended campaign stays so; copy it"
            } else {
                "a campaign ends by itself, after its last day; set it to waiting to stop it"
            };
            return Err(refused(id, from, to, reason));
        }
        if to != State::Waiting {
            self.may_start(id, (from, to), &shown.document)?;
        }
        self.move_to(&record, to, to.name())?;
        if to != State::Waiting {
            self.refresh_audience(&shown.document)?;
        }
        self.touch_engine();
        self.get(id)
    }

    /// The users of a segment by visit history are looked up anew when a campaign starts: its stores may be others since
    /// the morning.
    fn refresh_audience(&mut self, campaign: &Campaign) -> Result<(), Refusal> {
        let Audience::Segment(id) = campaign.audience else { return Ok(()) };
        let segment: Shown<Segment> = self.document(id)?;
        if segment.document.history.is_some() && segment.state == "usable" {
            let key = self.key(Kind::Segment, id);
            self.update(key, content(&segment.document, REFRESHING))?;
        }
        Ok(())
    }

    /// Ends a campaign whose last day is over.
    ///
    /// # Errors
    /// When the store says no.
    pub fn end(&mut self, id: u32) -> Result<(), Refusal> {
        let record = self.record(Kind::Campaign, id)?;
        let state = State::of(&record.content.state)?;
        if state == State::Ended {
            return Ok(());
        }
        self.move_to(&record, State::Ended, "ended")?;
        if state != State::Waiting {
            self.touch_engine();
        }
        Ok(())
    }

    fn move_to(&mut self, record: &Record, to: State, action: &str) -> Result<(), Refusal> {
        let document: Campaign = Self::read(record)?;
        let (key, before) = (record.key, record.content.state.clone());
        self.tx.update(key, content(&document, to.name()), self.actor.now)?;
        self.note(action, key, &before, to.name())?;
        let notice = match to {
            State::Testing => NoticeOf::CampaignTesting,
            State::Running => NoticeOf::CampaignStarted,
            State::Ended => NoticeOf::CampaignEnded,
            // Whoever set it so knows.
            State::Waiting => return Ok(()),
        };
        self.tell_of_campaign(notice, key.id, &document)?;
        Ok(())
    }

    /// What must hold when a campaign begins to test or to run.
    fn may_start(
        &mut self,
        id: u32,
        (from, to): (State, State),
        campaign: &Campaign,
    ) -> Result<(), Refusal> {
        campaign.within_membership(self.account())?;
        let faults = campaign.faults(self.account());
        if !faults.is_empty() {
            return Err(Refusal::Faults(faults));
        }
        let end = campaign.end.parse::<jiff::civil::Date>().ok();
        if end.is_some_and(|end| end < self.today()) {
            let reason =
                format!("its last day, {}, is over; copy it with another period", campaign.end);
            return Err(refused(id, from, to, &reason));
        }
        if to == State::Testing && campaign.test_devices.is_empty() {
            let reason = "it has no test devices; put 1 to 20 advertising ids into test_devices";
            return Err(refused(id, from, to, reason));
        }
        self.must_be_usable(campaign)?;
        let Some(allowed) = self.account().membership.terms().active_geofences else {
            return Ok(());
        };
        let found = self.active_geofences(campaign)?;
        if to == State::Running && found > allowed {
            let remedy = "set another campaign to waiting, or use fewer geofences";
            return Err(Refusal::Limit {
                what: "distinct geofences in running campaigns",
                found,
                allowed,
                remedy,
            });
        }
        Ok(())
    }

    /// Files that the campaign depends on were read and accepted.
    pub(super) fn must_be_usable(&mut self, campaign: &Campaign) -> Result<(), Refusal> {
        let mut wanted = Vec::new();
        if let Audience::Segment(segment) = campaign.audience {
            wanted.push((Kind::Segment, segment));
        }
        for block in &campaign.locations {
            if let Location::General(general) = block {
                wanted.extend(general.groups.iter().map(|group| (Kind::Group, *group)));
            }
        }
        for (kind, id) in wanted {
            let state = self.record(kind, id)?.content.state;
            if state != "usable" && state != REFRESHING {
                let remedy = match (kind, state.as_str()) {
                    (_, COMPUTING) => "its users are being looked up; try again in a moment",
                    (Kind::Segment, FAILED) if self.is_by_history(id)? => {
                        "its users can't be looked up; its reason says why, and what to edit"
                    }
                    _ => "accept its good rows, or upload its file again",
                };
                return Err(Refusal::NotUsable { kind, id, state, remedy });
            }
        }
        Ok(())
    }

    fn is_by_history(&mut self, segment: u32) -> Result<bool, Refusal> {
        Ok(self.document::<Segment>(segment)?.document.history.is_some())
    }

    /// Makes a waiting campaign like another, but for its title and period.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn copy(
        &mut self,
        id: u32,
        asked: CopyRequest,
        once: Option<&Once>,
    ) -> Result<Shown<Campaign>, Refusal> {
        let CopyRequest { name, start, end } = asked;
        let old: Shown<Campaign> = self.get(id)?;
        self.create(Campaign { name, start, end, ..old.document }, once)
    }
}

fn refused(campaign: u32, from: State, to: State, reason: &str) -> Refusal {
    Refusal::StateChange {
        campaign,
        from: from.name().to_owned(),
        to: to.name().to_owned(),
        reason: reason.to_owned(),
    }
}
