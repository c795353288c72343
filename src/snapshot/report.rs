//! Snapshots as people and programs are shown them by the command line.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::diff::{Changes, Diff};
use super::store::EpochListing;
use super::view::{AccountView, CampaignView, SnapshotView};
use crate::domain::campaign::{Condition, Frequency, RunMode};
use crate::domain::ids::TargetId;

/// Everything about an epoch.
pub(super) fn snapshot(view: SnapshotView<'_>, blocks: &EpochListing) -> Value {
    let mut document = listing(blocks);
    document["valid_from"] = json!(view.valid_from().to_string());
    document["accounts"] = view.accounts().map(account).collect();
    document
}

/// An epoch and its blocks.
pub(super) fn listing(listing: &EpochListing) -> Value {
    let blocks = listing.blocks.iter().map(|block| {
        json!({"kind": block.kind.label(), "hash": block.hash.to_string(), "bytes": block.bytes})
    });
    json!({
        "epoch": listing.epoch,
        "hash": listing.hash.to_string(),
        "rollback_of": listing.rollback_of,
        "blocks": blocks.collect::<Value>(),
    })
}

/// A difference.
pub(super) fn diff(diff: &Diff) -> Value {
    let within = diff.within.iter().map(|one| {
        json!({
            "account": one.account,
            "settings_changed": one.settings,
            "targets": changes(&one.targets),
            "watched": one.watched,
            "no_longer_watched": one.unwatched,
            "campaigns": changes(&one.campaigns),
            "restarted": one.restarted,
        })
    });
    json!({"accounts": changes(&diff.accounts), "within": within.collect::<Value>()})
}

/// Everything about an epoch, as text.
pub(super) fn write_snapshot(
    out: &mut dyn Write,
    view: SnapshotView<'_>,
    blocks: &EpochListing,
) -> io::Result<()> {
    write_listing(out, blocks)?;
    writeln!(out, "schedules compiled from {}", view.valid_from())?;
    for account in view.accounts() {
        let (targets, campaigns) = (account.targets().count(), account.campaigns().count());
        writeln!(
            out,
            "\naccount {} {:?}, {}: {targets} targets, {campaigns} campaigns, changed in epoch {}",
            account.id(),
            account.name(),
            account.tz_name(),
            account.changed_in(),
        )?;
        for campaign in account.campaigns() {
            write_campaign(out, campaign)?;
        }
    }
    Ok(())
}

/// One line for an epoch.
pub(super) fn write_listing(out: &mut dyn Write, listing: &EpochListing) -> io::Result<()> {
    let bytes: u64 = listing.blocks.iter().map(|block| block.bytes).sum();
    let (epoch, hash, blocks) = (listing.epoch, listing.hash, listing.blocks.len());
    write!(out, "epoch {epoch} {hash} {blocks} blocks {bytes} bytes")?;
    match listing.rollback_of {
        Some(old) => writeln!(out, " (rollback to epoch {old})"),
        None => writeln!(out),
    }
}

fn write_campaign(out: &mut dyn Write, campaign: CampaignView<'_>) -> io::Result<()> {
    let (first, last) = campaign.days();
    writeln!(
        out,
        "  campaign {} {:?}: {} since epoch {}, {} {}, {first} to {last}, {} targets, audience {}",
        campaign.id(),
        campaign.name(),
        mode(campaign.mode()),
        campaign.run_since(),
        condition(campaign.condition()),
        frequency(campaign.frequency()),
        watched(campaign),
        campaign.audience_len().map_or("all".to_owned(), |len| len.to_string()),
    )
}

fn account(account: AccountView<'_>) -> Value {
    json!({
        "id": account.id(),
        "name": account.name(),
        "time_zone": account.tz_name(),
        "changed_in": account.changed_in(),
        "targets": account.targets().count(),
        "apps": account.apps().map(|app| json!({"id": app.id, "package": app.package, "platform": app.platform})).collect::<Value>(),
        "night_rule": account.has_night_rule(),
        "daily_cap": account.daily_cap(),
        "monthly_limit": account.monthly_limit(),
        "measure_visits": account.measures_visits(),
        "export_visits": account.exports_visits(),
        "blacklist": account.blacklists()[0].len(),
        "blacklist_echo": account.blacklists()[1].len(),
        "campaigns": account.campaigns().map(campaign).collect::<Value>(),
    })
}

fn campaign(campaign: CampaignView<'_>) -> Value {
    let (first, last) = campaign.days();
    json!({
        "id": campaign.id(),
        "name": campaign.name(),
        "client_code": campaign.client_code(),
        "mode": mode(campaign.mode()),
        "run_since": campaign.run_since(),
        "trigger": condition(campaign.condition()),
        "frequency": frequency(campaign.frequency()),
        "start": first.to_string(),
        "end": last.to_string(),
        "targets": watched(campaign),
        "audience": campaign.audience_len(),
        "test_devices": campaign.test_devices().len(),
        "priority": campaign.priority(),
        "holdout_pct": campaign.holdout_pct(),
        "ab": campaign.has_ab(),
        "total_limit": campaign.total_limit(),
    })
}

/// How many targets, or that there is one of all the world.
fn watched(campaign: CampaignView<'_>) -> String {
    let everywhere = campaign.targets().any(|target| target == TargetId::NATIONWIDE);
    if everywhere { "nationwide".to_owned() } else { campaign.targets().len().to_string() }
}

fn changes<T: serde::Serialize>(changes: &Changes<T>) -> Value {
    json!({"added": changes.added, "removed": changes.removed, "changed": changes.changed})
}

fn mode(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Testing => "testing",
        RunMode::Running => "running",
    }
}

fn condition(condition: Condition) -> String {
    match condition {
        Condition::Enter => "enter".to_owned(),
        Condition::Dwell { dwell_s } => format!("dwell {dwell_s} s"),
        Condition::Exit => "exit".to_owned(),
    }
}

fn frequency(frequency: Frequency) -> String {
    match frequency {
        Frequency::OncePerPeriod => "once per period".to_owned(),
        Frequency::OncePerDay => "once per day".to_owned(),
        Frequency::Resend { after_s } => format!("again after {after_s} s"),
    }
}
