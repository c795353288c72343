//! From a decision to a record: names, codes and the message, from the snapshot that decided it.
//!
//! The engine's outputs carry no strings; this is where they get them, before they leave the shard. It reads
//! nothing but its arguments, so a replay makes the same records.

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{AttributionEvent, Decision, Output, PushJob, Visit};
use crate::domain::ids::{AccountId, AppId, CampaignId, TargetId};
use crate::domain::report::Platform;
use crate::domain::target::Labels;
use crate::identity::Sealer;
use crate::snapshot::view::{AccountView, CampaignView, MessageView, SnapshotView, TargetView};

use super::message::{Codes, render};
use super::record::{
    CampaignNames, Content, EventContent, JobContent, Message, OutboxRecord, TargetNames,
    VisitContent,
};

/// The record of a decision. `view` is the snapshot that decided it; what it doesn't know stays empty.
#[must_use]
pub fn record(decision: &Decision, view: SnapshotView<'_>, sealer: &mut Sealer) -> OutboxRecord {
    match &decision.output {
        Output::Job(job) => job_record(decision, job, view, sealer),
        Output::Event(event) => event_record(decision, event, view, sealer),
        Output::Visit(visit) => visit_record(decision, visit, view, sealer),
    }
}

fn job_record(
    decision: &Decision,
    job: &PushJob,
    view: SnapshotView<'_>,
    sealer: &mut Sealer,
) -> OutboxRecord {
    let names = Names::of(view, job.device.account, Some(job.campaign), Some(job.target));
    let message = names
        .campaign
        .and_then(|campaign| campaign.message(job.variant))
        .map(|message| filled_in(message, job.app, names.codes()));
    OutboxRecord {
        position: decision.position,
        ordinal: decision.ordinal,
        account: job.device.account,
        device: sealer.seal(job.device),
        epoch: decision.epoch,
        snapshot: decision.snapshot,
        at: job.at,
        time_zone: names.time_zone(),
        mode: job.bucket.mode,
        variant: job.variant,
        campaign: Some(names.campaign(job.campaign)),
        target: Some(names.target(job.target)),
        content: Content::Job(JobContent {
            id: job.id,
            app: job.app,
            package: names.package(job.app),
            platform: names.platform(job.app, job.platform),
            place: job.place,
            transition: job.transition,
            bucket_span: job.bucket.span,
            expires_at: job.expires_at,
            message,
        }),
    }
}

fn event_record(
    decision: &Decision,
    event: &AttributionEvent,
    view: SnapshotView<'_>,
    sealer: &mut Sealer,
) -> OutboxRecord {
    let names = Names::of(view, event.device.account, event.campaign, event.target);
    OutboxRecord {
        position: decision.position,
        ordinal: decision.ordinal,
        account: event.device.account,
        device: sealer.seal(event.device),
        epoch: decision.epoch,
        snapshot: decision.snapshot,
        at: event.at,
        time_zone: names.time_zone(),
        mode: event.mode,
        variant: event.variant,
        campaign: event.campaign.map(|campaign| names.campaign(campaign)),
        target: event.target.map(|target| names.target(target)),
        content: Content::Event(EventContent {
            kind: event.kind,
            job: event.job,
            cell: event.cell,
        }),
    }
}

/// It belongs to no campaign and is the same for tests. Its account exports visits, or not, as the snapshot says that
/// decided it.
fn visit_record(
    decision: &Decision,
    visit: &Visit,
    view: SnapshotView<'_>,
    sealer: &mut Sealer,
) -> OutboxRecord {
    let names = Names::of(view, visit.device.account, None, Some(visit.target));
    OutboxRecord {
        position: decision.position,
        ordinal: decision.ordinal,
        account: visit.device.account,
        device: sealer.seal(visit.device),
        epoch: decision.epoch,
        snapshot: decision.snapshot,
        at: visit.entered_at,
        time_zone: names.time_zone(),
        mode: RunMode::Running,
        variant: Variant::A,
        campaign: None,
        target: Some(names.target(visit.target)),
        content: Content::Visit(VisitContent {
            id: visit.id,
            revision: visit.revision,
            place: visit.place,
            first_entered_at: visit.first_entered_at,
            entered_at: visit.entered_at,
            left_at: visit.left_at,
            ended_by: visit.ended_by,
            hinted: visit.hinted,
            confidence_pct: visit.confidence_pct,
            cell: visit.cell,
            is_exported: names.account.is_some_and(AccountView::exports_visits),
        }),
    }
}

fn filled_in(message: MessageView<'_>, app: AppId, codes: Codes<'_>) -> Message {
    Message {
        title: render(message.title, codes),
        body: render(message.body, codes),
        image_url: message.image_url.map(str::to_owned),
        landing_url: message.landing_url_in(app).map(str::to_owned),
    }
}

/// What the snapshot knows by name of one output.
struct Names<'s> {
    account: Option<AccountView<'s>>,
    campaign: Option<CampaignView<'s>>,
    target: Option<TargetView<'s>>,
}

impl<'s> Names<'s> {
    fn of(
        view: SnapshotView<'s>,
        account: AccountId,
        campaign: Option<CampaignId>,
        target: Option<TargetId>,
    ) -> Self {
        let account = view.account(account);
        Self {
            account,
            campaign: account.and_then(|account| account.campaign(campaign?)),
            target: account.and_then(|account| account.target(target?)),
        }
    }

    fn time_zone(&self) -> String {
        self.account.map_or_else(String::new, |account| account.tz_name().to_owned())
    }

    fn campaign(&self, id: CampaignId) -> CampaignNames {
        let text = |read: fn(CampaignView<'s>) -> &'s str| {
            self.campaign.map_or_else(String::new, |campaign| read(campaign).to_owned())
        };
        CampaignNames {
            id,
            name: text(CampaignView::name),
            client_code: text(CampaignView::client_code),
        }
    }

    fn target(&self, id: TargetId) -> TargetNames {
        let text = |read: fn(TargetView<'s>) -> &'s str| {
            self.target.map_or_else(String::new, |target| read(target).to_owned())
        };
        TargetNames { id, key: text(TargetView::key), name: text(TargetView::name) }
    }

    fn package(&self, app: AppId) -> String {
        self.campaign
            .and_then(|campaign| campaign.app_package(app))
            .map_or_else(String::new, str::to_owned)
    }

    /// The device knows its own system best; where its ping did not say, the app's is taken.
    fn platform(&self, app: AppId, said: Platform) -> Platform {
        if said != Platform::Unknown {
            return said;
        }
        match self.campaign.and_then(|campaign| campaign.app_platform(app)) {
            Some("android") => Platform::Android,
            Some("ios") => Platform::Ios,
            Some(_) | None => Platform::Unknown,
        }
    }

    /// A target with a place is a store; of the others, what is no region is a geofence.
    fn codes(&self) -> Codes<'s> {
        let Some(target) = self.target else { return Codes::default() };
        let Labels { brand, districts, is_region } = target.labels();
        let [district_state, district_city, district_street] = districts;
        let codes =
            Codes { brand, district_state, district_city, district_street, ..Codes::default() };
        match target.place() {
            Some(_) => Codes { store: target.name(), ..codes },
            None if is_region => codes,
            None => Codes { geofence: target.name(), ..codes },
        }
    }
}
