//! What each kind of document asks for besides what all do: who may have one, and when it may change or go.

use jiff::civil::Date;

use super::desk::Desk;
use super::membership::Feature;
use super::states::State;
use crate::control::documents::campaign::{Audience, Location};
use crate::control::documents::document::instant;
use crate::control::documents::notice::NoticeOf;
use crate::control::documents::place::CATEGORY_DEPTH;
use crate::control::documents::region::Level;
use crate::control::documents::{
    Account, Address, App, Brand, Campaign, Category, Document, Erasure, Geofence, Group, Import,
    Notice, Place, Region, ReportFile, Segment, Shown, TestDevice,
};
use crate::control::refusal::Refusal;
use crate::control::store::{Kind, Query};
use crate::domain::problem::Fault;

/// A document with rules of its own. Those here are the ones of most kinds.
pub trait Ruled: Document {
    /// Documents that are parts of it, linked to it, and go with it.
    const PARTS: Option<Kind> = None;

    /// Puts what it names in another way into the form that is kept.
    ///
    /// # Errors
    /// When the store can't be read.
    fn complete(&mut self, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Tells that it was made, where that is worth a notice.
    ///
    /// # Errors
    /// When the store can't be written.
    fn tell_of_making(&self, _desk: &mut Desk<'_>, _id: u32) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether the account may have one more.
    ///
    /// # Errors
    /// The rule that is in the way, as for all of these.
    fn may_be_made(&self, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether it may take the place of the one that is there.
    ///
    /// # Errors
    /// See [`may_be_made`](Self::may_be_made).
    fn may_replace(&self, _old: &Shown<Self>, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether it may go; that nobody needs it is asked besides.
    ///
    /// # Errors
    /// See [`may_be_made`](Self::may_be_made).
    fn may_be_deleted(&self, _shown: &Shown<Self>, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether it fits what else there is; `id` is its own number, if it has one already.
    ///
    /// # Errors
    /// See [`may_be_made`](Self::may_be_made).
    fn fits(&self, _desk: &mut Desk<'_>, _id: Option<u32>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether the engine has to hear of a change: where it has anything to do for the account, by default.
    ///
    /// # Errors
    /// When the store can't be read.
    fn reaches_engine(&self, desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        desk.is_live()
    }
}

impl Ruled for App {}

impl Ruled for Brand {}

impl Ruled for Place {}

impl Ruled for Import {
    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

/// Campaigns have the id that it had when they took it.
impl Ruled for TestDevice {
    fn may_be_made(&self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.room_for_test_device()
    }

    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

/// It is read when files are; the engine knows none.
impl Ruled for Address {
    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

/// Who asked for it writes no receipt.
impl Ruled for Erasure {
    fn complete(&mut self, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        self.before.clear();
        self.receipt.clear();
        Ok(())
    }

    fn may_be_made(&self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.room_for_erasure()
    }

    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

impl Ruled for Notice {
    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

impl Ruled for ReportFile {
    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(false)
    }
}

impl Ruled for Account {
    fn complete(&mut self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        self.visits_measured = self.measured_after(Some(desk.account()), instant(desk.actor.now));
        Ok(())
    }

    /// What an account pays for is the operator's to say.
    fn may_replace(&self, old: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        let old = &old.document;
        if desk.actor.operator {
            return Ok(());
        }
        let mut faults = Vec::new();
        if self.membership != old.membership {
            let detail = "membership is set by the operator; allowed: the one that the account has";
            faults.push(Fault::new("/membership", detail));
        }
        if self.limits != old.limits {
            let detail = "limits are set by the operator; allowed: those that the account has";
            faults.push(Fault::new("/limits", detail));
        }
        if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
    }

    fn fits(&self, _desk: &mut Desk<'_>, _id: Option<u32>) -> Result<(), Refusal> {
        if self.measure_visits {
            self.membership.must_have(Feature::VisitReport)?;
        }
        Ok(())
    }

    /// The desk knows the account as it was: whoever begins to measure visits is live from now on, and intake is told of
    /// other limits, whatever is live.
    fn reaches_engine(&self, desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        let is_limited_anew = self.limits != desk.account().limits;
        Ok(self.measure_visits || is_limited_anew || desk.is_live()?)
    }
}

impl Ruled for Region {
    /// What lies in it needs it on its level; the tree of districts would have rings otherwise.
    fn may_replace(&self, old: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        if self.level == old.document.level {
            return Ok(());
        }
        let users = desk.tx.linked_to(desk.key(Kind::Region, old.id), u32::MAX)?;
        let Some(inner) = users.iter().find(|user| user.kind == Kind::Region) else {
            return Ok(());
        };
        let detail = format!(
            "region {} lies in it; allowed: {}, the level that it has",
            inner.id,
            old.document.level.label()
        );
        Err(Refusal::field("/level", detail))
    }

    /// A district lies in one of the level above.
    fn fits(&self, desk: &mut Desk<'_>, _id: Option<u32>) -> Result<(), Refusal> {
        let Some(parent) = self.parent else { return Ok(()) };
        let above = match self.level {
            Level::City => Level::State,
            Level::Street => Level::City,
            Level::State | Level::TradeArea => return Ok(()),
        };
        let found = desk.document::<Self>(parent)?.document.level;
        if found == above {
            return Ok(());
        }
        let detail = format!(
            "parent {parent} is a {}; allowed: a {}, the level above a {}",
            found.label(),
            above.label(),
            self.level.label()
        );
        Err(Refusal::field("/parent", detail))
    }
}

impl Ruled for Category {
    /// The tree stays a tree, four deep.
    fn fits(&self, desk: &mut Desk<'_>, id: Option<u32>) -> Result<(), Refusal> {
        let mut above = 0;
        let mut next = self.parent;
        while let Some(parent) = next {
            if id == Some(parent) {
                let detail =
                    "the category would be part of itself; allowed: a parent outside of it";
                return Err(Refusal::field("/parent", detail));
            }
            above += 1;
            if above >= CATEGORY_DEPTH {
                break;
            }
            next = desk.document::<Self>(parent)?.document.parent;
        }
        let below = match id {
            Some(id) => depth_below(desk, id, CATEGORY_DEPTH)?,
            None => 0,
        };
        let depth = above + 1 + below;
        if depth <= CATEGORY_DEPTH {
            return Ok(());
        }
        let detail = format!("the tree would be {depth} deep; allowed: {CATEGORY_DEPTH}");
        Err(Refusal::field("/parent", detail))
    }
}

/// How deep a tree of categories is below one of them, looked at down to `most`.
fn depth_below(desk: &mut Desk<'_>, id: u32, most: usize) -> Result<usize, Refusal> {
    if most == 0 {
        return Ok(0);
    }
    let key = desk.key(Kind::Category, id);
    let mut deepest = 0;
    for child in desk.tx.linked_to(key, u32::MAX)? {
        if child.kind == Kind::Category {
            deepest = deepest.max(1 + depth_below(desk, child.id, most - 1)?);
        }
    }
    Ok(deepest)
}

impl Ruled for Geofence {
    fn may_be_made(&self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        if self.group.is_some() {
            let detail = "geofences of a group come with its file; allowed: null";
            return Err(Refusal::field("/group", detail));
        }
        let terms = desk.account().membership.terms();
        let Some(allowed) = terms.geofences else { return Ok(()) };
        let found = desk.tx.count(&Query::all(desk.account_id(), Kind::Geofence))? + 1;
        if found <= allowed {
            return Ok(());
        }
        let remedy = "delete some, or ask for Basic or Premium";
        Err(Refusal::Limit { what: "geofences", found, allowed, remedy })
    }

    fn may_replace(&self, old: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        if self.group != old.document.group {
            let detail = "a geofence stays in its group; allowed: the group that it has";
            return Err(Refusal::field("/group", detail));
        }
        desk.refuse_active_geofence(old.id, &old.document)
    }

    fn may_be_deleted(&self, shown: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.refuse_active_geofence(shown.id, self)
    }
}

impl Ruled for Group {
    const PARTS: Option<Kind> = Some(Kind::Geofence);

    fn may_be_made(&self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.account().membership.must_have(Feature::Groups)
    }

    fn may_replace(&self, old: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.refuse_active(desk.key(Kind::Group, old.id))
    }

    fn may_be_deleted(&self, shown: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.refuse_active(desk.key(Kind::Group, shown.id))
    }
}

impl Ruled for Segment {
    fn complete(&mut self, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        self.reason.clear();
        Ok(())
    }

    fn may_be_made(&self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.account().membership.must_have(Feature::Segments)
    }

    fn may_replace(&self, old: &Shown<Self>, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        if self.history.is_some() == old.document.history.is_some() {
            return Ok(());
        }
        let detail = "a segment stays what it is, by visit history or of a file; make another one";
        Err(Refusal::field("/history", detail))
    }

    fn fits(&self, desk: &mut Desk<'_>, _id: Option<u32>) -> Result<(), Refusal> {
        if self.history.is_none() || desk.account().measure_visits {
            return Ok(());
        }
        let detail = "visits are not measured; set measure_visits of the account to true first";
        Err(Refusal::field("/history", detail))
    }
}

impl Ruled for Campaign {
    fn complete(&mut self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        desk.take_by_name(&mut self.test_devices)
    }

    fn tell_of_making(&self, desk: &mut Desk<'_>, id: u32) -> Result<(), Refusal> {
        Ok(desk.tell_of_campaign(NoticeOf::CampaignCreated, id, self)?)
    }

    fn may_be_made(&self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        self.within_membership(desk.account())
    }

    fn may_replace(&self, old: &Shown<Self>, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        self.within_membership(desk.account())?;
        let state = State::of(&old.state)?;
        state.must_allow_edits(old.id)?;
        let today = desk.today();
        if old.document.start.parse::<Date>().is_ok_and(|start| start > today) {
            return Ok(());
        }
        let changed = self.locked_fields_changed(&old.document);
        if changed.is_empty() {
            return Ok(());
        }
        let (campaign, start) = (old.id, old.document.start.clone());
        Err(Refusal::Begun { campaign, start, fields: changed.join(", ") })
    }

    fn may_be_deleted(&self, shown: &Shown<Self>, _desk: &mut Desk<'_>) -> Result<(), Refusal> {
        State::of(&shown.state)?.must_allow_deletion(shown.id)
    }

    /// Homes are found in districts.
    fn fits(&self, desk: &mut Desk<'_>, _id: Option<u32>) -> Result<(), Refusal> {
        let mut faults = Vec::new();
        for (at, block) in self.locations.iter().enumerate() {
            let Location::Residential(home) = block else { continue };
            for (number, region) in home.regions.iter().enumerate() {
                if desk.document::<Region>(*region)?.document.level == Level::TradeArea {
                    let pointer = format!("/locations/{at}/residential/regions/{number}");
                    let detail = format!("region {region} is a trade area; allowed: districts");
                    faults.push(Fault::new(pointer, detail));
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
    }

    /// One that is testing or running does, and those can't be edited or deleted. Of the others those that wait for
    /// homes do: nights are noted from now on.
    fn reaches_engine(&self, _desk: &mut Desk<'_>) -> Result<bool, Refusal> {
        Ok(self.is_residential())
    }
}

impl Campaign {
    /// That the account has what the campaign uses.
    ///
    /// # Errors
    /// [`Refusal::Membership`].
    pub(super) fn within_membership(&self, account: &Account) -> Result<(), Refusal> {
        if matches!(self.audience, Audience::Segment(_)) {
            account.membership.must_have(Feature::Segments)?;
        }
        let grouped = |block: &Location| matches!(block, Location::General(general) if !general.groups.is_empty());
        if self.locations.iter().any(grouped) {
            account.membership.must_have(Feature::Groups)?;
        }
        Ok(())
    }
}
