//! Which fences do not do what they were drawn for?

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json};
use utoipa::openapi::HttpMethod;

use super::api::{Api, Endpoint, Like, Named, Parameter};
use super::reports::unread;
use super::request::Parameters;
use super::service::{Service, Shared};
use crate::auth::grant::Grant;
use crate::control::fence_health::fences::FenceName;
use crate::control::fence_health::health::{FenceFigures, Looked};
use crate::control::fence_health::{FenceHealth, HealthPage, HealthRequest};
use crate::domain::problem::{Kind, Problem};

const IN_QUERY: &[Parameter] = &[
    Parameter(
        "finding",
        Like::Text,
        "Only these: never_matches, flaps, overlaps or small_for_accuracy",
    ),
    Parameter("cursor", Like::Text, "`next` of the page before"),
    Parameter("limit", Like::Limit, "Findings a page, 1 to 1000; 100 where it is left out"),
];

pub(super) fn endpoints(api: Api) -> Api {
    let page = Named::of::<HealthPage>().with::<FenceName>().with::<FenceFigures>();
    let listing = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/fence-health".to_owned(),
        tag: "reports",
        summary:
            "List the geofences and stores of running campaigns that never match, flap, overlap or are small for the accuracy of positions"
                .to_owned(),
        in_path: &[],
        in_query: IN_QUERY,
        in_header: &[],
        body: None,
        answer: (200, "A page", Some(page)),
    };
    api.serve(listing, get(list))
}

async fn list(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<HealthRequest>,
) -> Result<Json<HealthPage>, Problem> {
    let wanted = asked.read()?;
    let none = || Problem::new(Kind::Unavailable, "this daemon keeps no figures");
    let health = service.fence_health.clone().ok_or_else(none)?;
    let looked = match health.known(grant.account, service.now()) {
        Some(looked) => looked,
        None => look(&service, &grant, health).await?,
    };
    Ok(Json(looked.page(&wanted)))
}

/// Looks anew, where it may take its time.
async fn look(
    service: &Service,
    grant: &Grant,
    health: FenceHealth,
) -> Result<std::sync::Arc<Looked>, Problem> {
    let running = service.look(service.caller(grant), |desk| desk.running()).await?;
    let leave = health.leave(grant.account)?;
    let (account, now) = (grant.account, service.now());
    // The leave goes along: a caller who has left does not make the look end.
    let look = move || health.look(account, &running, now, &leave);
    match tokio::task::spawn_blocking(look).await {
        Ok(looked) => looked.map_err(unread),
        Err(_panicked) => {
            Err(Problem::new(Kind::Internal, "a fault of the daemon's own; please report it"))
        }
    }
}
