//! What the demo's marketers do, through the API alone: an account of each membership registers what it has, tries its
//! campaign, and starts it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::Method;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::sink::http_client::HttpClient;

const GEOFENCES: &[u8] = include_bytes!("../../configs/demo/geofences.json");
const GROUP: &[u8] = include_bytes!("../../configs/demo/group.csv");
const REGIONS: &[u8] = include_bytes!("../../configs/demo/regions.geojson");
const PLACES: &[u8] = include_bytes!("../../configs/demo/places.csv");

/// The memberships, in the order of the accounts' numbers.
pub(super) const MEMBERSHIPS: [&str; 3] = ["lite", "basic", "premium"];

/// Makes the accounts.
pub(super) async fn make_accounts(operator: &mut HttpClient) -> anyhow::Result<()> {
    for membership in MEMBERSHIPS {
        let account = json!({"name": format!("Demo {membership}"), "membership": membership});
        let body = account.to_string().into();
        operator.send(Method::POST, "/v1/accounts", body).await?.success()?;
    }
    Ok(())
}

/// What an account's marketer works with.
pub(super) struct Marketer {
    http: HttpClient,
}

impl Marketer {
    /// With a connection under a token of the account.
    pub(super) fn new(http: HttpClient) -> Self {
        Self { http }
    }

    /// All that the account of a membership does before its devices come; `ids` are some of them. The app's number.
    pub(super) async fn prepare(
        &mut self,
        membership: &str,
        ids: &[String],
    ) -> anyhow::Result<u32> {
        let app = json!({"name": "Demo", "package": format!("com.example.{membership}"), "platform": "android"});
        let app = self.make("/v1/apps", &app).await?;
        let campaign = match membership {
            "lite" => self.coupon_at_stations(app).await?,
            "basic" => self.coupon_for_some(app, ids).await?,
            _ => self.stores_in_districts(app).await?,
        };
        self.start(campaign).await?;
        Ok(u32::try_from(app)?)
    }

    /// Geofences one by one, and a campaign for everybody.
    async fn coupon_at_stations(&mut self, app: u64) -> anyhow::Result<u64> {
        let mut geofences = Vec::new();
        for geofence in serde_json::from_slice::<Vec<Value>>(GEOFENCES)? {
            geofences.push(self.make("/v1/geofences", &geofence).await?);
        }
        let mut campaign = campaign("역 앞 쿠폰", app, &json!({"geofences": geofences}));
        campaign["messages"] =
            json!([{"title": "오늘의 커피", "body": "${geofence} 근처 매장에서 한 잔 어떠세요?"}]);
        self.make("/v1/campaigns", &campaign).await
    }

    /// A group from a file, a segment from another, and a campaign for that segment there.
    async fn coupon_for_some(&mut self, app: u64, ids: &[String]) -> anyhow::Result<u64> {
        let group = self.import("of=group&name=Stations&file=group.csv", GROUP).await?;
        let list = ids.join("\n").into_bytes();
        let segment = self.import("of=segment&name=Regulars&file=regulars.csv", &list).await?;
        let mut campaign = campaign("단골 쿠폰", app, &json!({"groups": [group]}));
        campaign["audience"] = json!({"segment": segment});
        campaign["messages"] = json!([
            {"title": "단골 고객님께", "body": "${geofence}에서 1+1 쿠폰을 드려요"},
            {"title": "다시 만나요", "body": "${geofence}에 오신 김에 한 잔 어떠세요?"}]);
        self.make("/v1/campaigns", &campaign).await
    }

    /// Districts and stores from files, and a campaign for the stores of a brand in some districts.
    async fn stores_in_districts(&mut self, app: u64) -> anyhow::Result<u64> {
        self.import("of=regions&file=regions.geojson", REGIONS).await?;
        self.import("of=places&file=places.csv", PLACES).await?;
        let districts = self.numbers("/v1/regions?search=구").await?;
        let brand = self.numbers("/v1/brands?search=데모커피").await?;
        let mut campaign =
            campaign("매장 앞 쿠폰", app, &json!({"regions": districts, "brands": brand}));
        campaign["messages"] = json!([{"title": "${brand}",
            "body": "${district_city} ${store}에서 커피 한 잔 어떠세요?"}]);
        self.make("/v1/campaigns", &campaign).await
    }

    /// On one device first, then for real.
    async fn start(&mut self, campaign: u64) -> anyhow::Result<()> {
        let mut epoch = 0;
        for state in ["testing", "running"] {
            let path = format!("/v1/campaigns/{campaign}/state");
            let body = json!({"state": state}).to_string().into();
            let set = self.http.send(Method::PUT, &path, body).await?.success()?;
            let set: Value = serde_json::from_slice(&set)?;
            epoch = set["epoch"].as_u64().context("a change without an epoch")?;
        }
        let path = format!("/v1/campaigns/{campaign}?wait_epoch={epoch}");
        self.http.get(&path).await?.success()?;
        Ok(())
    }

    async fn make(&mut self, path: &str, document: &Value) -> anyhow::Result<u64> {
        let body = document.to_string().into();
        let made = self.http.send(Method::POST, path, body).await?.success()?;
        let made: Value = serde_json::from_slice(&made)?;
        made["id"].as_u64().context("what was made has no number")
    }

    /// Sends a file and waits until it is usable. The number of what it filled.
    async fn import(&mut self, query: &str, file: &[u8]) -> anyhow::Result<u64> {
        let path = format!("/v1/imports?{query}");
        let body = Bytes::copy_from_slice(file);
        let sent = self.http.send(Method::POST, &path, body).await?.success()?;
        let sent: Value = serde_json::from_slice(&sent)?;
        let path = format!("/v1/imports/{}", sent["id"]);
        loop {
            let import: Value = serde_json::from_slice(&self.http.get(&path).await?.success()?)?;
            match import["state"].as_str() {
                Some("usable") => return Ok(import["into"].as_u64().unwrap_or(0)),
                Some("checking") => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => bail!("a file of the demo was not taken: {import}"),
            }
        }
    }

    async fn numbers(&mut self, path: &str) -> anyhow::Result<Vec<u64>> {
        let listed: Value = serde_json::from_slice(&self.http.get(path).await?.success()?)?;
        let items = listed["items"].as_array().context("a list has no items")?;
        Ok(items.iter().filter_map(|item| item["id"].as_u64()).collect())
    }
}

/// A campaign at every hour of a long period, once a day, without its message.
fn campaign(name: &str, app: u64, general: &Value) -> Value {
    json!({
        "name": name, "apps": [app], "locations": [{"general": general}], "trigger": {"on": "enter"},
        "start": "2026-01-01", "end": "2099-12-31",
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_day", "message_type": "text",
        "test_devices": ["d3000000-0000-0000-0000-0000000000ff"],
    })
}
