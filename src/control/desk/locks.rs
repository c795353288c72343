//! What has to stay as it is: while a campaign runs, and once it has begun.

use std::collections::{BTreeSet, HashSet};

use jiff::civil::Date;

use super::desk::Desk;
use crate::control::documents::campaign::{Audience, Location};
use crate::control::documents::{Campaign, Geofence};
use crate::control::refusal::Refusal;
use crate::control::store::{Key, Kind, Link, Query};
use crate::domain::ids::DeviceId;

impl Desk<'_> {
    /// Refuses where a running campaign uses the record.
    pub(in crate::control) fn refuse_active(&mut self, key: Key) -> Result<(), Refusal> {
        for user in self.tx.linked_to(key, u32::MAX)? {
            if user.kind != Kind::Campaign {
                continue;
            }
            let state = self.record(Kind::Campaign, user.id)?.content.state;
            if state == "running" {
                let Key { kind, id, .. } = key;
                return Err(Refusal::Active { kind, id, campaign: user.id, state });
            }
        }
        Ok(())
    }

    /// The same for a geofence, which may be used by itself or with its group.
    pub(super) fn refuse_active_geofence(
        &mut self,
        id: u32,
        geofence: &Geofence,
    ) -> Result<(), Refusal> {
        self.refuse_active(self.key(Kind::Geofence, id))?;
        match geofence.group {
            Some(group) => self.refuse_active(self.key(Kind::Group, group)),
            None => Ok(()),
        }
    }

    /// How many distinct geofences the running campaigns and this one use.
    pub(super) fn active_geofences(&mut self, with: &Campaign) -> Result<u64, Refusal> {
        let running = self.campaigns(&["running"])?;
        let (mut fences, mut groups) = (HashSet::new(), HashSet::new());
        for campaign in running.iter().map(|shown| &shown.document).chain([with]) {
            for block in &campaign.locations {
                if let Location::General(general) = block {
                    fences.extend(general.geofences.iter().copied());
                    groups.extend(general.groups.iter().copied());
                }
            }
        }
        let mut groups: Vec<u32> = groups.into_iter().collect();
        groups.sort_unstable();
        for group in groups {
            for member in self.members(group)? {
                fences.insert(member);
            }
        }
        Ok(fences.len() as u64)
    }

    /// The geofences of a group.
    pub(in crate::control) fn members(&mut self, group: u32) -> Result<Vec<u32>, Refusal> {
        let query = Query {
            linked: vec![Link { kind: Kind::Group, id: group }],
            ..Query::all(self.account_id(), Kind::Geofence)
        };
        let mut members = Vec::new();
        self.tx.scan(&query, &mut |record| {
            members.push(record.key.id);
            Ok(())
        })?;
        Ok(members)
    }
}

impl Campaign {
    /// What a campaign that has begun keeps: app, audience and location; its first day, since when reports count whom it
    /// reached; and how many are held out, for whoever was held out on some days and reached on others belongs to neither
    /// side of a comparison.
    pub(super) fn locked_fields_changed(&self, old: &Self) -> Vec<&'static str> {
        let apps = |campaign: &Self| campaign.apps.iter().copied().collect::<BTreeSet<_>>();
        let first_day = |campaign: &Self| campaign.start.parse::<Date>().ok();
        let fields = [
            ("apps", apps(self) != apps(old)),
            ("audience", !self.audience.addresses_the_same(&old.audience)),
            ("locations", self.locations != old.locations),
            ("start", first_day(self) != first_day(old)),
            ("holdout_pct", self.holdout_pct != old.holdout_pct),
        ];
        fields.into_iter().filter_map(|(field, changed)| changed.then_some(field)).collect()
    }
}

impl Audience {
    /// Whether it addresses the same users, however their ids are written.
    fn addresses_the_same(&self, other: &Self) -> bool {
        let ids = |texts: &[String]| -> BTreeSet<_> {
            texts.iter().map(|text| DeviceId::parse(text).ok()).collect()
        };
        match (self, other) {
            (Self::Devices(ours), Self::Devices(theirs)) => ids(ours) == ids(theirs),
            _ => self == other,
        }
    }
}
