//! Waiting until a change is in force: any request may carry `wait_epoch`.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::service::Shared;
use crate::auth::grant::Grant;
use crate::domain::ids::{AccountId, Epoch};
use crate::domain::problem::{Kind, Problem};

/// How often it is looked whether an epoch has come.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long an epoch is waited for; less than a request may take.
const PATIENCE: Duration = Duration::from_secs(25);

/// Lets a request with `wait_epoch` pass when that epoch is in force on every shard.
pub(crate) async fn wait(State(service): State<Shared>, request: Request, next: Next) -> Response {
    match wanted(request.uri().query().unwrap_or_default()) {
        Ok(None) => next.run(request).await,
        Ok(Some(epoch)) => match until(&service, account_of(&request), epoch).await {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        },
        Err(problem) => problem.into_response(),
    }
}

fn wanted(query: &str) -> Result<Option<Epoch>, Problem> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("wait_epoch="));
    let Some(text) = value else { return Ok(None) };
    text.parse().map(|epoch| Some(Epoch(epoch))).map_err(|_no_number| {
        let detail =
            format!("wait_epoch is {text:?}; allowed: the epoch that a change was answered with");
        Problem::field("wait_epoch", detail)
    })
}

fn account_of(request: &Request) -> Option<AccountId> {
    request.extensions().get::<Grant>().map(|grant| grant.account)
}

async fn until(service: &Shared, account: Option<AccountId>, epoch: Epoch) -> Result<(), Problem> {
    let told = service.publications.settled_in().max((service.in_force)());
    if epoch > told {
        let detail = format!(
            "wait_epoch is {epoch}, and no change was answered with a later one than {told}; allowed: the epoch that a \
             change was answered with"
        );
        return Err(Problem::field("wait_epoch", detail));
    }
    let came = tokio::time::timeout(PATIENCE, async {
        while (service.in_force)() < epoch {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    let came = came.await.is_ok();
    // An epoch comes for the other accounts all the same.
    if let Some(failure) = account.and_then(|account| service.publications.failure(account, epoch))
    {
        let detail = format!(
            "the account's last changes are not in force, those before them are: {}; mend that, or set the campaign to \
             waiting",
            failure.reason
        );
        return Err(Problem::new(Kind::Failed, detail));
    }
    if came {
        return Ok(());
    }
    let now = (service.in_force)();
    let detail =
        format!("epoch {epoch} is not in force after {} s, epoch {now} is", PATIENCE.as_secs());
    Err(Problem::new(Kind::TimedOut, detail))
}
