//! Who used the location of people, and what for.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::HttpMethod;

use super::answer::refused;
use super::api::{Api, Endpoint, Like, Named, Parameter};
use super::request::Parameters;
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::uses::{UsePage, UseRequest};

const IN_QUERY: &[Parameter] = &[
    Parameter("cursor", Like::Long, "`next` of the page before"),
    Parameter("limit", Like::Limit, "Uses a page, 1 to 1000; 100 where it is left out"),
    Parameter(
        "purpose",
        Like::Text,
        "Only those for this: explain, visit_report, segment_preview, segment, backtest or visits",
    ),
    Parameter(
        "device",
        Like::Text,
        "Only those of this device alone, by its advertising id, in any case; those of many devices name none",
    ),
    Parameter("from", Like::Text, "Only those from this local day on, as 2026-11-23"),
    Parameter("to", Like::Text, "Only those up to this local day"),
];

pub(super) fn endpoints(api: Api) -> Api {
    let listing = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/location-uses".to_owned(),
        tag: "audit",
        summary: "List what the location of people was used for, the newest first".to_owned(),
        in_path: &[],
        in_query: IN_QUERY,
        in_header: &[],
        body: None,
        answer: (200, "A page", Some(Named::of::<UsePage>())),
    };
    api.serve(listing, get(list))
}

async fn list(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<UseRequest>,
) -> Response {
    let looked = service.uses(service.caller(&grant), asked).await;
    looked.map_or_else(refused, |page| Json(page).into_response())
}
