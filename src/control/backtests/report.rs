//! What a backtest tells: by local hour, whom it reached, what stopped it, and what it costs.

use std::collections::BTreeMap;

use jiff::tz::{Offset, TimeZone};

use crate::control::desk::membership::OVERAGE_KRW;
use crate::control::documents::document::instant;
use crate::control::documents::{Account, Membership};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::UtcMs;
use crate::offline::backtest::Backtested;
use crate::outbox::tallies::Quarter;

/// What a campaign would have brought, had it run as long as the recording goes.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BacktestReport {
    /// What the campaign is called.
    pub name: String,
    /// When the recording begins, local, with its distance from UTC.
    pub recorded_from: String,
    /// When it ends.
    pub recorded_until: String,
    /// Pings of the account that were gone through.
    pub pings: u64,
    /// Of those, the ones that the engine refused: resent, late, jumping.
    pub rejected: u64,
    /// Pushes.
    pub matches: u64,
    /// Distinct users who would have got one.
    pub users: u64,
    /// Times that the condition came true for a user who is held out.
    pub held_out: u64,
    /// Times that the condition came true and nothing would have been sent, by the last gate that stopped it; `held_out`
    /// is among them. What still waited for a better moment when the recording ended is in none.
    pub suppressed: BTreeMap<&'static str, u64>,
    /// Pushes by local hour, ascending; hours without any are left out.
    pub hours: Vec<BacktestHour>,
    /// Running campaigns beside which it was tried: caps, limits and arbitration count.
    pub beside: Vec<u32>,
    /// Their pushes in the same run.
    pub beside_pushes: u64,
    /// What its pushes would cost.
    pub cost: BacktestCost,
}

/// A local hour of a backtest.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BacktestHour {
    /// When it began, with its distance from UTC, as 2026-11-23T09:00:00+09:00.
    pub from: String,
    /// Pushes.
    pub matches: u64,
}

/// What the pushes of a backtest would cost. Included pushes are used up by the other campaigns first, and each month of
/// the recording counts for itself, as far as it was recorded.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BacktestCost {
    /// Pushes that a month includes; none where there is no such limit.
    pub included_a_month: Option<u64>,
    /// Its pushes beyond those.
    pub over: u64,
    /// What those cost, KRW, beside the service fee.
    pub overage_krw: u64,
}

impl BacktestReport {
    /// Of a campaign with this name, tried beside those.
    pub(super) fn of(
        account: &Account,
        (name, beside): (String, Vec<u32>),
        span: (UtcMs, UtcMs),
        tested: &Backtested,
    ) -> Self {
        let zone = &TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC);
        let count = |reason: &SuppressReason| tested.withheld[usize::from(reason.number())];
        let labelled = |reason: &SuppressReason| (reason.label(), count(reason));
        let suppressed = SuppressReason::ALL.iter().map(labelled).filter(|(_, count)| *count > 0);
        Self {
            name,
            recorded_from: shown_in(zone, span.0),
            recorded_until: shown_in(zone, span.1),
            pings: tested.pings,
            rejected: tested.counts.rejected.iter().sum(),
            matches: tested.jobs.values().sum(),
            users: tested.users,
            held_out: count(&SuppressReason::HeldOut),
            suppressed: suppressed.collect(),
            hours: hours(&tested.jobs, zone),
            beside,
            beside_pushes: tested.others.values().sum(),
            cost: cost(account.membership, tested, zone),
        }
    }
}

fn shown(at: UtcMs, offset: Offset) -> String {
    instant(at).display_with_offset(offset).to_string()
}

fn shown_in(zone: &TimeZone, at: UtcMs) -> String {
    shown(at, zone.to_offset(instant(at)))
}

fn hours(jobs: &BTreeMap<Quarter, u64>, zone: &TimeZone) -> Vec<BacktestHour> {
    let mut hours: Vec<BacktestHour> = Vec::new();
    for (quarter, matches) in jobs {
        let at = quarter.begins_at();
        let into_ms = i64::from(zone.to_datetime(instant(at)).minute()) * 60_000;
        // An hour that a change of clocks has cut short is named by the offset that it has now.
        let from = shown(at + -into_ms, zone.to_offset(instant(at)));
        match hours.last_mut().filter(|last| last.from == from) {
            Some(last) => last.matches += matches,
            None => hours.push(BacktestHour { from, matches: *matches }),
        }
    }
    hours
}

fn cost(membership: Membership, tested: &Backtested, zone: &TimeZone) -> BacktestCost {
    let included_a_month = membership.terms().included_pushes;
    let by_month = |jobs: &BTreeMap<Quarter, u64>| {
        let mut months: BTreeMap<(i16, i8), u64> = BTreeMap::new();
        for (quarter, count) in jobs {
            let at = zone.to_datetime(instant(quarter.begins_at()));
            *months.entry((at.year(), at.month())).or_default() += count;
        }
        months
    };
    let others = by_month(&tested.others);
    let over_in = |(month, own): (&(i16, i8), &u64)| {
        let others = others.get(month).copied().unwrap_or(0);
        included_a_month.map_or(0, |included| (own + others).saturating_sub(included).min(*own))
    };
    let over = by_month(&tested.jobs).iter().map(over_in).sum();
    BacktestCost { included_a_month, over, overage_krw: over * OVERAGE_KRW }
}
