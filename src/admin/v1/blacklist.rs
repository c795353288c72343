//! Devices that get nothing: by advertising id, or by the SDK's own echo code.

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use utoipa::openapi::HttpMethod;

use super::answer::{EPOCH, refused};
use super::api::{Api, Endpoint, Like, Named, Parameter};
use super::request::{Parameters, json, shaped};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::blacklist::{
    BlacklistEdit, BlacklistEdited, BlacklistPage, BlacklistRequest,
};
use crate::domain::problem::Problem;

pub(super) fn endpoints(api: Api) -> Api {
    let listing = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/blacklist".to_owned(),
        tag: "blacklist",
        summary: "List the devices that get nothing".to_owned(),
        in_path: &[],
        in_query: &[
            Parameter("by", Like::Text, "advertising_id (the default) or echo_code"),
            Parameter("cursor", Like::Text, "`next` of the page before"),
            Parameter("limit", Like::Limit, "Devices a page, 1 to 1000; 100 where it is left out"),
        ],
        in_header: &[],
        body: None,
        answer: (200, "A page", Some(Named::of::<BlacklistPage>())),
    };
    let editing = |path: &str, summary: &str| Endpoint {
        method: HttpMethod::Post,
        path: path.to_owned(),
        tag: "blacklist",
        summary: summary.to_owned(),
        in_path: &[],
        in_query: &[],
        in_header: &[],
        body: Some(Named::of::<BlacklistEdit>()),
        answer: (200, "How many it concerned", Some(Named::of::<BlacklistEdited>())),
    };
    api.serve(listing, get(list))
        .serve(editing("/v1/blacklist/add", "Put devices on the blacklist"), post(add))
        .serve(editing("/v1/blacklist/remove", "Take devices off the blacklist"), post(remove))
}

async fn list(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<BlacklistRequest>,
) -> Response {
    let looked = service.look(service.caller(&grant), move |desk| desk.blacklist(&asked)).await;
    looked.map_or_else(refused, |page| Json(page).into_response())
}

async fn add(
    service: State<Shared>,
    grant: Extension<Grant>,
    request: Request,
) -> Result<Response, Problem> {
    edit(service, grant, request, true).await
}

async fn remove(
    service: State<Shared>,
    grant: Extension<Grant>,
    request: Request,
) -> Result<Response, Problem> {
    edit(service, grant, request, false).await
}

async fn edit(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    request: Request,
    add: bool,
) -> Result<Response, Problem> {
    let (body, _bytes) = json(request).await?;
    let edit: BlacklistEdit = shaped(&body)?;
    let edited =
        service.change(service.caller(&grant), move |desk| desk.edit_blacklist(&edit, add)).await;
    Ok(edited.map_or_else(refused, |(edited, epoch)| {
        ([(EPOCH, HeaderValue::from(epoch.0))], Json(edited)).into_response()
    }))
}
