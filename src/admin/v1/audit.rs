//! Who changed what: the audit log of an account.

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
use crate::control::desk::audit::{AuditPage, AuditRequest};

pub(super) fn endpoints(api: Api) -> Api {
    let listing = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/audit".to_owned(),
        tag: "audit",
        summary: "List changes, the newest first".to_owned(),
        in_path: &[],
        in_query: &[
            Parameter("cursor", Like::Long, "`next` of the page before"),
            Parameter("limit", Like::Limit, "Changes a page, 1 to 1000; 100 where it is left out"),
        ],
        in_header: &[],
        body: None,
        answer: (200, "A page", Some(Named::of::<AuditPage>())),
    };
    api.serve(listing, get(list))
}

async fn list(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<AuditRequest>,
) -> Response {
    let looked = service.look(service.caller(&grant), move |desk| desk.audit(&asked)).await;
    looked.map_or_else(refused, |page| Json(page).into_response())
}
