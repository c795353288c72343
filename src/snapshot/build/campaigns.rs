//! The blocks of what an account and its campaigns ask for: rows, and the schedule they point into.

use std::collections::HashMap;

use jiff::civil::Weekday;

use super::error::BuildError;
use super::group::Group;
use super::members::Members;
use super::targets::id_table;
use crate::domain::campaign::{
    AccountSpec, AppUrl, AudienceSpec, CampaignSpec, Condition, Frequency, MessageSpec, WindowSpec,
};
use crate::snapshot::blocks::{
    AppRow, AppUrlRow, CampaignRow, CampaignsBlock, ConditionRow, FrequencyRow, MessageRow,
    ScheduleBlock, VisitsRow, WindowRow,
};
use crate::snapshot::calendar::{Zone, day_number};

/// The campaigns block and the schedule block of an account; long member lists go to `members`.
///
/// # Errors
/// When a period is at the edge of time.
pub(super) fn campaigns(
    group: &Group<'_>,
    zone: &Zone,
    members: &mut Members<'_>,
) -> Result<(CampaignsBlock, ScheduleBlock), BuildError> {
    let account = group.account;
    let mut apps: Vec<AppRow> = account
        .apps
        .iter()
        .map(|app| AppRow {
            id: app.id.0,
            package: app.package.clone(),
            platform: app.platform.clone(),
        })
        .collect();
    apps.sort_by_key(|app| app.id);
    let mut schedule = Schedule::over(zone);
    let rows = group
        .campaigns
        .iter()
        .map(|campaign| row(campaign, zone, &mut schedule, members))
        .collect::<Result<Vec<_>, _>>()?;
    let block = CampaignsBlock {
        account_name: account.name.clone(),
        time_zone: account.time_zone.clone(),
        night_rule: account.night_rule,
        visits: visits(account),
        daily_cap: account.daily_cap,
        monthly_limit: account.monthly_limit,
        apps,
        blacklist: members.devices(&account.blacklist),
        blacklist_echo: members.echoes(&account.blacklist_echo),
        ids: id_table(rows.iter().map(|row| row.id).collect(), 0),
        rows,
    };
    Ok((block, schedule.block))
}

fn visits(account: &AccountSpec) -> VisitsRow {
    match (account.measure_visits, account.export_visits) {
        (true, true) => VisitsRow::Exported,
        (true, false) => VisitsRow::Measured,
        (false, _) if account.note_nights => VisitsRow::Nights,
        (false, _) => VisitsRow::None,
    }
}

/// Sets of windows, equal ones once.
struct Schedule<'z> {
    zone: &'z Zone,
    known: HashMap<Vec<WindowRow>, u32>,
    block: ScheduleBlock,
}

impl<'z> Schedule<'z> {
    fn over(zone: &'z Zone) -> Self {
        Self {
            zone,
            known: HashMap::new(),
            block: ScheduleBlock { first: vec![0], spans: Vec::new() },
        }
    }

    fn set(&mut self, rows: &[WindowRow], windows: &[WindowSpec]) -> u32 {
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let set = *self.known.entry(rows.to_vec()).or_insert(next);
        if set == next {
            self.block.spans.extend(self.zone.spans(windows));
            self.block.first.push(u32::try_from(self.block.spans.len()).unwrap_or(u32::MAX));
        }
        set
    }
}

fn row(
    campaign: &CampaignSpec,
    zone: &Zone,
    schedule: &mut Schedule<'_>,
    members: &mut Members<'_>,
) -> Result<CampaignRow, BuildError> {
    let far = |reason| BuildError::Zone { account: campaign.account, reason };
    let after = campaign.end.tomorrow().unwrap_or(campaign.end);
    let mut windows: Vec<WindowRow> = campaign.windows.iter().map(window_row).collect();
    windows.sort_unstable();
    Ok(CampaignRow {
        id: campaign.id.0,
        mode: campaign.mode as u8,
        holdout_pct: campaign.holdout_pct,
        honours_blacklist: campaign.blacklist,
        condition: condition_row(campaign.condition),
        frequency: frequency_row(campaign.frequency),
        priority: campaign.priority,
        push_ttl_s: campaign.push_ttl_s,
        max_accuracy_m: campaign.max_accuracy_m,
        total_limit: campaign.total_limit,
        starts_at: zone.starts_at(campaign.start).map_err(far)?.0,
        ends_at: zone.starts_at(after).map_err(far)?.0,
        start_day: day_number(campaign.start),
        end_day: day_number(campaign.end),
        window_set: schedule.set(&windows, &campaign.windows),
        windows,
        audience: match &campaign.audience {
            AudienceSpec::All => None,
            AudienceSpec::Devices(devices) => Some(members.devices(devices)),
            AudienceSpec::Members(hashes) => Some(members.hashed(hashes)),
        },
        test_devices: members.hashes(&campaign.test_devices),
        apps: ascending(campaign.apps.iter().map(|app| app.0)),
        targets: ascending(campaign.targets.iter().map(|target| target.0)),
        name: campaign.name.clone(),
        client_code: campaign.client_code.clone(),
        messages: campaign.messages.iter().map(message_row).collect(),
    })
}

fn condition_row(condition: Condition) -> ConditionRow {
    match condition {
        Condition::Enter => ConditionRow::Enter,
        Condition::Dwell { dwell_s } => ConditionRow::Dwell(dwell_s),
        Condition::Exit => ConditionRow::Exit,
    }
}

fn frequency_row(frequency: Frequency) -> FrequencyRow {
    match frequency {
        Frequency::OncePerPeriod => FrequencyRow::OncePerPeriod,
        Frequency::OncePerDay => FrequencyRow::OncePerDay,
        Frequency::Resend { after_s } => FrequencyRow::Resend(after_s),
    }
}

fn window_row(window: &WindowSpec) -> WindowRow {
    let bit = |day: &Weekday| 1_u8 << day.to_monday_zero_offset().unsigned_abs();
    let weekdays = window.weekdays.iter().map(bit).fold(0, |all, day| all | day);
    WindowRow { weekdays, start_min: window.start_min, end_min: window.end_min }
}

fn message_row(message: &MessageSpec) -> MessageRow {
    MessageRow {
        title: message.title.clone(),
        body: message.body.clone(),
        image_url: message.image_url.clone(),
        landing_url: message.landing_url.clone(),
        landing_urls: message.landing_urls.iter().map(app_url_row).collect(),
    }
}

fn app_url_row(AppUrl { app, url }: &AppUrl) -> AppUrlRow {
    AppUrlRow { app: app.0, url: url.clone() }
}

fn ascending(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
