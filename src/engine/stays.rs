//! Where a device is inside: enters, exits and dwells, with the policy that tells them from noise.
//!
//! The exact containment of a fix comes from the snapshot's index; [`hints`](super::hints) overrule it for their place;
//! this file merges it with the open stays and reports each change to [`triggers`](super::triggers).

use crate::domain::decision::VisitEnd;
use crate::domain::ids::TargetId;
use crate::domain::units::UtcMs;
use crate::snapshot::view::TargetView;

use super::device::{NEVER, Stay};
use super::nights::CELL_RADIUS_M;
use super::slab::Run;
use super::turn::Turn;

impl Turn<'_, '_> {
    /// Ends every stay as of the device's last fix, but for those that a hint in force at `until` holds.
    pub(crate) fn end_silent_stays(&mut self, until: UtcMs) {
        self.scratch.ended.clear();
        self.scratch.stays.clear();
        for number in 0..self.row.stays.len() {
            let stay = self.stays()[number];
            let target = self.account.target(stay.target);
            let held = target.is_some_and(|target| self.hint_for(&target, until) == Some(true));
            let list = if held { &mut self.scratch.stays } else { &mut self.scratch.ended };
            list.push(stay);
        }
        self.replace_stays();
        self.report_ended(VisitEnd::Silence, until);
    }

    /// Ends the stays whose target is watched no more.
    pub(crate) fn end_removed_stays(&mut self) {
        let account = self.account;
        self.scratch.ended.clear();
        let ended = &mut self.scratch.ended;
        self.table.stays.retain(&mut self.row.stays, |stay| {
            let watched = account.target(stay.target).is_some();
            if !watched {
                ended.push(*stay);
            }
            watched
        });
        self.report_ended(VisitEnd::FenceRemoved, self.moment.at);
    }

    /// Takes a fix in: what contains it against the open stays.
    pub(crate) fn follow_fix(&mut self) {
        let Some(point) = self.moment.point else { return };
        let mut contained = std::mem::take(&mut self.scratch.contained);
        contained.clear();
        let index = self.account.index();
        index.targets(index.locate(point), &mut contained);
        self.out.counts.hits += contained.len() as u64;
        self.leave_homes_to_their_own(&mut contained);
        self.overrule_by_hints(&mut contained);
        if self.are_all_inside(&contained) {
            self.see_all_inside();
        } else {
            self.prefetch_changes(&contained);
            self.merge(&contained);
            self.replace_stays();
            self.report_ended(VisitEnd::Exit, self.moment.at);
            self.report_entered();
        }
        self.see_visits();
        self.scratch.contained = contained;
    }

    /// Whether the targets are those that the device stays at, no more and no less: the usual case.
    fn are_all_inside(&self, contained: &[TargetId]) -> bool {
        let stays = self.stays();
        let pairs = stays.iter().zip(contained);
        stays.len() == contained.len() && pairs.into_iter().all(|(stay, id)| stay.target == *id)
    }

    fn see_all_inside(&mut self) {
        let epoch = self.rules.epoch;
        for stay in self.table.stays.get_mut(self.row.stays) {
            *stay = seen_inside(*stay, epoch);
        }
    }

    /// Starts loading what is read of the targets that the device comes to or may have left: one after the other
    /// each would be waited for.
    fn prefetch_changes(&self, contained: &[TargetId]) {
        let shapes = self.account.shapes();
        let mut stays = self.stays().iter().map(|stay| stay.target).peekable();
        let mut inside = contained.iter().copied().peekable();
        loop {
            match (stays.peek(), inside.peek()) {
                (Some(left), Some(entered)) if left == entered => {
                    stays.next();
                    inside.next();
                }
                (Some(&left), entered) if entered.is_none_or(|entered| left < *entered) => {
                    shapes.prefetch(left);
                    stays.next();
                }
                (_, Some(&entered)) => {
                    self.account.prefetch_campaigns(entered);
                    inside.next();
                }
                (_, None) => return,
            }
        }
    }

    /// Lets dwell times come true that have passed by now, at every stay the device is inside that the turn
    /// concerns.
    pub(crate) fn run_dwells(&mut self) {
        for number in 0..self.row.stays.len() {
            let stay = self.stays()[number];
            let Some(deadline) = stay.deadline() else { continue };
            self.renew_timer(deadline);
            let elapsed_s = whole_seconds(self.moment.at.since(stay.entered_at));
            let is_due = stay.inside && stay.next_dwell_s <= elapsed_s;
            if !is_due || !self.concerns(stay.target) {
                continue;
            }
            let mut next = stay.next_dwell_s;
            while next <= elapsed_s {
                self.out.counts.dwells += 1;
                self.dwell_came_true(&stay, next);
                next = self.next_dwell_s(stay.target, stay.began, next);
            }
            self.table.stays.get_mut(self.row.stays)[number].next_dwell_s = next;
            self.set_dwell_timer(&Stay { next_dwell_s: next, ..stay });
        }
    }

    /// Merges the targets that contain the fix with the open stays, both ascending, into `scratch.stays`.
    fn merge(&mut self, contained: &[TargetId]) {
        self.scratch.stays.clear();
        self.scratch.ended.clear();
        self.scratch.entered.clear();
        let mut inside = contained.iter().copied().peekable();
        for number in 0..self.row.stays.len() {
            let stay = self.stays()[number];
            while let Some(target) = inside.next_if(|target| *target < stay.target) {
                self.enter_if_credible(target);
            }
            if inside.next_if_eq(&stay.target).is_some() {
                let stay = self.seen_inside(stay);
                self.scratch.stays.push(stay);
            } else if let Some(stay) = self.still_staying(stay) {
                self.scratch.stays.push(stay);
            } else {
                self.scratch.ended.push(stay);
            }
        }
        for target in inside {
            self.enter_if_credible(target);
        }
    }

    pub(super) fn seen_inside(&self, stay: Stay) -> Stay {
        seen_inside(stay, self.rules.epoch)
    }

    /// Enter: contained, and the fix is fine enough for somebody there.
    fn enter_if_credible(&mut self, target: TargetId) {
        if !self.is_fine_enough_for(target) {
            return self.count_too_coarse(target);
        }
        if !self.has_room_for_stay() {
            return;
        }
        let stay = self.fresh_stay(target);
        self.scratch.stays.push(stay);
        self.scratch.entered.push(target);
    }

    /// Exit: outside by more than the margin and the accuracy, or outside often enough in a row, by fixes fine
    /// enough to count; or so far out that no accuracy can explain it. `None` is an exit. The target does not contain
    /// the fix, or a hint says so.
    fn still_staying(&self, stay: Stay) -> Option<Stay> {
        let target = self.account.target(stay.target)?;
        if self.hint_for(&target, self.moment.at) == Some(false) {
            return None;
        }
        let policy = self.rules.policy;
        let accuracy_m = f64::from(self.moment.accuracy_m);
        let shape = target.shape()?;
        let point = self.moment.point?;
        let is_beyond_m = shape.is_beyond_m(point);
        if is_beyond_m(self.settle_m()) {
            return None;
        }
        if !self.is_fine_enough_for(stay.target) {
            return Some(Stay { inside: false, ..stay });
        }
        let outside = stay.outside.saturating_add(1);
        let left = outside >= policy.exit_confirmations
            || is_beyond_m(accuracy_m.max(f64::from(policy.exit_margin_m)));
        (!left).then_some(Stay { outside, inside: false, ..stay })
    }

    /// Farther out than this no accuracy explains a fix of somebody inside.
    fn settle_m(&self) -> f64 {
        f64::from(self.rules.policy.exit_settle_m) + f64::from(self.moment.accuracy_m)
    }

    /// Whether the moment's fix is so far out that it is outside for certain, however coarse.
    pub(super) fn is_far_outside(&self, target: TargetId) -> bool {
        let shape = self.account.target(target).and_then(TargetView::shape);
        let Some((shape, point)) = shape.zip(self.moment.point) else { return false };
        shape.is_beyond_m(point)(self.settle_m())
    }

    /// At least as fine as the policy's limit, as the target is large, or as a campaign there is content with;
    /// what is too coarse for the others is their gate's to say. Of a home the cell is what is large.
    pub(super) fn is_fine_enough_for(&self, target: TargetId) -> bool {
        let accuracy_m = self.moment.accuracy_m;
        if self.account.is_home(target) {
            return accuracy_m <= CELL_RADIUS_M;
        }
        accuracy_m <= self.rules.policy.max_accuracy_m
            || self.account.target(target).is_some_and(|target| {
                let suits = |limit_m: Option<u16>| limit_m.is_some_and(|limit| accuracy_m <= limit);
                f64::from(accuracy_m) <= f64::from(target.size_m())
                    || target.campaigns().any(|campaign| suits(campaign.max_accuracy_m()))
            })
    }

    /// Whether a run can hold one stay more, should none of the present ones end.
    pub(super) fn has_room_for_stay(&self) -> bool {
        self.row.stays.len() + self.scratch.entered.len() < Run::<Stay>::MAX_LEN
    }

    pub(super) fn fresh_stay(&self, target: TargetId) -> Stay {
        self.hinted(Stay {
            target,
            began: self.rules.epoch,
            entered_at: self.moment.at,
            next_dwell_s: self.next_dwell_s(target, self.rules.epoch, 0),
            outside: 0,
            inside: true,
            seen_in: self.rules.epoch,
            hinted_s: NEVER,
        })
    }

    /// Puts `scratch.stays` in place of the device's stays.
    pub(super) fn replace_stays(&mut self) {
        let kept = self.table.stays.replace(&mut self.row.stays, &self.scratch.stays);
        debug_assert!(kept, "has_room_for_stay has seen to it");
    }

    /// Lets triggers and visits know what ended and how; `outside_at` is the instant from which that is known.
    pub(super) fn report_ended(&mut self, how: VisitEnd, outside_at: UtcMs) {
        let ended = std::mem::take(&mut self.scratch.ended);
        self.out.counts.exits += ended.len() as u64;
        for stay in &ended {
            self.count_ended(stay, how);
            self.close_visit(stay, how, outside_at);
            self.stay_ended(stay);
        }
        self.scratch.ended = ended;
    }

    pub(super) fn report_entered(&mut self) {
        let entered = std::mem::take(&mut self.scratch.entered);
        self.out.counts.enters += entered.len() as u64;
        for target in &entered {
            self.account.prefetch_campaign_list(*target);
        }
        for target in &entered {
            if let Some(stay) = self.stay_at(*target) {
                self.count_entered(*target);
                self.set_dwell_timer(&stay);
                self.note_visit(&stay);
                self.stay_began(&stay);
            }
        }
        self.scratch.entered = entered;
    }

    fn set_dwell_timer(&mut self, stay: &Stay) {
        if let Some(deadline) = stay.deadline() {
            self.set_timer(deadline);
        }
    }

    /// Dwell times may have been edited: what could come true before the publication has had its chance, by a
    /// fix, a hint or by timer; the others are looked up anew.
    pub(crate) fn renew_dwells(&mut self) {
        for number in 0..self.row.stays.len() {
            let stay = self.stays()[number];
            // A hint may be ahead of both the last fix and the publication.
            let heard_at = self.row.fixed_at.max(stay.last_heard(&self.row).0);
            let known_at = heard_at.max(self.rules.published_at);
            let elapsed_s = whole_seconds(known_at.since(stay.entered_at));
            let passed_s = elapsed_s.min(stay.next_dwell_s.saturating_sub(1));
            let next_dwell_s = self.next_dwell_s(stay.target, stay.began, passed_s);
            if next_dwell_s != stay.next_dwell_s {
                let renewed = Stay { next_dwell_s, ..stay };
                self.table.stays.get_mut(self.row.stays)[number] = renewed;
                self.set_dwell_timer(&renewed);
            }
        }
    }
}

fn seen_inside(stay: Stay, epoch: u32) -> Stay {
    Stay { outside: 0, inside: true, seen_in: epoch, ..stay }
}

/// Whole seconds of a span; 0 for a negative one, `u32::MAX − 1` for more than fits.
fn whole_seconds(ms: i64) -> u32 {
    u32::try_from(ms.max(0) / 1000).unwrap_or(u32::MAX).min(u32::MAX - 1)
}
