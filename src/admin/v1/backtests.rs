//! Campaigns tried against what is recorded.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use utoipa::openapi::HttpMethod;

use super::api::{Api, Endpoint, Named};
use super::request::{Number, json};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::backtests::queue::{BacktestList, BacktestShown};
use crate::control::backtests::{BacktestReport, BacktestRequest, asked};
use crate::control::desk::Desk;
use crate::control::documents::Campaign;
use crate::domain::problem::{Kind, Problem};

pub(super) fn endpoints(api: Api) -> Api {
    let endpoint = |method, path: &str, summary: &str, answer| Endpoint {
        method,
        path: path.to_owned(),
        tag: "backtests",
        summary: summary.to_owned(),
        in_path: if path.contains("{id}") { &[("id", "The backtest's number")] } else { &[] },
        in_query: &[],
        in_header: &[],
        body: None,
        answer,
    };
    let shown = || Named::of::<BacktestShown>().with::<BacktestReport>();
    let beginning = Endpoint {
        body: Some(Named::of::<BacktestRequest>().with::<Campaign>()),
        ..endpoint(
            HttpMethod::Post,
            "/v1/backtests",
            "Try a campaign against the recorded pings; nothing is sent, and nothing kept",
            (202, "It waits for its turn", Some(shown())),
        )
    };
    let all = Named::of::<BacktestList>().with::<BacktestReport>();
    let listing = endpoint(
        HttpMethod::Get,
        "/v1/backtests",
        "List the backtests since the daemon was started, the newest first, without their reports",
        (200, "The backtests", Some(all)),
    );
    let showing = endpoint(
        HttpMethod::Get,
        "/v1/backtests/{id}",
        "Show how far a backtest is, and what came of it",
        (200, "As it is", Some(shown())),
    );
    api.serve(beginning, post(begin)).serve(listing, get(list)).serve(showing, get(show))
}

async fn begin(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    request: Request,
) -> Result<Response, Problem> {
    let (body, _bytes) = json(request).await?;
    let asked = BacktestRequest::of(&body)?;
    let draft = move |desk: &mut Desk<'_>| {
        let draft = desk.draft(asked.campaign.into()).map_err(asked::within_campaign)?;
        let used = asked::used(draft.0);
        Ok((draft, used))
    };
    let draft = service.look_at_people(service.caller(&grant), draft).await?;
    let shown = service.backtests.begin(grant.account, draft)?;
    let location = format!("/v1/backtests/{}", shown.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(shown)).into_response())
}

async fn list(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
) -> Result<Json<BacktestList>, Problem> {
    // It says whether the account is there.
    service.look(service.caller(&grant), |_desk| Ok(())).await?;
    Ok(Json(service.backtests.list(grant.account)))
}

async fn show(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Result<Json<BacktestShown>, Problem> {
    service.look(service.caller(&grant), |_desk| Ok(())).await?;
    service.backtests.get(grant.account, id).map(Json).ok_or_else(|| {
        let detail = format!(
            "there is no backtest {id}; the last of an account are kept until the daemon ends"
        );
        Problem::new(Kind::NotFound, detail)
    })
}
