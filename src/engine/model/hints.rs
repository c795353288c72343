//! Hints: they decide their store's fence until the next one or a gap, and touch nothing else.

use super::places::{Brought, Device, GAP, Model, Moment, STALE, Why, known};

impl Model {
    /// A hint on a store, made at `at` and taken in at `now`; `inside` is what it says.
    pub(crate) fn hint(
        &mut self,
        number: u32,
        (store, inside): (u32, bool),
        at: i64,
        now: i64,
    ) -> Brought {
        let mut brought = Brought::default();
        let of_store = |fence: &&super::Line| fence.store == Some(store);
        let fence = self.fences.iter().find(of_store).map(|fence| fence.id);
        let Some(fence) = fence.filter(|fence| self.is_watched(*fence)) else { return brought };
        let known = self.devices.iter().position(|device| device.number == number);
        let mut device = match known {
            Some(at) => self.devices.remove(at),
            None => self.fresh(number),
        };
        let is_old = device.heard.is_some_and(|heard| heard - at > 300_000);
        if is_old || device.hints.iter().any(|(other, _, then)| *other == store && *then > at) {
            brought.late += 1;
        } else {
            self.follow_hint(&mut device, (store, inside, at), fence, now, &mut brought);
        }
        self.devices.push(device);
        self.devices.sort_by_key(|device| device.number);
        brought
    }

    fn follow_hint(
        &self,
        device: &mut Device,
        hint: (u32, bool, i64),
        fence: u32,
        now: i64,
        brought: &mut Brought,
    ) {
        let at = device.heard.map_or(hint.2, |heard| heard.max(hint.2));
        if device.heard.is_some_and(|heard| at - heard > GAP) {
            self.silence(device, at, now, brought);
        }
        if device.last.is_none() {
            device.heard = Some(at);
        }
        let why = Why::Hint(hint.0);
        let moment =
            Moment { at, seen_at: hint.2, accuracy_m: 0, app: 1, ..known(device, now, why) };
        self.reconcile(device, &moment, brought);
        device.hints.retain(|(store, _, _)| *store != hint.0);
        device.hints.push(hint);
        let (mut ended, mut entered) = (Vec::new(), Vec::new());
        match (device.stays.iter().position(|stay| stay.fence == fence), hint.1) {
            (Some(place), true) => {
                let stay = &mut device.stays[place];
                (stay.outside, stay.inside, stay.seen_in) = (0, true, self.epoch);
            }
            (Some(place), false) => ended.push(device.stays.remove(place)),
            (None, true) => entered.push(fence),
            (None, false) => {}
        }
        self.changed(device, ended, entered, &moment, brought);
    }

    /// What a hint in force at `at` says of a fence.
    pub(super) fn hinted(&self, device: &Device, fence: u32, at: i64) -> Option<bool> {
        let store = self.store_of(fence)?;
        let hint = device.hints.iter().find(|hint| hint.0 == store && at - hint.2 <= GAP)?;
        Some(hint.1)
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
        self.fences.iter().find(|one| one.id == fence)?.store
    }
}
