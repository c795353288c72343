//! Accounts: one's own by its token, all of them for operators.

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use utoipa::openapi::HttpMethod;

use super::answer::{Changed, changed, created, found, refused};
use super::api::{Api, Endpoint, IF_MATCH, IF_NONE_MATCH, Like, Named, ONCE, Parameter};
use super::request::{Number, Parameters, json, once, seen};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::listing::{ListRequest, Listed};
use crate::control::desk::operator;
use crate::control::documents::{Account, Shown, document};
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;

/// The token's account.
pub(super) fn own(api: Api) -> Api {
    let reading = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/account".to_owned(),
        tag: "account",
        summary: "Read one's own account".to_owned(),
        in_path: &[],
        in_query: &[],
        in_header: &[IF_NONE_MATCH],
        body: None,
        answer: (200, "It", Some(shown())),
    };
    let replacing = Endpoint {
        method: HttpMethod::Put,
        path: "/v1/account".to_owned(),
        tag: "account",
        summary: "Change one's own account; membership and limits are the operator's".to_owned(),
        in_path: &[],
        in_query: &[],
        in_header: &[IF_MATCH],
        body: Some(Named::of::<Account>()),
        answer: (200, "It was changed", Some(changed_shape())),
    };
    api.serve(reading, get(read_own)).serve(replacing, put(replace_own))
}

/// Every account, for operators.
pub(super) fn all(api: Api) -> Api {
    let endpoint = |method, path: &str, summary: &str| Endpoint {
        method,
        path: path.to_owned(),
        tag: "accounts",
        summary: summary.to_owned(),
        in_path: if path.ends_with('}') { &[("id", "The account's number")] } else { &[] },
        in_query: &[],
        in_header: &[],
        body: None,
        answer: (200, "It", Some(shown())),
    };
    let page = Named::of::<Listed<Account>>().called("AccountPage");
    let listing = Endpoint {
        in_query: &[
            Parameter("search", Like::Text, "Part of the name, in any case"),
            Parameter("sort", Like::Text, "id, name or updated_at; with a minus the largest first"),
            Parameter("cursor", Like::Text, "`next` of the page before"),
            Parameter("limit", Like::Limit, "Accounts a page, 1 to 1000"),
            Parameter("count", Like::Flag, "Whether to count all that fit"),
        ],
        answer: (200, "A page", Some(page)),
        ..endpoint(HttpMethod::Get, "/v1/accounts", "List accounts")
    };
    let making = Endpoint {
        in_header: &[ONCE],
        body: Some(Named::of::<Account>()),
        answer: (201, "It was made", Some(changed_shape())),
        ..endpoint(HttpMethod::Post, "/v1/accounts", "Make an account")
    };
    let replacing = Endpoint {
        in_header: &[IF_MATCH],
        body: Some(Named::of::<Account>()),
        answer: (200, "It was replaced", Some(changed_shape())),
        ..endpoint(HttpMethod::Put, "/v1/accounts/{id}", "Replace an account")
    };
    let reading = Endpoint {
        in_header: &[IF_NONE_MATCH],
        ..endpoint(HttpMethod::Get, "/v1/accounts/{id}", "Read an account")
    };
    api.serve(listing, get(list))
        .serve(making, post(make))
        .serve(reading, get(read))
        .serve(replacing, put(replace))
}

fn shown() -> Named {
    Named::of::<Shown<Account>>().called("AccountShown")
}

fn changed_shape() -> Named {
    Named::of::<Changed<Account>>().called("AccountChanged")
}

async fn read_own(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    headers: HeaderMap,
) -> Response {
    let number = grant.account.0;
    let looked =
        service.look(service.caller(&grant), move |desk| desk.get::<Account>(number)).await;
    looked.map_or_else(refused, |shown| found(&shown, &headers))
}

async fn replace_own(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (body, _bytes) = json(request).await?;
    let (seen, number) = (seen(&headers), grant.account.0);
    let replaced = service
        .change(service.caller(&grant), move |desk| {
            desk.replace::<Account>(number, &seen, document::parse(body)?)
        })
        .await;
    Ok(replaced.map_or_else(refused, |(shown, epoch)| changed(shown, epoch)))
}

async fn list(
    State(service): State<Shared>,
    Parameters(asked): Parameters<ListRequest>,
) -> Response {
    let listed = service.catalog.read(move |tx| operator::accounts(tx, &asked)).await;
    listed.map_or_else(refused, |page| Json(page).into_response())
}

async fn make(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (body, bytes) = json(request).await?;
    let once = once(&headers, uri.path(), &bytes)?;
    let actor = service.operator(&grant, AccountId(0));
    let made = service
        .catalog
        .write(move |tx| {
            operator::create_account_once(tx, &actor, &document::parse(body)?, once.as_ref())
        })
        .await?;
    // Nothing of it decides yet, but intake is told how fast it may hand over.
    let epoch = match made.document.limits.records_per_s {
        Some(_) => service.publications.changed(AccountId(made.id)),
        None => service.publications.settled_in(),
    };
    Ok(created(made, epoch, uri.path()))
}

async fn read(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(number): Number,
    headers: HeaderMap,
) -> Response {
    let actor = service.operator(&grant, AccountId(number));
    let looked = service.look(actor, move |desk| desk.get::<Account>(number)).await;
    looked.map_or_else(refused, |shown| found(&shown, &headers))
}

async fn replace(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(number): Number,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (body, _bytes) = json(request).await?;
    let (seen, actor) = (seen(&headers), service.operator(&grant, AccountId(number)));
    let replaced = service
        .change(actor, move |desk| desk.replace::<Account>(number, &seen, document::parse(body)?))
        .await;
    Ok(replaced.map_or_else(refused, |(shown, epoch)| changed(shown, epoch)))
}
