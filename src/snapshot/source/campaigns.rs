//! The campaign file by its meaning: accounts and campaigns as specs, held against the rules.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fences::without_mark;
use super::finding::{Findings, SourceErrors};
use super::reading::Reading;
use super::shape::{AccountShape, CampaignShape};
use crate::domain::campaign::{AccountSpec, CampaignSpec};
use crate::domain::ids::AccountId;
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
        export_visits: shape.export_visits,
        note_nights: false,
    };
    findings.rules(place, rules::of_account(&spec));
    spec
}
