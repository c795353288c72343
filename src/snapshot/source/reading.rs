//! The fields of one account or campaign by their meaning.

use jiff::civil::{Date, Weekday};

use super::campaigns::TargetChoice;
use super::finding::{Findings, SourceErrors};
use super::shape::{
    AudienceShape, CampaignShape, DayShape, FrequencyShape, KeyShape, OnShape, TargetsShape,
    TriggerShape, WindowShape,
};
use crate::domain::campaign::{
    AccountSpec, AudienceSpec, CampaignSpec, Condition, Frequency, WindowSpec,
};
use crate::domain::ids::{DeviceId, TargetId};
use crate::snapshot::build::rules;

/// A campaign that comes from elsewhere than a file, by its meaning; without targets yet.
///
/// # Errors
/// What is wrong, by field.
pub fn campaign_spec(
    shape: CampaignShape,
    account: &AccountSpec,
) -> Result<CampaignSpec, SourceErrors> {
    let mut findings = Findings::of("");
    let read = Reading { place: "", findings: &mut findings }.campaign(shape, account);
    match read {
        Some((spec, _)) if findings.is_empty() => Ok(spec),
        _ => Err(findings.into_errors()),
    }
}

/// Reads the fields of one account or campaign, reporting what is wrong.
pub(super) struct Reading<'r> {
    pub(super) place: &'r str,
    pub(super) findings: &'r mut Findings,
}

impl Reading<'_> {
    pub(super) fn campaign(
        mut self,
        shape: CampaignShape,
        account: &AccountSpec,
    ) -> Option<(CampaignSpec, TargetChoice)> {
        let condition = self.condition(&shape.trigger);
        let (start, end) = (self.day("start", &shape.start), self.day("end", &shape.end));
        let windows: Vec<Option<WindowSpec>> =
            shape.windows.iter().enumerate().map(|(at, row)| self.window(at, row)).collect();
        let read = condition.is_some() && start.is_some() && end.is_some();
        let sound = read && windows.iter().all(Option::is_some);
        // What did not read is replaced by what keeps the rules, so that all else is held against them.
        let some_day = start.or(end).unwrap_or(Date::constant(2026, 1, 1));
        let stand_in = |row: &WindowShape| WindowSpec {
            weekdays: row.days.iter().map(|day| weekday(*day)).collect(),
            start_min: 0,
            end_min: 24 * 60,
        };
        let rows = windows.into_iter().zip(&shape.windows);
        let windows = rows.map(|(read, row)| read.unwrap_or_else(|| stand_in(row))).collect();
        let audience = match &shape.audience {
            AudienceShape::All => AudienceSpec::All,
            AudienceShape::Devices(ids) => {
                AudienceSpec::Devices(self.devices("audience.devices", ids))
            }
        };
        let test_devices = self.devices("test_devices", &shape.test_devices);
        let spec = CampaignSpec {
            id: shape.id,
            account: account.id,
            name: shape.name,
            client_code: shape.client_code,
            mode: shape.mode,
            apps: shape.apps.unwrap_or_else(|| account.apps.iter().map(|app| app.id).collect()),
            audience,
            test_devices,
            blacklist: shape.blacklist,
            // Stands for what `compose` will find, so that the rule on targets is not broken here.
            targets: vec![TargetId::NATIONWIDE],
            condition: condition.unwrap_or(Condition::Enter),
            start: start.unwrap_or(some_day),
            end: end.unwrap_or(some_day),
            windows,
            frequency: frequency(shape.frequency),
            priority: shape.priority,
            holdout_pct: shape.holdout_pct,
            total_limit: shape.total_limit,
            max_accuracy_m: shape.max_accuracy_m,
            push_ttl_s: shape.push_ttl_s,
            messages: shape.messages.into_iter().map(Into::into).collect(),
        };
        self.findings.rules(self.place, rules::of_campaign(&spec, account));
        sound.then(|| (spec, choice(shape.targets)))
    }

    fn condition(&mut self, trigger: &TriggerShape) -> Option<Condition> {
        match (trigger.on, trigger.dwell_s) {
            (OnShape::Enter, None) => Some(Condition::Enter),
            (OnShape::Exit, None) => Some(Condition::Exit),
            (OnShape::Dwell, Some(dwell_s)) => Some(Condition::Dwell { dwell_s }),
            (OnShape::Dwell, None) => {
                self.refuse(
                    "trigger.dwell_s",
                    "missing",
                    "1 to 86400 s, where trigger.on is \"dwell\"",
                );
                None
            }
            (OnShape::Enter | OnShape::Exit, Some(dwell_s)) => {
                let allowed = "nothing, unless trigger.on is \"dwell\"";
                self.refuse("trigger.dwell_s", &dwell_s.to_string(), allowed);
                None
            }
        }
    }

    fn day(&mut self, field: &str, text: &str) -> Option<Date> {
        let day = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-23".len());
        if day.is_none() {
            self.refuse(field, &format!("{text:?}"), "a day such as \"2026-11-23\"");
        }
        day
    }

    fn window(&mut self, at: usize, row: &WindowShape) -> Option<WindowSpec> {
        let start_min = self.time(&format!("windows[{at}].start"), &row.start);
        let end_min = self.time(&format!("windows[{at}].end"), &row.end);
        let weekdays = row.days.iter().map(|day| weekday(*day)).collect();
        Some(WindowSpec { weekdays, start_min: start_min?, end_min: end_min? })
    }

    fn time(&mut self, field: &str, text: &str) -> Option<u16> {
        let minutes = minutes(text);
        if minutes.is_none() {
            self.refuse(
                field,
                &format!("{text:?}"),
                "a time such as \"09:00\", in steps of 10 minutes, up to \"24:00\"",
            );
        }
        minutes
    }

    pub(super) fn devices(&mut self, field: &str, texts: &[String]) -> Vec<DeviceId> {
        let mut devices = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            match DeviceId::parse(text) {
                Ok(device) => devices.push(device),
                // The text is not shown: it may be most of somebody's advertising id.
                Err(_) => self.refuse(
                    &format!("{field}[{at}]"),
                    "no advertising id",
                    "8-4-4-4-12 hexadecimal digits",
                ),
            }
        }
        devices
    }

    pub(super) fn echoes(&mut self, field: &str, texts: &[String]) -> Vec<[u8; 16]> {
        let mut echoes = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            match DeviceId::parse(text) {
                Ok(echo) => echoes.push(echo.0),
                Err(_) => {
                    self.refuse(&format!("{field}[{at}]"), "no echo code", "32 hexadecimal digits")
                }
            }
        }
        echoes
    }

    fn refuse(&mut self, field: &str, value: &str, allowed: &str) {
        self.findings.field(self.place, field, value, allowed);
    }
}

fn choice(shape: Option<TargetsShape>) -> TargetChoice {
    match shape {
        None => TargetChoice::Named,
        Some(TargetsShape::All) => TargetChoice::All,
        Some(TargetsShape::Nationwide) => TargetChoice::Nationwide,
        Some(TargetsShape::Keys(keys)) => {
            TargetChoice::Keys(keys.into_iter().map(KeyShape::into_key).collect())
        }
        Some(TargetsShape::Prefix(prefix)) => TargetChoice::Prefix(prefix),
    }
}

fn frequency(shape: FrequencyShape) -> Frequency {
    match shape {
        FrequencyShape::OncePerPeriod => Frequency::OncePerPeriod,
        FrequencyShape::OncePerDay => Frequency::OncePerDay,
        FrequencyShape::ResendAfterS(after_s) => Frequency::Resend { after_s },
    }
}

fn weekday(shape: DayShape) -> Weekday {
    match shape {
        DayShape::Mon => Weekday::Monday,
        DayShape::Tue => Weekday::Tuesday,
        DayShape::Wed => Weekday::Wednesday,
        DayShape::Thu => Weekday::Thursday,
        DayShape::Fri => Weekday::Friday,
        DayShape::Sat => Weekday::Saturday,
        DayShape::Sun => Weekday::Sunday,
    }
}

/// `HH:MM` as minutes after midnight.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(digits(hours) && digits(minutes)) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes)
}
