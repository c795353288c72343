//! The course of the month: what is sent when, and on which days the daemon is killed and comes back.

use std::collections::HashMap;
use std::path::Path;

use futures_util::future::join_all;
use geofenced::domain::ids::DeviceId;
use serde_json::{Value, json};

use crate::campaigns;
use crate::days::{CLOCK_MS, HALVES_MS, MovedClock};
use crate::gateway::{self, Gateway, Record};
use crate::lots::Lots;
use crate::papers::Papers;
use crate::reports::{self, Fetched};
use crate::shops::Shop;
use crate::support::{Daemon, metric_of};
use crate::walk::{Sent, half_of};

/// Accounts share partitions, and so the latest instant that those have seen: no account gets ahead by more.
const SLICE_MS: i64 = 6 * 3_600_000;

/// How many per mille of those reached, and of those held out, visit the planted store in the second half.
pub(crate) const PLANTED: (u64, u64) = (350, 200);

/// The month.
pub(crate) struct Course {
    daemon: Daemon,
    clock: MovedClock,
    pub(crate) shops: Vec<Shop>,
    papers: Papers,
    seed: u64,
    /// Devices of the campaign with the planted lift, and whether they were reached.
    treated: HashMap<DeviceId, bool>,
}

impl Course {
    pub(crate) async fn begin(folder: &Path, seed: u64, devices: u64) -> Self {
        let clock = MovedClock::new(folder);
        clock.stand_at(CLOCK_MS[0]);
        let fixes = [("GEOFENCED__POLICY__CLOCK", "fixes")];
        let daemon = Daemon::start_by(clock.launch(), &fixes);
        let daemon = daemon.unwrap_or_else(|log| panic!("the daemon did not start:\n{log}"));
        let shops = Shop::all(&daemon, seed, devices).await;
        let papers = Papers::new(folder);
        Self { daemon, clock, shops, papers, seed, treated: HashMap::new() }
    }

    /// Half of the month: pings, then what became of the pushes. In the middle of the first the daemon is killed.
    pub(crate) async fn half(&mut self, half: usize) {
        let span = HALVES_MS[half];
        let walks: Vec<Vec<Sent>> = self.shops.iter().map(|shop| self.walks(shop, half)).collect();
        let mut gateways = Vec::new();
        for shop in &self.shops {
            gateways.push(Gateway::open(&shop.customer, &shop.made.apps).await);
        }
        let mut next = vec![0; walks.len()];
        let slices = (span.1 - span.0) / SLICE_MS + 1;
        for slice in 0..slices {
            let until = span.0 + (slice + 1) * SLICE_MS;
            for (account, gateway) in gateways.iter_mut().enumerate() {
                while let Some(one) =
                    walks[account].get(next[account]).filter(|one| one.sent_at < until)
                {
                    let app = self.shops[account].made.apps[one.app];
                    self.papers.ping(half, account, app, one);
                    gateway.send(one).await;
                    next[account] += 1;
                }
                gateway.flush_all().await;
            }
            if half == 0 && slice == slices / 2 {
                self.daemon.kill9();
                self.daemon.restart();
            }
            for gateway in &mut gateways {
                gateway.settle().await;
            }
        }
        for gateway in gateways {
            gateway.close().await;
        }
        self.hear_and_tell(half).await;
    }

    /// All pings of an account in half of the month, in the order in which they are sent.
    fn walks(&self, shop: &Shop, half: usize) -> Vec<Sent> {
        let half_number = u64::try_from(half).unwrap();
        let mut walks = Vec::new();
        for device in shop.devices.clone() {
            let id = crate::walk::id_of(self.seed, device);
            let chance =
                self.treated.get(&id).map(|reached| if *reached { PLANTED.0 } else { PLANTED.1 });
            let visits = half == 1
                && chance.is_some_and(|chance| Lots::of(self.seed, device, 55).per_mille(chance));
            walks.extend(half_of(self.seed, device, half_number, HALVES_MS[half], visits));
        }
        walks.sort_by_key(|one| one.sent_at);
        walks
    }

    /// Reads the queues and sends what became of the pushes.
    async fn hear_and_tell(&mut self, half: usize) {
        let heard = self.records().await;
        for (account, (shop, records)) in self.shops.iter().zip(heard).enumerate() {
            let lift = shop.made.campaigns[campaigns::LIFT];
            for record in &records {
                self.papers.record(account, record);
                let is_made = ["matched", "held_out"].contains(&record.kind());
                let is_of_lift = record.data.campaign.as_ref().is_some_and(|one| one.id == lift);
                if account == 0 && half == 0 && is_made && is_of_lift {
                    self.treated.insert(record.device(), record.kind() == "matched");
                }
            }
            let jobs: Vec<&Record> =
                records.iter().filter(|record| record.kind() == "push_job").collect();
            let seed = self.seed * 1000 + u64::try_from(half * 10 + account).unwrap();
            let outcomes = gateway::outcomes_of(&jobs, seed);
            gateway::tell(&shop.customer, account, &shop.made.apps, &outcomes, &mut self.papers)
                .await;
        }
    }

    /// What has come to the queues, by account.
    async fn records(&self) -> Vec<Vec<Record>> {
        join_all(self.shops.iter().map(|shop| gateway::records(&shop.customer))).await
    }

    /// The middle of the month: the daemon is killed and comes back on another day, and regulars are looked up.
    pub(crate) async fn go_on_to_the_middle(&mut self) {
        self.move_to(1).await;
        self.segments_of("2026-10-19").await;
        campaigns::begin_for_regulars(&mut self.shops[0]).await;
    }

    /// After the month: all campaigns are over. Every report is fetched, and all papers are put down.
    pub(crate) async fn end(&mut self) -> Vec<Fetched> {
        self.move_to(2).await;
        for (account, records) in self.records().await.iter().enumerate() {
            records.iter().for_each(|record| self.papers.record(account, record));
        }
        self.caught_up().await;
        self.segments_of("2026-11-20").await;
        let accounts: Vec<Value> =
            self.shops.iter().map(|shop| Value::Object(shop.documents.clone())).collect();
        let planted = json!({"campaign": self.shops[0].made.campaigns[campaigns::LIFT],
            "points": (PLANTED.0 - PLANTED.1) / 10});
        let definitions = json!({"accounts": accounts, "today": "2026-11-20", "planted": planted,
            "middle": "2026-10-19", "devices": self.shops.iter().map(|shop| shop.devices.end).max()});
        std::fs::write(self.papers.folder.join("definitions.json"), definitions.to_string())
            .unwrap();
        self.papers.close();
        let fetched = reports::of(&self.shops).await;
        reports::keep(&self.papers.folder, &fetched);
        fetched
    }

    /// Killed once more, with the clock where it is.
    pub(crate) async fn restart(&mut self) {
        self.daemon.kill9();
        self.daemon.restart();
        self.shops.iter_mut().for_each(|shop| shop.customer.follow(&self.daemon));
        self.caught_up().await;
    }

    /// Killed and back on another day, on which segments are looked up by what was counted before.
    async fn move_to(&mut self, day: usize) {
        self.caught_up().await;
        self.clock.stand_at(CLOCK_MS[day]);
        self.restart().await;
    }

    /// Waits until the segments by visits have been looked up on a day.
    async fn segments_of(&self, day: &str) {
        for shop in &self.shops {
            for segment in shop.made.segments.iter().skip(1) {
                shop.looked_up(*segment, Some(day)).await;
            }
        }
    }

    /// Waits until everything the queue has is counted.
    async fn caught_up(&self) {
        loop {
            let metrics = self.daemon.metrics().await;
            if metric_of(&metrics, "geofenced_figures_behind_records") == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
