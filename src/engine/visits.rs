//! Visits: which stays at places become one, when they are told of, and how late fixes correct them.
//!
//! [`stays`](super::stays) and [`hints`](super::hints) report what happens at a place; a [`VisitNote`] on the device's
//! annex keeps as much of it as a late fix may still change. A visit is told of at the first fix or hint inside that
//! is `visit_dwell_s` past its enter, again when it ends, and again whenever a late fix changes what was told. None
//! of this opens a trigger.

use crate::domain::decision::{Output, VisitEnd};
use crate::domain::fix::Fix;
use crate::domain::ids::{PlaceId, TargetId};
use crate::domain::target::PlaceArea;
use crate::domain::units::UtcMs;
use crate::snapshot::view::TargetView;

use super::device::{Hint, Stay, VisitNote};
use super::hints::hint_puts_inside;
use super::outputs::Outputs;
use super::partition::{Common, Partition};
use super::turn::{Basis, Moment, Turn};

/// Stays at places that a device's annex keeps, open ones and those that late fixes may still correct: a day of
/// errands. Of more, the one closed longest is given up, and with none closed a stay gives no visit.
pub(super) const MAX_VISIT_NOTES: usize = 32;

impl Partition {
    /// A late fix corrects visits, and changes nothing else.
    pub(super) fn correct_visits(
        &mut self,
        id: super::table::RowId,
        common: &Common<'_>,
        fix: &Fix,
        out: &mut Outputs,
    ) {
        if self.table.annex(id).visits.is_empty() {
            return;
        }
        let moment = Moment::of_fix(fix, common.app, (self.clock, self.clock));
        let mut turn = self.turn(id, common.account, moment, out);
        turn.correct_visits();
        turn.finish();
    }
}

/// What is known of a device and a place at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Inside,
    Outside,
    /// The fix is too coarse to say.
    Unknown,
}

impl Turn<'_, '_> {
    /// A stay began: it is noted if it is one inside a place whose visits are measured.
    pub(super) fn note_visit(&mut self, stay: &Stay) {
        if !self.account.measures_visits() {
            return;
        }
        let place = self.account.target(stay.target).and_then(TargetView::place);
        let Some((place, PlaceArea::Inside)) = place else { return };
        if !self.make_room_for_visit() {
            return;
        }
        // The turn works on a copy: the table still has the row as the fix or hint before this one left it.
        let known_at = self.table.row(self.id).fixed_at;
        let at = stay.entered_at;
        let note = VisitNote {
            target: stay.target,
            place,
            revision: 0,
            first_entered_at: at,
            entered_at: at,
            outside_before: known_at.max(self.barred_until(place)),
            inside_at: at,
            outside_after: UtcMs::MAX,
            hinted_at: self.hinted_inside_at(place).unwrap_or(UtcMs::MIN),
            ended_by: None,
            confidence_pct: 0,
            cell: 0,
        };
        self.table.visits.push(&mut self.annex.visits, note);
    }

    /// Gives up what can't change any more, or else the note closed longest; `false` when all are open.
    fn make_room_for_visit(&mut self) -> bool {
        if self.annex.visits.len() < MAX_VISIT_NOTES {
            return true;
        }
        self.forget_old_visits();
        let notes = self.table.visits.get(self.annex.visits);
        if notes.len() < MAX_VISIT_NOTES {
            return true;
        }
        let closed = notes.iter().enumerate().filter(|(_, note)| note.ended_by.is_some());
        let Some((oldest, _)) = closed.min_by_key(|(_, note)| note.outside_after) else {
            return false;
        };
        self.table.visits.remove(&mut self.annex.visits, oldest);
        true
    }

    /// Until when the last hint before the moment's kept the device outside of the place: no fix before that can have
    /// been an enter.
    fn barred_until(&self, place: PlaceId) -> UtcMs {
        let before = match self.moment.basis {
            Basis::Hint(_) => self.scratch.last_word,
            Basis::Fix | Basis::Timer | Basis::Silence => self.last_hint(place),
        };
        let bars = |hint: &Hint| !hint_puts_inside(hint.verdict, PlaceArea::Inside);
        before.filter(bars).map_or(UtcMs::MIN, |hint| {
            hint.fixed_at.plus_s(self.rules.policy.gap_s).min(self.moment.at)
        })
    }

    /// When the hint was made that puts the device inside of the place now, if there is one in force.
    fn hinted_inside_at(&self, place: PlaceId) -> Option<UtcMs> {
        let hint = self.hint_in_force(place, self.moment.at)?;
        hint_puts_inside(hint.verdict, PlaceArea::Inside).then_some(hint.fixed_at)
    }

    /// The stays that the turn's fix or hint speaks of go on, or look as if they were over.
    pub(super) fn see_visits(&mut self) {
        // Without a stay no visit goes on, and the notes of those that were are not touched.
        if self.row.stays.is_empty() {
            return;
        }
        for number in 0..self.annex.visits.len() {
            let note = self.visit(number);
            if note.ended_by.is_some() || !self.speaks_of(note.place) {
                continue;
            }
            let Some(stay) = self.stay_at(note.target) else { continue };
            let at = self.moment.at;
            if stay.inside {
                let hinted_at = match self.moment.basis {
                    Basis::Hint(_) => self.moment.seen_at,
                    Basis::Fix | Basis::Timer | Basis::Silence => note.hinted_at,
                };
                // A hint may have been ahead of the fix that comes now.
                let inside_at = note.inside_at.max(at);
                let outside_after = UtcMs::MAX;
                self.keep_visit(number, VisitNote { inside_at, outside_after, hinted_at, ..note });
                self.tell_if_long_enough(number);
            } else if stay.outside > 0 {
                let outside_after = note.outside_after.min(at.max(note.inside_at));
                self.keep_visit(number, VisitNote { outside_after, ..note });
            }
        }
    }

    /// A hint tells of its place alone, a fix of all.
    fn speaks_of(&self, place: PlaceId) -> bool {
        match self.moment.basis {
            Basis::Hint(of) => of == place,
            Basis::Fix | Basis::Timer | Basis::Silence => true,
        }
    }

    /// A stay ended, and `outside_at` is the instant from which that is known.
    pub(super) fn close_visit(&mut self, stay: &Stay, ended_by: VisitEnd, outside_at: UtcMs) {
        let notes = self.table.visits.get(self.annex.visits);
        let is_of_stay = |note: &VisitNote| note.target == stay.target && note.ended_by.is_none();
        let Some(number) = notes.iter().position(is_of_stay) else { return };
        let note = notes[number];
        let outside_after = note.outside_after.min(outside_at.max(note.inside_at));
        self.keep_visit(number, VisitNote { outside_after, ended_by: Some(ended_by), ..note });
        if note.revision > 0 {
            self.tell_visit(number);
        }
    }

    /// After a publication: visits end where they are measured no more, and nothing can correct them.
    pub(super) fn end_unwatched_visits(&mut self) {
        let mut number = 0;
        while number < self.annex.visits.len() {
            let note = self.visit(number);
            if self.measures_at(note.target, note.place) {
                number += 1;
                continue;
            }
            if note.ended_by.is_none() && note.revision > 0 {
                let ended_by = Some(VisitEnd::FenceRemoved);
                self.keep_visit(number, VisitNote { ended_by, ..note });
                self.tell_visit(number);
            }
            self.table.visits.remove(&mut self.annex.visits, number);
        }
    }

    fn measures_at(&self, target: TargetId, place: PlaceId) -> bool {
        self.account.measures_visits()
            && self.account.target(target).and_then(TargetView::place)
                == Some((place, PlaceArea::Inside))
    }

    /// Forgets the notes that no fix can correct any more: one late enough would be refused. They stand in the order in
    /// which they were made, so that it is enough to look at the first each time.
    pub(super) fn forget_old_visits(&mut self) {
        let lateness_ms = i64::from(self.rules.policy.lateness_s) * 1000;
        let oldest = self.row.fixed_at - lateness_ms;
        let is_old = |note: &VisitNote| note.ended_by.is_some() && note.outside_after <= oldest;
        if self.table.visits.get(self.annex.visits).first().is_some_and(is_old) {
            self.table.visits.retain(&mut self.annex.visits, |note| !is_old(note));
        }
    }

    /// Takes the moment's fix, which is late, as if it had been known: it may lengthen a stay, or show that the device
    /// was outside just before or after. One inside belongs to one stay, and to the earlier of two.
    fn correct_visits(&mut self) {
        let Some(point) = self.moment.point else { return };
        let at = self.moment.at;
        let notes = self.table.visits.get(self.annex.visits);
        if !notes.iter().any(|note| note.is_open_to(at)) {
            return;
        }
        let mut contained = std::mem::take(&mut self.scratch.contained);
        contained.clear();
        let index = self.account.index();
        index.targets(index.locate(point), &mut contained);
        for number in 0..self.annex.visits.len() {
            let VisitNote { target, place, .. } = self.visit(number);
            let earlier = &self.table.visits.get(self.annex.visits)[..number];
            if earlier.iter().any(|note| note.target == target) || !self.measures_at(target, place)
            {
                continue;
            }
            let is_contained = contained.binary_search(&target).is_ok();
            self.correct_visits_at(target, is_contained);
        }
        self.scratch.contained = contained;
    }

    fn correct_visits_at(&mut self, target: TargetId, is_contained: bool) {
        let at = self.moment.at;
        let by_coordinates = self.late_verdict(target, is_contained);
        let mut taken_by = None;
        for number in 0..self.annex.visits.len() {
            let note = self.visit(number);
            let is_hinted = note.is_hinted_at(at, self.gap_ms());
            let is_inside = is_hinted || by_coordinates == Verdict::Inside;
            if note.target == target && is_inside && self.lengthen(number) {
                taken_by = Some(number);
                break;
            }
        }
        if taken_by.is_none() && by_coordinates != Verdict::Outside {
            return;
        }
        for number in 0..self.annex.visits.len() {
            let note = self.visit(number);
            if note.target == target && taken_by != Some(number) {
                self.keep_visit(number, note.bounded_by(at));
            }
        }
    }

    /// What a late fix says of a target by its coordinates, by the rules for enter and exit.
    fn late_verdict(&self, target: TargetId, is_contained: bool) -> Verdict {
        match (is_contained, self.is_fine_enough_for(target)) {
            (true, true) => Verdict::Inside,
            (true, false) => Verdict::Unknown,
            (false, true) => Verdict::Outside,
            (false, false) if self.is_far_outside(target) => Verdict::Outside,
            (false, false) => Verdict::Unknown,
        }
    }

    /// Lets a stay begin earlier or end later by the moment's fix, if that fix lies close enough to it and nothing
    /// known lies between; `false` if not.
    fn lengthen(&mut self, number: usize) -> bool {
        let (at, note) = (self.moment.at, self.visit(number));
        let is_before = note.outside_before < at && at < note.entered_at;
        let is_after = note.inside_at < at && at < note.outside_after;
        // A longer silence ends a stay, in whatever order its fixes come.
        let is_near = |from: UtcMs, to: UtcMs| to.since(from) <= self.gap_ms();
        let longer = if is_before && is_near(at, note.entered_at) {
            VisitNote { entered_at: at, ..note }
        } else if is_after && is_near(note.inside_at, at) {
            VisitNote { inside_at: at, ..note }
        } else {
            return false;
        };
        self.keep_visit(number, longer);
        if note.revision == 0 {
            self.tell_if_long_enough(number);
        } else if is_before || note.ended_by.is_some() {
            self.tell_visit(number);
        }
        true
    }

    /// The stay becomes a visit, if it is none yet and has lasted long enough.
    fn tell_if_long_enough(&mut self, number: usize) {
        let note = self.visit(number);
        let dwell_ms = i64::from(self.rules.policy.visit_dwell_s) * 1000;
        if note.revision > 0 || note.inside_at.since(note.entered_at) < dwell_ms {
            return;
        }
        let size_m = self.account.target(note.target).map_or(0.0, TargetView::size_m);
        let confidence_pct = confidence_pct(size_m, self.moment.accuracy_m);
        self.keep_visit(number, VisitNote { confidence_pct, cell: self.cell(), ..note });
        self.out.counts.visits += 1;
        self.tell_visit(number);
    }

    fn tell_visit(&mut self, number: usize) {
        let note = &mut self.table.visits.get_mut(self.annex.visits)[number];
        note.revision = note.revision.saturating_add(1);
        let told = note.told(self.row.key, self.rules.key);
        self.out.emit(Output::Visit(told));
    }

    fn visit(&self, number: usize) -> VisitNote {
        self.table.visits.get(self.annex.visits)[number]
    }

    fn keep_visit(&mut self, number: usize, note: VisitNote) {
        self.table.visits.get_mut(self.annex.visits)[number] = note;
    }

    fn gap_ms(&self) -> i64 {
        i64::from(self.rules.policy.gap_s) * 1000
    }
}

/// The place's size in per cent of the accuracy, 100 at most.
fn confidence_pct(size_m: f32, accuracy_m: u16) -> u8 {
    let (size_m, accuracy_m) = (f64::from(size_m), f64::from(accuracy_m));
    if accuracy_m <= size_m {
        return 100;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded down on purpose; a size is not negative and less than the accuracy here"
    )]
    let pct = (100.0 * size_m / accuracy_m) as u8;
    pct
}
