//! Files are made and gone through in the room for reports, and the room is taken until the work is done.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::report_files::{Told, sent};
use super::served::Served;
use crate::control::config::CampaignsConfig;
use crate::control::documents::Membership;
use crate::control::documents::report_file::{ReportFormat, ReportOf};
use crate::control::reports::{ReportShelf, Reports};
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;
use crate::domain::turns::Turn;
use crate::outbox::OutboxConfig;
use crate::outbox::derived::{Figures, RetentionConfig};
use crate::outbox::samples::{World, keyring};

const ACCOUNT: AccountId = AccountId(1);
const ROOM_OF_ACCOUNT: usize = 4;

/// With figures, of which there are none yet, and a shelf.
async fn served() -> Served {
    Served::with(|service, dir| {
        let outbox = World::new().open(&dir.join("outbox"), OutboxConfig::default());
        let (sealer, retention) = (keyring().sealer(), RetentionConfig::default());
        let figures =
            Figures::follow(&dir.join("figures"), 1 << 20, &outbox, sealer, retention).unwrap();
        outbox.close().unwrap();
        figures.close();
        let shelf = ReportShelf::open(&dir.join("reports"), &CampaignsConfig::default()).unwrap();
        service.with_reports(Reports::new(figures), shelf)
    })
    .await
}

/// All room that there is for the account.
fn all_room(served: &Served) -> Vec<Turn> {
    std::iter::from_fn(|| served.service.making.enter(ACCOUNT).ok()).collect()
}

#[tokio::test]
async fn files_take_the_room_of_reports() {
    let served = served().await;
    let made = served.get(1, "/v1/usage.csv").await;
    assert_eq!(made.status, 200);
    let place = made.header("content-location").unwrap();
    let taken = all_room(&served);
    assert_eq!(taken.len(), ROOM_OF_ACCOUNT);
    let (report, visits) = ("/v1/campaigns/1/report.csv", "/v1/campaigns/1/visit-report.xlsx");
    for path in ["/v1/usage.csv", "/v1/usage.xlsx", report, visits, place] {
        assert_eq!(served.get(1, path).await.problem(429), "too-many-requests", "{path}");
        assert_ne!(served.get(2, path).await.status, 429, "the other account has room: {path}");
    }
    drop(taken);
    for path in ["/v1/usage.csv", "/v1/usage.xlsx", place] {
        assert_eq!(served.get(1, path).await.status, 200, "{path}");
    }
    assert_eq!(all_room(&served).len(), ROOM_OF_ACCOUNT);
}

#[tokio::test]
async fn who_leaves_leaves_the_room_taken_until_the_file_is_written() {
    let served = served().await;
    let (begun, has_begun) = oneshot::channel();
    let (go_on, goes_on) = mpsc::sync_channel(1);
    let make = move |reports: &Reports| -> Result<Told, Problem> {
        begun.send(()).unwrap();
        goes_on.recv().unwrap();
        let month = jiff::civil::date(2026, 11, 1);
        let table = reports.usage_table(ACCOUNT, Membership::Basic, month);
        let (name, days) = ("usage".to_owned(), table.days());
        Ok(Told { name, of: ReportOf::Usage, campaign: None, days, sheet: table.into() })
    };
    let (service, grant) = (Arc::clone(&served.service), served.grant(1));
    let room = service.making.enter(ACCOUNT).unwrap();
    let asking = tokio::spawn(async move {
        sent(&service, &grant, (room, ReportFormat::Csv), make).await.map(drop)
    });
    has_begun.await.unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    assert_eq!(all_room(&served).len(), ROOM_OF_ACCOUNT - 1, "it is still being made");
    go_on.send(()).unwrap();
    let given_back = async {
        while all_room(&served).len() < ROOM_OF_ACCOUNT {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), given_back).await.unwrap();
    let left = std::fs::read_dir(served.dir.path().join("reports")).unwrap().count();
    assert_eq!(left, 0, "nobody keeps the file");
}
