//! Hints: they decide their store's fence until the next one or a gap, and touch nothing else.

use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;

use super::places::{Brought, Device, GAP, Line, Model, Moment, STALE, Why, known};

impl Model {
    /// A hint on a store, made at `at` and taken in at `now`.
    pub(crate) fn hint(
        &mut self,
        number: u32,
        (store, verdict): (u32, HintVerdict),
        at: i64,
        now: i64,
    ) -> Brought {
        let mut brought = Brought::default();
        if !self.of_store(store).iter().any(|line| self.is_watched(line.id)) {
            return brought;
        }
        let known = self.devices.iter().position(|device| device.number == number);
        let mut device = match known {
            Some(at) => self.devices.remove(at),
            None => self.fresh(number),
        };
        let told = self.told(&device);
        let is_old = device.heard.is_some_and(|heard| heard - at > 300_000);
        if is_old || device.hints.iter().any(|(other, _, then)| *other == store && *then > at) {
            brought.late += 1;
        } else {
            self.follow_hint(&mut device, (store, verdict, at), now, &mut brought);
        }
        brought.visits = self.told_since(&device, &told);
        self.devices.push(device);
        self.devices.sort_by_key(|device| device.number);
        brought
    }

    fn follow_hint(
        &self,
        device: &mut Device,
        hint: (u32, HintVerdict, i64),
        now: i64,
        brought: &mut Brought,
    ) {
        let known = device.heard;
        let at = device.heard.map_or(hint.2, |heard| heard.max(hint.2));
        if device.heard.is_some_and(|heard| at - heard > GAP) {
            self.silence(device, at, now, brought);
        }
        if device.last.is_none() {
            device.heard = Some(at);
        }
        let why = Why::Hint(hint.0);
        let moment =
            Moment { at, seen_at: hint.2, accuracy_m: 0, app: 1, ..self::known(device, now, why) };
        self.reconcile(device, &moment, brought);
        let last = device.hints.iter().find(|(store, _, _)| *store == hint.0);
        let last = last.map(|last| (puts_inside(last.1, PlaceArea::Inside), last.2));
        device.hints.retain(|(store, _, _)| *store != hint.0);
        device.hints.push(hint);
        let (mut ended, mut entered) = (Vec::new(), Vec::new());
        for line in self.of_store(hint.0) {
            let inside = line.store.is_some_and(|(_, area)| puts_inside(hint.1, area));
            match (device.stays.iter().position(|stay| stay.fence == line.id), inside) {
                (Some(place), true) => {
                    let stay = &mut device.stays[place];
                    (stay.outside, stay.inside, stay.seen_in) = (0, true, self.epoch);
                }
                (Some(place), false) => ended.push(device.stays.remove(place)),
                (None, true) if self.is_watched(line.id) => entered.push(line.id),
                (None, _) => {}
            }
        }
        self.hear(device, &moment, (known, last), (&ended, &entered));
        self.changed(device, ended, entered, &moment, brought);
    }

    fn of_store(&self, store: u32) -> Vec<Line> {
        let is_of = |line: &&Line| line.store.is_some_and(|(of, _)| of == store);
        self.fences.iter().filter(is_of).copied().collect()
    }

    /// What a hint in force at `at` says of a fence.
    pub(super) fn hinted(&self, device: &Device, fence: u32, at: i64) -> Option<bool> {
        let (store, area) = self.fences.iter().find(|one| one.id == fence)?.store?;
        let hint = device.hints.iter().find(|hint| hint.0 == store && at - hint.2 <= GAP)?;
        Some(puts_inside(hint.1, area))
    }

    /// When the device was last heard of at a fence, and how exactly it was known then.
    pub(super) fn heard_at(&self, device: &Device, fence: u32) -> (i64, u16) {
        let fix = device.last.map_or((i64::MIN / 2, 0), |last| (last.at, last.accuracy_m));
        let store = self.store_of(fence);
        let hint = device.hints.iter().find(|hint| Some(hint.0) == store);
        hint.filter(|hint| hint.2 >= fix.0).map_or(fix, |hint| (hint.2, 0))
    }

    /// Whether something may come true at a fence in this turn.
    pub(super) fn concerns(&self, device: &Device, fence: u32, moment: &Moment) -> bool {
        match moment.why {
            Why::Fix | Why::Silence => true,
            Why::Hint(store) => self.store_of(fence) == Some(store),
            Why::Timer => moment.at - self.heard_at(device, fence).0 < STALE,
        }
    }

    fn store_of(&self, fence: u32) -> Option<u32> {
        self.fences.iter().find(|one| one.id == fence)?.store.map(|(store, _)| store)
    }
}

/// Which hints put a device inside of which area.
pub(super) fn puts_inside(verdict: HintVerdict, area: PlaceArea) -> bool {
    verdict == HintVerdict::Enter || (verdict, area) == (HintVerdict::Nearby, PlaceArea::Signal)
}
