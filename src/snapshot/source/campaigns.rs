//! The campaign file by its meaning: accounts and campaigns as specs, held against the rules.

use std::collections::HashSet;

use jiff::civil::{Date, Weekday};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fences::without_mark;
use super::finding::{Findings, SourceErrors};
use super::shape::{
    AccountShape, AudienceShape, CampaignShape, DayShape, FrequencyShape, KeyShape, OnShape,
    TargetsShape, TriggerShape, WindowShape,
};
use crate::domain::campaign::{
    AccountSpec, AudienceSpec, CampaignSpec, Condition, Frequency, WindowSpec,
};
use crate::domain::ids::{AccountId, DeviceId, TargetId};
use crate::snapshot::build::rules;

/// A campaign file that is sound in itself. Its campaigns do not know their targets' numbers yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CampaignFile {
    /// The accounts.
    pub accounts: Vec<AccountSpec>,
    /// The campaigns, each with the choice of its targets.
    pub campaigns: Vec<(CampaignSpec, TargetChoice)>,
}

/// Which fences a campaign watches, besides those that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetChoice {
    /// Only those that name it in their property `campaigns`.
    Named,
    /// All of its account.
    All,
    /// Everywhere.
    Nationwide,
    /// Those with these keys.
    Keys(Vec<String>),
    /// Those whose key begins so.
    Prefix(String),
}

impl CampaignFile {
    /// The account of things that name none: the only one there is.
    #[must_use]
    pub fn sole_account(&self) -> Option<AccountId> {
        match self.accounts.as_slice() {
            [only] => Some(only.id),
            _ => None,
        }
    }
}

/// Reads accounts and campaigns.
///
/// # Errors
/// What is wrong, by campaign and field; `file` is how the user calls the file.
pub fn parse_campaigns(file: &str, json: &[u8]) -> Result<CampaignFile, SourceErrors> {
    let mut findings = Findings::of(file);
    let mut read = CampaignFile::default();
    let Some([accounts, campaigns]) = lists(json, &mut findings) else {
        return Err(findings.into_errors());
    };
    let mut broken = BrokenAccounts::default();
    for (at, value) in accounts.into_iter().enumerate() {
        let place = place_name("accounts", at, &value);
        let (shape, sound) = shaped::<AccountShape>(&place, value, account_stand_in, &mut findings);
        match shape {
            Some(shape) if sound => read.accounts.push(account(&place, shape, &mut findings)),
            shape => broken.add(shape.map(|shape| shape.id)),
        }
    }
    once("accounts", read.accounts.iter().map(|account| account.id.to_string()), &mut findings);
    let CampaignFile { accounts, campaigns: specs } = &mut read;
    for (at, value) in campaigns.into_iter().enumerate() {
        let place = place_name("campaigns", at, &value);
        let (Some(shape), sound) =
            shaped::<CampaignShape>(&place, value, campaign_stand_in, &mut findings)
        else {
            continue;
        };
        let owner = owner(&place, shape.account, (accounts, &broken), &mut findings);
        let Some(account) = owner else { continue };
        let campaign = Reading { place: &place, findings: &mut findings }.campaign(shape, account);
        specs.extend(campaign.filter(|_| sound));
    }
    let ids =
        read.campaigns.iter().map(|(one, _)| format!("{} of account {}", one.id, one.account));
    once("campaigns", ids, &mut findings);
    findings.unless_any(read)
}

/// How findings name a campaign or an account.
fn place_name(list: &str, at: usize, value: &Value) -> String {
    match value.get("id") {
        Some(id) => format!("{list}[{at}] (id {id})"),
        None => format!("{list}[{at}]"),
    }
}

/// The lists `accounts` and `campaigns`; nothing else may be there.
fn lists(json: &[u8], findings: &mut Findings) -> Option<[Vec<Value>; 2]> {
    let mut top = match serde_json::from_slice::<Value>(without_mark(json)) {
        Ok(Value::Object(top)) => top,
        Ok(_) => {
            findings
                .add("", "it is no JSON object; allowed: {\"accounts\": […], \"campaigns\": […]}");
            return None;
        }
        Err(broken) => {
            findings.add("", format!("it is not JSON: {broken}"));
            return None;
        }
    };
    let mut list = |name: &str| match top.remove(name) {
        Some(Value::Array(list)) => list,
        None if name == "campaigns" => Vec::new(),
        other => {
            let value = if other.is_some() { "no list" } else { "missing" };
            findings.field("", name, value, "a list");
            Vec::new()
        }
    };
    let lists = [list("accounts"), list("campaigns")];
    for name in top.keys() {
        findings.field("", name, "unknown", "accounts and campaigns");
    }
    Some(lists)
}

/// Accounts that did not read: what their campaigns say of them can't be judged.
#[derive(Default)]
struct BrokenAccounts {
    ids: HashSet<AccountId>,
    /// Whether there is one whose number is not known.
    nameless: bool,
}

impl BrokenAccounts {
    fn add(&mut self, id: Option<AccountId>) {
        match id {
            Some(id) => drop(self.ids.insert(id)),
            None => self.nameless = true,
        }
    }

    /// Whether a campaign that names this account, or none, may mean one of them.
    fn may_be(&self, named: Option<AccountId>) -> bool {
        self.nameless || named.map_or(!self.ids.is_empty(), |id| self.ids.contains(&id))
    }
}

/// So many wrong members of one object are looked for; each takes another reading of it.
const MOST_WRONG: usize = 20;

/// Reads an object. A member that is wrong is reported and set aside, or replaced where it is needed, so that the
/// others are read too; then the second value is false.
fn shaped<T: DeserializeOwned>(
    place: &str,
    mut value: Value,
    stand_in: fn(&str) -> Option<Value>,
    findings: &mut Findings,
) -> (Option<T>, bool) {
    for wrong in 0..MOST_WRONG {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(shape) => return (Some(shape), wrong == 0),
            Err(error) => error,
        };
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        let field = if path == "." { String::new() } else { format!("{path}: ") };
        findings.add(place, format!("{field}{reason}"));
        let member = path.split(['.', '[']).next().filter(|name| !name.is_empty());
        // Of a member that is missing, or not known, only the message tells the name.
        let name = member.or_else(|| reason.split('`').nth(1)).unwrap_or_default().to_owned();
        let Some(members) = value.as_object_mut() else { break };
        let before = members.remove(&name);
        match stand_in(&name).filter(|one| before.as_ref() != Some(one)) {
            Some(one) => drop(members.insert(name, one)),
            None if before.is_none() => break,
            None => {}
        }
    }
    (None, false)
}

/// What is read in place of a needed member that is missing or wrong. Nothing comes of it but that the others are
/// held against the rules; each of these keeps them.
fn campaign_stand_in(member: &str) -> Option<Value> {
    Some(match member {
        "mode" => "running".into(),
        "trigger" => serde_json::json!({ "on": "enter" }),
        "start" | "end" => SOME_DAY.into(),
        "windows" => serde_json::json!([{ "days": ["mon"], "start": "00:00", "end": "24:00" }]),
        "frequency" => "once_per_day".into(),
        _ => return None,
    })
}

/// The same for an account.
fn account_stand_in(member: &str) -> Option<Value> {
    (member == "apps").then(|| Value::Array(Vec::new()))
}

/// Stands for days that do not read.
const SOME_DAY: &str = "2026-01-01";

fn once(list: &str, ids: impl Iterator<Item = String>, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for id in ids {
        if seen.contains(&id) {
            findings.field(list, "id", &id, "an id that is there only once");
        }
        seen.insert(id);
    }
}

fn owner<'a>(
    place: &str,
    named: Option<AccountId>,
    (accounts, broken): (&'a [AccountSpec], &BrokenAccounts),
    findings: &mut Findings,
) -> Option<&'a AccountSpec> {
    let sole = match accounts {
        [only] if !broken.may_be(None) => Some(only.id),
        _ => None,
    };
    let id = named.or(sole);
    let found = id.and_then(|id| accounts.iter().find(|account| account.id == id));
    if found.is_none() && !broken.may_be(named) {
        let value = named.map_or("missing".to_owned(), |id| id.to_string());
        findings.field(
            place,
            "account",
            value,
            "the id of an account of this file; it may be left out where there is just one",
        );
    }
    found
}

fn account(place: &str, shape: AccountShape, findings: &mut Findings) -> AccountSpec {
    let mut reading = Reading { place, findings };
    let blacklist = reading.devices("blacklist", &shape.blacklist);
    let blacklist_echo = reading.echoes("blacklist_echo", &shape.blacklist_echo);
    let spec = AccountSpec {
        id: shape.id,
        name: shape.name,
        time_zone: shape.time_zone,
        apps: shape.apps.into_iter().map(Into::into).collect(),
        night_rule: shape.night_rule,
        daily_cap: shape.daily_cap,
        monthly_limit: shape.monthly_limit,
        blacklist,
        blacklist_echo,
        measure_visits: shape.measure_visits,
    };
    findings.rules(place, rules::of_account(&spec));
    spec
}

/// Reads the fields of one account or campaign, reporting what is wrong.
struct Reading<'r> {
    place: &'r str,
    findings: &'r mut Findings,
}

impl Reading<'_> {
    fn campaign(
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

    fn devices(&mut self, field: &str, texts: &[String]) -> Vec<DeviceId> {
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

    fn echoes(&mut self, field: &str, texts: &[String]) -> Vec<[u8; 16]> {
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
