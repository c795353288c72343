//! What campaigns have besides: their state, and copies.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{post, put};
use utoipa::openapi::HttpMethod;

use super::answer::{Changed, changed, created, refused};
use super::api::{Api, Endpoint, Like, Named, ONCE, Parameter};
use super::request::{Number, json, once, seen, shaped};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::Desk;
use crate::control::desk::states::{CopyRequest, State as CampaignState};
use crate::control::documents::Campaign;
use crate::domain::problem::Problem;

/// Where a campaign is to go.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct StateRequest {
    /// waiting, testing or running.
    state: String,
}

const IN_PATH: &[(&str, &str)] = &[("id", "The campaign's number")];

pub(super) fn endpoints(api: Api) -> Api {
    let answer = || Some(Named::of::<Changed<Campaign>>().called("CampaignChanged"));
    let setting = Endpoint {
        method: HttpMethod::Put,
        path: "/v1/campaigns/{id}/state".to_owned(),
        tag: "campaigns",
        summary: "Set a campaign to waiting, testing or running".to_owned(),
        in_path: IN_PATH,
        in_query: &[],
        in_header: &[Parameter("If-Match", Like::Text, "The ETag that you saw; may be left out")],
        body: Some(Named::of::<StateRequest>()),
        answer: (200, "It is in the state", answer()),
    };
    let copying = Endpoint {
        method: HttpMethod::Post,
        path: "/v1/campaigns/{id}/copy".to_owned(),
        tag: "campaigns",
        summary: "Copy a campaign, under another title and for another period".to_owned(),
        in_path: IN_PATH,
        in_query: &[],
        in_header: &[ONCE],
        body: Some(Named::of::<CopyRequest>()),
        answer: (201, "The copy, waiting", answer()),
    };
    api.serve(setting, put(set_state)).serve(copying, post(copy))
}

async fn set_state(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    use crate::control::desk::changes::Seen;
    let (body, _bytes) = json(request).await?;
    let StateRequest { state } = shaped(&body)?;
    let to = CampaignState::parse(&state).ok_or_else(|| {
        let detail = format!("state is {state:?}; allowed: waiting, testing, running");
        Problem::field("/state", detail)
    })?;
    // A state says all of itself: without a revision nothing of anybody else's is overwritten.
    let seen = Some(seen(&headers)).filter(|seen| *seen != Seen::Nothing).unwrap_or(Seen::Any);
    let set =
        service.change(service.caller(&grant), move |desk| desk.set_state(id, &seen, to)).await;
    Ok(set.map_or_else(refused, |(shown, epoch)| changed(shown, epoch)))
}

async fn copy(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (body, bytes) = json(request).await?;
    let asked: CopyRequest = shaped(&body)?;
    let once = once(&headers, uri.path(), &bytes)?;
    let copy = move |desk: &mut Desk<'_>| desk.copy(id, asked, once.as_ref());
    let copied = service.change(service.caller(&grant), copy).await;
    Ok(copied.map_or_else(refused, |(shown, epoch)| created(shown, epoch, "/v1/campaigns")))
}
