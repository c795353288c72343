//! Limits that span partitions, where no ledger deals grants out: in simulation and backtest.

use std::collections::BTreeMap;

use crate::domain::ids::AccountId;
use crate::domain::input::{Grant, Input, LimitId};
use crate::domain::units::UtcMs;
use crate::engine::{Outputs, Partition};
use crate::snapshot::view::{AccountView, SnapshotView};

/// What is left of limits across partitions: it goes as a whole to the partition that has the turn, so that
/// nobody is refused a push while one is left.
#[derive(Clone)]
pub(super) struct Limits<'a> {
    account: AccountView<'a>,
    totals: Vec<LimitId>,
    left: BTreeMap<LimitId, i64>,
    /// What the partition that has the turn was handed.
    handed: Vec<LimitId>,
}

impl<'a> Limits<'a> {
    /// `None` when no limit is in force.
    pub(super) fn of(view: SnapshotView<'a>, account: AccountId) -> Option<Self> {
        let account = view.account(account)?;
        let id = account.id();
        let mut left = BTreeMap::new();
        for campaign in account.campaigns() {
            if let Some(total) = campaign.total_limit() {
                let limit = LimitId::Campaign { account: id, campaign: campaign.id() };
                left.insert(limit, pushes(total));
            }
        }
        if left.is_empty() && account.monthly_limit().is_none() {
            return None;
        }
        let totals = left.keys().copied().collect();
        Some(Self { account, totals, left, handed: Vec::new() })
    }

    /// Grants all that is left, of the totals and of the months that pushes of these instants can fall into.
    pub(super) fn hand_to(
        &mut self,
        partition: &mut Partition,
        instants: impl Iterator<Item = UtcMs>,
        out: &mut Outputs,
    ) {
        let max_age_ms = i64::from(partition.policy().max_push_age_s) * 1000;
        self.handed.clear();
        self.handed.extend_from_slice(&self.totals);
        if let Some(total) = self.account.monthly_limit() {
            let instants = instants.flat_map(|at| [at, at + -max_age_ms]);
            for month in instants.filter_map(|at| self.account.local_month(at)) {
                let limit = LimitId::Month { account: self.account.id(), month };
                if !self.handed.contains(&limit) {
                    self.handed.push(limit);
                    self.left.entry(limit).or_insert(pushes(total));
                }
            }
        }
        for limit in &self.handed {
            let pushes = self.left.get(limit).copied().unwrap_or(0);
            if pushes > 0 {
                partition.step(&Input::Grant(Grant { limit: *limit, pushes }), None, out);
            }
        }
    }

    /// Takes back what was not pushed.
    pub(super) fn take_from(&mut self, partition: &mut Partition, out: &mut Outputs) {
        for limit in &self.handed {
            let left = partition.grant(*limit).map_or(0, |state| state.left);
            if left > 0 {
                partition.step(&Input::Grant(Grant { limit: *limit, pushes: -left }), None, out);
            }
            self.left.insert(*limit, left);
        }
    }
}

fn pushes(total: u64) -> i64 {
    i64::try_from(total).unwrap_or(i64::MAX)
}
