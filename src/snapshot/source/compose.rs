//! Fences and campaigns joined: numbers for the fences, and for each campaign the numbers it watches.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::campaigns::{CampaignFile, TargetChoice};
use super::directory::TargetDirectory;
use super::feature::{FenceSpec, place_name};
use super::finding::{Findings, SourceErrors};
use crate::domain::campaign::{AccountSpec, CampaignSpec};
use crate::domain::ids::{AccountId, CampaignId, TargetId};
use crate::domain::target::TargetSpec;
use crate::snapshot::build::Source;

/// How the user calls the two files.
#[derive(Debug, Clone, Copy)]
pub struct FileNames<'a> {
    /// The GeoJSON file.
    pub fences: &'a str,
    /// The campaign file.
    pub campaigns: &'a str,
}

/// Joins the two files. Ids come from the directory, new ones in the order of the features.
///
/// # Errors
/// Features with the same id, of an unknown account or naming an unknown campaign; campaigns without a target.
pub fn compose(
    names: FileNames<'_>,
    fences: Vec<FenceSpec>,
    file: CampaignFile,
    directory: TargetDirectory<'_>,
) -> Result<Source, SourceErrors> {
    let numbered = Numbered::deal(names.fences, &fences, directory)?;
    let named = numbered.named(&file)?;
    let targets = numbered.watched(names, &file, &named)?;
    let ids = numbered.ids;
    let campaigns = file.campaigns.into_iter().zip(targets);
    let campaigns =
        campaigns.map(|((spec, _), targets)| CampaignSpec { targets, ..spec }).collect();
    Ok(Source { accounts: file.accounts, targets: with_ids(fences, ids), campaigns })
}

/// Fences without a campaign file: every one is watched, for visits alone.
///
/// # Errors
/// Features with the same id.
pub fn fences_alone(
    file: &str,
    fences: Vec<FenceSpec>,
    directory: TargetDirectory<'_>,
) -> Result<Source, SourceErrors> {
    let ids = Numbered::deal(file, &fences, directory)?.ids;
    let accounts: BTreeMap<AccountId, AccountSpec> =
        fences.iter().map(|fence| (fence.account, AccountSpec::measuring(fence.account))).collect();
    Ok(Source {
        accounts: accounts.into_values().collect(),
        targets: with_ids(fences, ids),
        campaigns: Vec::new(),
    })
}

/// Fences with the ids dealt to them.
struct Numbered<'f> {
    file: &'f str,
    fences: &'f [FenceSpec],
    /// In the order of the fences.
    ids: Vec<TargetId>,
    /// Positions in both.
    by_key: HashMap<(AccountId, &'f str), usize>,
}

/// Which targets name a campaign.
type Named = HashMap<(AccountId, CampaignId), Vec<TargetId>>;

impl<'f> Numbered<'f> {
    fn deal(
        file: &'f str,
        fences: &'f [FenceSpec],
        mut directory: TargetDirectory<'_>,
    ) -> Result<Self, SourceErrors> {
        let mut findings = Findings::of(file);
        let mut ids = Vec::with_capacity(fences.len());
        let mut by_key = HashMap::with_capacity(fences.len());
        for (at, fence) in fences.iter().enumerate() {
            match by_key.entry((fence.account, fence.key.as_str())) {
                Entry::Vacant(free) => drop(free.insert(at)),
                Entry::Occupied(taken) => {
                    let first = fences.get(*taken.get()).map_or(0, |first| first.feature);
                    let what = format!(
                        "feature {first} has the same id; allowed: ids that differ within account {}",
                        fence.account
                    );
                    findings.add(place_of(fence), what);
                }
            }
            match directory.id_of(fence.account, &fence.key) {
                Ok(id) => ids.push(id),
                Err(used_up) => {
                    findings.add(place_of(fence), used_up.to_string());
                    break;
                }
            }
        }
        findings.unless_any(Self { file, fences, ids, by_key })
    }

    /// The targets that name campaigns in their property `campaigns`.
    fn named(&self, file: &CampaignFile) -> Result<Named, SourceErrors> {
        let mut findings = Findings::of(self.file);
        let accounts: HashSet<AccountId> = file.accounts.iter().map(|account| account.id).collect();
        let known: HashSet<(AccountId, CampaignId)> =
            file.campaigns.iter().map(|(spec, _)| (spec.account, spec.id)).collect();
        let mut named = Named::new();
        for (fence, id) in self.fences.iter().zip(&self.ids) {
            if !accounts.contains(&fence.account) {
                let allowed = "the id of an account of the campaign file";
                findings.field(&place_of(fence), "account", fence.account, allowed);
            }
            for campaign in &fence.campaigns {
                if !known.contains(&(fence.account, *campaign)) {
                    let allowed = "ids of campaigns of the same account in the campaign file";
                    findings.field(&place_of(fence), "campaigns", campaign, allowed);
                }
                named.entry((fence.account, *campaign)).or_default().push(*id);
            }
        }
        findings.unless_any(named)
    }

    /// What each campaign watches, ascending, in the order of the campaigns.
    fn watched(
        &self,
        names: FileNames<'_>,
        file: &CampaignFile,
        named: &Named,
    ) -> Result<Vec<Vec<TargetId>>, SourceErrors> {
        let mut findings = Findings::of(names.campaigns);
        let mut all = Vec::with_capacity(file.campaigns.len());
        for (at, (spec, choice)) in file.campaigns.iter().enumerate() {
            let place = format!("campaigns[{at}] (id {})", spec.id);
            let mut targets = self.chosen(&place, spec.account, choice, &mut findings);
            targets.extend(named.get(&(spec.account, spec.id)).into_iter().flatten());
            targets.sort_unstable();
            targets.dedup();
            if targets.is_empty() && !matches!(choice, TargetChoice::Keys(_)) {
                let allowed = "\"all\", \"nationwide\", feature ids, a prefix that fits some, or features that name the campaign";
                findings.field(&place, "targets", "no fence of the account", allowed);
            }
            all.push(targets);
        }
        findings.unless_any(all)
    }

    fn chosen(
        &self,
        place: &str,
        account: AccountId,
        choice: &TargetChoice,
        findings: &mut Findings,
    ) -> Vec<TargetId> {
        match choice {
            TargetChoice::Named => Vec::new(),
            TargetChoice::Nationwide => vec![TargetId::NATIONWIDE],
            TargetChoice::All => self.those(account, ""),
            TargetChoice::Prefix(prefix) => self.those(account, prefix),
            TargetChoice::Keys(keys) => {
                if keys.is_empty() {
                    findings.field(place, "targets", "empty", "at least one feature id");
                }
                self.by_keys(place, account, keys, findings)
            }
        }
    }

    fn those(&self, account: AccountId, prefix: &str) -> Vec<TargetId> {
        let fences = self.fences.iter().zip(&self.ids);
        fences
            .filter(|(fence, _)| fence.account == account && fence.key.starts_with(prefix))
            .map(|(_, id)| *id)
            .collect()
    }

    fn by_keys(
        &self,
        place: &str,
        account: AccountId,
        keys: &[String],
        findings: &mut Findings,
    ) -> Vec<TargetId> {
        let mut ids = Vec::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            let position = self.by_key.get(&(account, key.as_str()));
            match position.and_then(|position| self.ids.get(*position)) {
                Some(id) => ids.push(*id),
                None => {
                    let allowed = format!("ids of features of account {account} in {}", self.file);
                    findings.field(place, &format!("targets[{at}]"), format!("{key:?}"), &allowed);
                }
            }
        }
        ids
    }
}

fn with_ids(fences: Vec<FenceSpec>, ids: Vec<TargetId>) -> Vec<TargetSpec> {
    let target = |(fence, id): (FenceSpec, TargetId)| TargetSpec {
        id,
        account: fence.account,
        key: fence.key,
        name: fence.name,
        labels: fence.labels,
        place: fence.place,
        at_home: false,
        shape: fence.shape,
    };
    fences.into_iter().zip(ids).map(target).collect()
}

fn place_of(fence: &FenceSpec) -> String {
    place_name(fence.feature, &format_args!("{:?}", fence.key))
}
