//! What a device reports besides where it is: its profile, and what became of pushes.

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{AttributionEvent, EventKind, Output};
use crate::domain::ids::{AccountId, DeviceKey};
use crate::domain::report::{Outcome, OutcomeKind, Profile};

use super::device::{Annex, ProfileNote};
use super::outputs::Outputs;
use super::partition::{Common, Partition};

impl Partition {
    /// Takes note of what a device is.
    pub(super) fn profile(&mut self, common: &Common<'_>, profile: &Profile, out: &mut Outputs) {
        let Some(id) = self.row_for(common, profile.device, out) else { return };
        out.counts.evaluated += 1;
        let note = ProfileNote {
            echo: (profile.echo != [0; 16]).then(|| self.key.echo_member(profile.echo)),
            platform: profile.platform,
            ads_consent: profile.ads_consent,
            night_consent: profile.night_consent,
            heard_at: self.clock,
        };
        let annex = self.table.annex(id);
        self.table.set_annex(id, Annex { profile: Some(note), ..annex });
    }

    /// Passes on what became of a push.
    pub(super) fn outcome(&mut self, common: &Common<'_>, outcome: &Outcome, out: &mut Outputs) {
        out.counts.evaluated += 1;
        out.emit(event_of(common.account.id(), outcome));
    }
}

/// The event of an outcome. The job id ties it to campaign, target and variant.
fn event_of(account: AccountId, outcome: &Outcome) -> Output {
    let kind = match outcome.kind {
        OutcomeKind::Delivered => EventKind::Delivered,
        OutcomeKind::Clicked => EventKind::Clicked,
        OutcomeKind::Dismissed => EventKind::Dismissed,
    };
    Output::Event(AttributionEvent {
        kind,
        device: DeviceKey { account, device: outcome.device },
        campaign: None,
        target: None,
        job: Some(outcome.job),
        variant: Variant::A,
        mode: RunMode::Running,
        at: outcome.happened_at,
        cell: 0,
    })
}
