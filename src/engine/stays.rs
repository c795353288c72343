//! Where a device is inside: enters, exits and dwells, with the policy that tells them from noise.
//!
//! The exact containment of a fix comes from the snapshot's index; place hints overrule it for their place;
//! this file merges it with the open stays and reports each change to [`triggers`](super::triggers).

use crate::domain::ids::{PlaceId, TargetId};
use crate::domain::report::{HintVerdict, PlaceHint};
use crate::domain::target::PlaceArea;
use crate::domain::units::UtcMs;
use crate::snapshot::view::TargetView;

use super::device::{Hint, Stay};
use super::turn::Turn;

impl Turn<'_, '_> {
    /// Ends every stay, as of the device's last fix.
    pub(crate) fn end_all_stays(&mut self) {
        self.scratch.ended.clear();
        self.scratch.ended.extend_from_slice(self.table.stays.get(self.row.stays));
        self.table.stays.clear(&mut self.row.stays);
        self.table.hints.clear(&mut self.annex.hints);
        self.report_ended();
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
        self.report_ended();
    }

    /// Takes a fix in: what contains it against the open stays.
    pub(crate) fn follow_fix(&mut self) {
        let Some(point) = self.moment.point else { return };
        let mut contained = std::mem::take(&mut self.scratch.contained);
        contained.clear();
        let index = self.account.index();
        index.targets(index.locate(point), &mut contained);
        self.out.counts.hits += contained.len() as u64;
        self.overrule_by_hints(&mut contained);
        self.merge(&contained);
        self.scratch.contained = contained;
        self.replace_stays();
        self.report_ended();
        self.report_entered();
    }

    /// Takes a place hint in: it decides the place's targets, and nothing else.
    pub(crate) fn follow_hint(&mut self, hint: &PlaceHint) {
        self.remember_hint(hint);
        self.scratch.ended.clear();
        self.scratch.entered.clear();
        self.scratch.stays.clear();
        self.scratch.stays.extend_from_slice(self.table.stays.get(self.row.stays));
        for target in self.account.targets_of_place(hint.place) {
            let inside =
                target.place().is_some_and(|(_, area)| hint_puts_inside(hint.verdict, area));
            match (
                self.scratch.stays.binary_search_by_key(&target.id(), |stay| stay.target),
                inside,
            ) {
                (Ok(at), true) => self.scratch.stays[at].outside = 0,
                (Err(at), true) => {
                    let stay = self.fresh_stay(target.id());
                    self.scratch.stays.insert(at, stay);
                    self.scratch.entered.push(target.id());
                }
                (Ok(at), false) => {
                    let stay = self.scratch.stays.remove(at);
                    self.scratch.ended.push(stay);
                }
                (Err(_), false) => {}
            }
        }
        self.replace_stays();
        self.report_ended();
        self.report_entered();
    }

    /// Lets dwell times come true that have passed by `at`, at every stay the device is inside.
    ///
    /// Returns whether one did.
    pub(crate) fn run_dwells(&mut self, at: UtcMs) -> bool {
        let mut came_true = false;
        for number in 0..self.row.stays.len() {
            let stay = self.stays()[number];
            let elapsed_s = whole_seconds(at.since(stay.entered_at));
            if !stay.inside() || stay.next_dwell_s > elapsed_s {
                continue;
            }
            let mut next = stay.next_dwell_s;
            while next <= elapsed_s {
                self.out.counts.dwells += 1;
                self.dwell_came_true(&stay, next);
                next = self.next_dwell_s(stay.target, next);
            }
            self.table.stays.get_mut(self.row.stays)[number].next_dwell_s = next;
            self.set_dwell_timer(&Stay { next_dwell_s: next, ..stay });
            came_true = true;
        }
        came_true
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
                self.scratch.stays.push(Stay { outside: 0, ..stay });
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

    /// Enter: contained, and the fix is at least as fine as the policy's limit or as the target is large.
    fn enter_if_credible(&mut self, target: TargetId) {
        if !self.is_fine_enough_for(target) {
            return;
        }
        let stay = self.fresh_stay(target);
        self.scratch.stays.push(stay);
        self.scratch.entered.push(target);
    }

    /// Exit: outside by more than the margin and the accuracy, or outside often enough in a row, by fixes fine
    /// enough to count; or so far out that no accuracy can explain it. `None` is an exit.
    fn still_staying(&self, stay: Stay) -> Option<Stay> {
        let target = self.account.target(stay.target)?;
        if self.hint_for(&target) == Some(false) {
            return None;
        }
        let policy = self.rules.policy;
        let accuracy_m = f64::from(self.moment.accuracy_m);
        let away_m = self.moment.point.map_or(0.0, |point| target.distance_m(point));
        if away_m > f64::from(policy.exit_settle_m) + accuracy_m {
            return None;
        }
        if !self.is_fine_enough_for(stay.target) {
            return Some(stay);
        }
        let outside = stay.outside.saturating_add(1);
        let left = away_m > accuracy_m.max(f64::from(policy.exit_margin_m))
            || outside >= policy.exit_confirmations;
        (!left).then_some(Stay { outside, ..stay })
    }

    fn is_fine_enough_for(&self, target: TargetId) -> bool {
        let accuracy_m = self.moment.accuracy_m;
        accuracy_m <= self.rules.policy.max_accuracy_m
            || self
                .account
                .target(target)
                .is_some_and(|target| f64::from(accuracy_m) <= f64::from(target.size_m()))
    }

    fn fresh_stay(&self, target: TargetId) -> Stay {
        Stay {
            target,
            began: self.rules.epoch,
            entered_at: self.moment.at,
            next_dwell_s: self.next_dwell_s(target, 0),
            outside: 0,
        }
    }

    /// Writes `scratch.stays` over the device's stays, in place where the number is the same.
    fn replace_stays(&mut self) {
        let stays = &self.scratch.stays;
        if stays.len() == self.row.stays.len() {
            self.table.stays.get_mut(self.row.stays).copy_from_slice(stays);
            return;
        }
        self.table.stays.clear(&mut self.row.stays);
        for stay in stays {
            // A device inside more targets than a run can hold keeps those with the lowest ids.
            if !self.table.stays.push(&mut self.row.stays, *stay) {
                break;
            }
        }
    }

    fn report_ended(&mut self) {
        let ended = std::mem::take(&mut self.scratch.ended);
        self.out.counts.exits += ended.len() as u64;
        for stay in &ended {
            self.stay_ended(stay);
        }
        self.scratch.ended = ended;
    }

    fn report_entered(&mut self) {
        let entered = std::mem::take(&mut self.scratch.entered);
        self.out.counts.enters += entered.len() as u64;
        for target in &entered {
            if let Some(stay) = self.stay_at(*target) {
                self.set_dwell_timer(&stay);
                self.stay_began(&stay);
            }
        }
        self.scratch.entered = entered;
    }

    pub(crate) fn set_dwell_timer(&mut self, stay: &Stay) {
        if stay.next_dwell_s != u32::MAX {
            self.set_timer(stay.entered_at.plus_s(stay.next_dwell_s));
        }
    }

    /// What the hint in force for the target's place says, if there is one.
    fn hint_for(&self, target: &TargetView<'_>) -> Option<bool> {
        if self.annex.hints.is_empty() {
            return None;
        }
        let (place, area) = target.place()?;
        let hint = self.hint_in_force(place)?;
        Some(hint_puts_inside(hint.verdict, area))
    }

    fn hint_in_force(&self, place: PlaceId) -> Option<Hint> {
        let until_ms = i64::from(self.rules.policy.gap_s) * 1000;
        self.table
            .hints
            .get(self.annex.hints)
            .iter()
            .find(|hint| hint.place == place && self.moment.at.since(hint.fixed_at) <= until_ms)
            .copied()
    }

    fn overrule_by_hints(&self, contained: &mut Vec<TargetId>) {
        for hint in self.table.hints.get(self.annex.hints) {
            if self.hint_in_force(hint.place).is_none() {
                continue;
            }
            for target in self.account.targets_of_place(hint.place) {
                let inside = self.hint_for(&target) == Some(true);
                match (contained.binary_search(&target.id()), inside) {
                    (Err(at), true) => contained.insert(at, target.id()),
                    (Ok(at), false) => {
                        contained.remove(at);
                    }
                    (Ok(_), true) | (Err(_), false) => {}
                }
            }
        }
    }

    fn remember_hint(&mut self, hint: &PlaceHint) {
        let until_ms = i64::from(self.rules.policy.gap_s) * 1000;
        let at = self.moment.at;
        self.table.hints.retain(&mut self.annex.hints, |old| {
            old.place != hint.place && at.since(old.fixed_at) <= until_ms
        });
        let note = Hint { place: hint.place, verdict: hint.verdict, fixed_at: hint.fixed_at };
        self.table.hints.push(&mut self.annex.hints, note);
    }
}

fn hint_puts_inside(verdict: HintVerdict, area: PlaceArea) -> bool {
    match (verdict, area) {
        (HintVerdict::Enter, PlaceArea::Signal | PlaceArea::Inside)
        | (HintVerdict::Nearby, PlaceArea::Signal) => true,
        (HintVerdict::Nearby, PlaceArea::Inside)
        | (HintVerdict::Leave, PlaceArea::Signal | PlaceArea::Inside) => false,
    }
}

/// Whole seconds of a span; 0 for a negative one, `u32::MAX − 1` for more than fits.
fn whole_seconds(ms: i64) -> u32 {
    u32::try_from(ms.max(0) / 1000).unwrap_or(u32::MAX).min(u32::MAX - 1)
}
