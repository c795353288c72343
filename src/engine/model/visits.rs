//! Visits, told anew from the list of all that was ever heard of a device at a place.

use crate::domain::decision::VisitEnd;
use crate::domain::target::PlaceArea;

use super::hints::puts_inside;
use super::places::{Device, GAP, Line, Model, Moment, Spot, Stay, Why};

/// A revision of a visit, in ms after noon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Visited {
    pub(crate) device: u32,
    pub(crate) fence: u32,
    pub(crate) first_entered_at: i64,
    pub(crate) revision: u32,
    pub(crate) entered_at: i64,
    pub(crate) left_at: Option<i64>,
    pub(crate) ended_by: Option<VisitEnd>,
    pub(crate) hinted: bool,
    pub(crate) confidence_pct: u8,
}

/// One thing heard of a device at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    /// A stay began, by a hint made at `hint`; it had not before `barred`.
    Enter {
        at: i64,
        barred: i64,
        hint: Option<i64>,
    },
    Inside {
        at: i64,
        hint: Option<i64>,
        accuracy_m: u16,
    },
    Outside {
        at: i64,
    },
    End {
        at: i64,
        how: VisitEnd,
    },
    /// A late fix, and where it is if it is fine enough to say.
    Late {
        at: i64,
        inside: Option<bool>,
        accuracy_m: u16,
    },
    /// Visits are measured no more.
    Over,
}

impl Model {
    /// Writes down what a fix or hint said of every place, before the stays that it began are there.
    pub(super) fn hear(
        &self,
        device: &mut Device,
        moment: &Moment,
        (known, last_word): (Option<i64>, Option<(bool, i64)>),
        (ended, entered): (&[Stay], &[u32]),
    ) {
        for line in self.measured() {
            let hint = match moment.why {
                Why::Hint(store) if line.store.map(|(of, _)| of) != Some(store) => continue,
                Why::Hint(_) => Some(moment.seen_at),
                Why::Fix | Why::Timer | Why::Silence => None,
            };
            let accuracy_m = moment.accuracy_m;
            let (at, fine) = (moment.at, line.is_suited_by(accuracy_m));
            let stay = device.stays.iter().find(|stay| stay.fence == line.id);
            let word = if hint.is_some() { last_word } else { self.word(device, &line) };
            let heard = if ended.iter().any(|stay| stay.fence == line.id) {
                Heard::End { at, how: VisitEnd::Exit }
            } else if entered.contains(&line.id) {
                let silenced = word.filter(|(inside, _)| !inside).map(|(_, then)| then + GAP);
                let barred = known.max(silenced).map_or(i64::MIN, |until| until.min(at));
                let in_force = word.filter(|(inside, then)| *inside && at - then <= GAP);
                Heard::Enter { at, barred, hint: hint.or(in_force.map(|(_, then)| then)) }
            } else if stay.is_some_and(|stay| stay.inside) {
                Heard::Inside { at, hint, accuracy_m }
            } else if stay.is_some() && fine {
                Heard::Outside { at }
            } else {
                continue;
            };
            device.story.push((line.id, heard));
        }
    }

    /// Writes down a late fix.
    pub(super) fn hear_late(&self, device: &mut Device, spot: Spot) {
        for line in self.measured() {
            let away_m = line.away_m(spot.north_m);
            let inside = match line.is_suited_by(spot.accuracy_m) {
                true => Some(away_m == 0.0),
                false => (away_m > 1000.0 + f64::from(spot.accuracy_m)).then_some(false),
            };
            let late = Heard::Late { at: spot.at, inside, accuracy_m: spot.accuracy_m };
            device.story.push((line.id, late));
        }
    }

    /// Every visit of the device with all its revisions, from the beginning.
    pub(super) fn told(&self, device: &Device) -> Vec<Visited> {
        let mut all = Vec::new();
        let lines = self.fences.iter().filter(|line| is_inside(line));
        for line in lines {
            let mut stays: Vec<Known> = Vec::new();
            for (_, heard) in device.story.iter().filter(|(fence, _)| *fence == line.id) {
                for number in take(&mut stays, *heard, line) {
                    all.push(stays[number].told(device.number, line.id));
                }
                if matches!(heard, Heard::Over) {
                    stays.clear();
                }
            }
        }
        all.sort_unstable();
        all
    }

    /// What is told now and was not before.
    pub(super) fn told_since(&self, device: &Device, before: &[Visited]) -> Vec<Visited> {
        let mut told = self.told(device);
        told.retain(|one| before.binary_search(one).is_err());
        told
    }

    fn measured(&self) -> Vec<Line> {
        let lines = self.fences.iter().filter(|line| self.measures && is_inside(line));
        lines.copied().collect()
    }

    /// What the last hint on a place said, and when it was made.
    pub(super) fn word(&self, device: &Device, line: &Line) -> Option<(bool, i64)> {
        let (store, area) = line.store?;
        let hint = device.hints.iter().find(|hint| hint.0 == store)?;
        Some((puts_inside(hint.1, area), hint.2))
    }
}

fn is_inside(line: &Line) -> bool {
    line.store.is_some_and(|(_, area)| area == PlaceArea::Inside)
}

/// A stay, and every instant that was ever heard of it.
#[derive(Default)]
struct Known {
    first_entered_at: i64,
    insides: Vec<i64>,
    /// Where it is known not to have been going on, before and after.
    before: Vec<i64>,
    after: Vec<i64>,
    hints: Vec<i64>,
    end: Option<VisitEnd>,
    revision: u32,
    confidence_pct: u8,
}

/// Takes in one thing more, and says which stays are to be told of.
fn take(stays: &mut Vec<Known>, heard: Heard, line: &Line) -> Vec<usize> {
    match heard {
        Heard::Enter { at, barred, hint } => {
            let hints = hint.into_iter().collect();
            let (insides, before) = (vec![at], vec![barred]);
            let first_entered_at = at;
            stays.push(Known { first_entered_at, insides, before, hints, ..Known::default() });
            return Vec::new();
        }
        Heard::Late { at, inside, accuracy_m } => {
            return late(stays, (at, inside), line, accuracy_m);
        }
        Heard::Inside { .. } | Heard::Outside { .. } | Heard::End { .. } | Heard::Over => {}
    }
    // A stay that began while nothing was measured is not known.
    let open = stays.iter().position(|stay| stay.end.is_none());
    let Some((number, stay)) = open.map(|open| (open, &mut stays[open])) else {
        return Vec::new();
    };
    let is_told = match heard {
        Heard::Inside { at, hint, accuracy_m } => {
            // One that comes in its turn may lie before a hint that was ahead of it, and begins nothing earlier.
            stay.insides.push(at.max(stay.from()));
            stay.hints.extend(hint);
            stay.becomes_visit(line, accuracy_m)
        }
        Heard::Outside { at } => {
            stay.after.push(at.max(stay.to()));
            false
        }
        Heard::End { at, how } => {
            stay.after.push(at.max(stay.to()));
            stay.end = Some(how);
            stay.revises()
        }
        Heard::Over => {
            stay.end = Some(VisitEnd::FenceRemoved);
            stay.revises()
        }
        Heard::Enter { .. } | Heard::Late { .. } => false,
    };
    if is_told { vec![number] } else { Vec::new() }
}

fn late(
    stays: &mut [Known],
    (at, inside): (i64, Option<bool>),
    line: &Line,
    accuracy_m: u16,
) -> Vec<usize> {
    let taker = stays.iter().position(|stay| stay.may_take(at, inside == Some(true)));
    if taker.is_none() && inside != Some(false) {
        return Vec::new();
    }
    for (number, stay) in stays.iter_mut().enumerate() {
        match (Some(number) == taker, at < stay.from(), at > stay.to()) {
            (false, true, _) => stay.before.push(at),
            (false, _, true) => stay.after.push(at),
            _ => {}
        }
    }
    let Some(taker) = taker else { return Vec::new() };
    let stay = &mut stays[taker];
    let is_seen = at < stay.from() || stay.end.is_some();
    stay.insides.push(at);
    let is_told = stay.becomes_visit(line, accuracy_m) || (is_seen && stay.revises());
    if is_told { vec![taker] } else { Vec::new() }
}

impl Known {
    fn from(&self) -> i64 {
        *self.insides.iter().min().unwrap()
    }

    fn to(&self) -> i64 {
        *self.insides.iter().max().unwrap()
    }

    /// Whether a late fix inside joins it without anything else known in between.
    fn may_take(&self, at: i64, is_inside: bool) -> bool {
        let (from, to) = (self.from(), self.to());
        if at < from {
            let free = !self.before.iter().any(|out| *out >= at);
            is_inside && free && from - at <= GAP
        } else if at > to {
            let free = !self.after.iter().any(|out| (to..=at).contains(out));
            let hinted = self.hints.iter().max().is_some_and(|hint| at - hint <= GAP);
            (is_inside || hinted) && free && at - to <= GAP
        } else {
            false
        }
    }

    fn becomes_visit(&mut self, line: &Line, accuracy_m: u16) -> bool {
        if self.revision > 0 || self.to() - self.from() < 120_000 {
            return false;
        }
        self.confidence_pct = (1..=100)
            .rev()
            .find(|pct| f64::from(*pct) * f64::from(accuracy_m) <= 100.0 * line.radius_m)
            .unwrap_or(0);
        self.revision = 1;
        true
    }

    /// Something of it changed: a visit gets another revision.
    fn revises(&mut self) -> bool {
        self.revision += u32::from(self.revision > 0);
        self.revision > 0
    }

    fn told(&self, device: u32, fence: u32) -> Visited {
        let hinted = !self.hints.is_empty();
        Visited {
            device,
            fence,
            first_entered_at: self.first_entered_at,
            revision: self.revision,
            entered_at: self.from(),
            left_at: self.end.map(|_| self.to()),
            ended_by: self.end,
            hinted,
            confidence_pct: if hinted { 100 } else { self.confidence_pct },
        }
    }
}
