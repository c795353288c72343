//! Place hints: what a device found out by Wi-Fi or beacon decides its place until the next hint or a gap.
//!
//! Coordinates don't tell floors apart, so a hint overrules them, for the targets of its place alone.

use crate::domain::decision::VisitEnd;
use crate::domain::ids::{PlaceId, TargetId};
use crate::domain::report::{HintVerdict, PlaceHint};
use crate::domain::target::PlaceArea;
use crate::domain::units::UtcMs;
use crate::snapshot::view::TargetView;

use super::device::{Hint, NEVER, Stay};
use super::outputs::Outputs;
use super::partition::{Common, Partition, last_known};
use super::turn::{Basis, Moment, Turn};

/// A device is in few places at once; with more hints in force the oldest is forgotten.
const MAX_HINTS: usize = 32;

impl Partition {
    /// Takes a hint, unless it is older than what is known of its place, or too old to speak of now.
    pub(super) fn hint(&mut self, common: &Common<'_>, hint: &PlaceHint, out: &mut Outputs) {
        let now = self.now(hint.fixed_at);
        if common.account.targets_of_place(hint.place).next().is_none() {
            out.counts.evaluated += 1;
            return;
        }
        let Some(id) = self.row_for(common, hint.device, out) else { return };
        out.counts.evaluated += 1;
        let row = self.table.row(id);
        // Hints and fixes come by different ways: one that is a little behind the last fix speaks of now.
        let behind_ms = row.fixed_at.since(hint.fixed_at);
        let is_new = row.fixed_at == UtcMs::MIN;
        let is_old = !is_new && behind_ms > i64::from(self.policy.max_push_age_s) * 1000;
        let hints = self.table.hints.get(self.table.annex(id).hints);
        if is_old || hints.iter().any(|old| old.place == hint.place && old.fixed_at > hint.fixed_at)
        {
            out.counts.late += 1;
            return;
        }
        let at = hint.fixed_at.max(row.fixed_at);
        if !is_new && at.since(row.fixed_at) > i64::from(self.policy.gap_s) * 1000 {
            self.end_silence(id, common, at, now, out);
        }
        let basis = Basis::Hint(hint.place);
        let known = last_known(self.table.row(id), at, now, self.clock, basis);
        let moment = Moment { app: common.app, accuracy_m: 0, seen_at: hint.fixed_at, ..known };
        let mut turn = self.turn(id, common.account, moment, out);
        turn.reconcile();
        if !turn.row.placed() {
            turn.row.fixed_at = at;
            turn.row.app = common.app;
        }
        turn.follow_hint(hint);
        turn.run_dwells();
        turn.run_due_triggers();
        turn.decide();
        turn.finish();
    }
}

impl Turn<'_, '_> {
    /// Takes a place hint in: it decides the place's targets, and nothing else.
    fn follow_hint(&mut self, hint: &PlaceHint) {
        self.scratch.last_word = self.last_hint(hint.place);
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
                (Ok(at), true) => {
                    let stay = self.scratch.stays[at];
                    let stay = self.seen_inside(stay);
                    self.scratch.stays[at] = self.hinted(stay);
                }
                (Err(at), true) if self.has_room_for_stay() => {
                    let stay = self.fresh_stay(target.id());
                    self.scratch.stays.insert(at, stay);
                    self.scratch.entered.push(target.id());
                }
                (Ok(at), false) => {
                    let stay = self.scratch.stays.remove(at);
                    self.scratch.ended.push(stay);
                }
                (Err(_), true | false) => {}
            }
        }
        self.replace_stays();
        self.report_ended(VisitEnd::Exit, self.moment.at);
        self.report_entered();
        self.see_visits();
    }

    /// What the hint in force at `at` for the target's place says, if there is one.
    pub(super) fn hint_for(&self, target: &TargetView<'_>, at: UtcMs) -> Option<bool> {
        if self.annex.hints.is_empty() {
            return None;
        }
        let (place, area) = target.place()?;
        let hint = self.hint_in_force(place, at)?;
        Some(hint_puts_inside(hint.verdict, area))
    }

    /// The stay with the time of the hint in force that puts the device inside, if there is one.
    pub(super) fn hinted(&self, stay: Stay) -> Stay {
        let hint = || {
            let (place, area) = self.account.target(stay.target)?.place()?;
            let hint = self.hint_in_force(place, self.moment.at)?;
            hint_puts_inside(hint.verdict, area).then_some(hint.fixed_at)
        };
        match if self.annex.hints.is_empty() { None } else { hint() } {
            Some(at) => {
                let behind_s = at.since(stay.entered_at).div_euclid(1000);
                Stay { hinted_s: i32::try_from(behind_s).unwrap_or(NEVER), ..stay }
            }
            None => Stay { hinted_s: NEVER, ..stay },
        }
    }

    pub(super) fn hint_in_force(&self, place: PlaceId, at: UtcMs) -> Option<Hint> {
        let until_ms = i64::from(self.rules.policy.gap_s) * 1000;
        self.last_hint(place).filter(|hint| at.since(hint.fixed_at) <= until_ms)
    }

    /// The last hint on a place, if it is still known.
    pub(super) fn last_hint(&self, place: PlaceId) -> Option<Hint> {
        let hints = self.table.hints.get(self.annex.hints);
        hints.iter().find(|hint| hint.place == place).copied()
    }

    /// Adds the targets that hints put the device inside of, and takes out those they put it outside of.
    pub(super) fn overrule_by_hints(&self, contained: &mut Vec<TargetId>) {
        let at = self.moment.at;
        for hint in self.table.hints.get(self.annex.hints) {
            if self.hint_in_force(hint.place, at).is_none() {
                continue;
            }
            for target in self.account.targets_of_place(hint.place) {
                let inside = self.hint_for(&target, at) == Some(true);
                match (contained.binary_search(&target.id()), inside) {
                    (Err(place), true) => contained.insert(place, target.id()),
                    (Ok(place), false) => {
                        contained.remove(place);
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
        if self.annex.hints.len() >= MAX_HINTS {
            self.table.hints.remove(&mut self.annex.hints, 0);
        }
        let note = Hint { place: hint.place, verdict: hint.verdict, fixed_at: hint.fixed_at };
        self.table.hints.push(&mut self.annex.hints, note);
    }
}

pub(super) fn hint_puts_inside(verdict: HintVerdict, area: PlaceArea) -> bool {
    match (verdict, area) {
        (HintVerdict::Enter, PlaceArea::Signal | PlaceArea::Inside)
        | (HintVerdict::Nearby, PlaceArea::Signal) => true,
        (HintVerdict::Nearby, PlaceArea::Inside)
        | (HintVerdict::Leave, PlaceArea::Signal | PlaceArea::Inside) => false,
    }
}
