//! Documents over HTTP, the same way for every kind: list, make, read, replace, remove.

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use utoipa::openapi::HttpMethod;

use super::answer::{Changed, changed, created, deleted, found, refused};
use super::api::{Api, Endpoint, IF_MATCH, IF_NONE_MATCH, Like, Named, ONCE, Parameter};
use super::request::{Number, Parameters, json, once, seen};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::Ruled;
use crate::control::desk::listing::{ListRequest, Listed};
use crate::control::documents::{
    Address, App, Brand, Campaign, Category, Erasure, Geofence, Group, Import, Notice, Place,
    Region, ReportFile, Segment, Shown, TestDevice, document,
};
use crate::domain::problem::Problem;

/// The documents of an account.
pub(super) fn all(api: Api) -> Api {
    let api = both::<App>(api);
    let api = both::<Region>(api);
    let api = both::<Address>(api);
    let api = both::<TestDevice>(api);
    let api = both::<Brand>(api);
    let api = both::<Category>(api);
    let api = both::<Place>(api);
    let api = both::<Geofence>(api);
    let api = both::<Group>(api);
    let api = both::<Segment>(api);
    let api = both::<Campaign>(api);
    let api = makeable::<Erasure>(readable::<Erasure>(api));
    readable::<ReportFile>(readable::<Notice>(readable::<Import>(api)))
}

/// Documents that can be read and changed.
fn both<D: Ruled>(api: Api) -> Api {
    changeable::<D>(makeable::<D>(readable::<D>(api)))
}

const IN_PATH: &[(&str, &str)] = &[("id", "Its number")];

const LIST_PARAMETERS: &[Parameter] = &[
    Parameter("search", Like::Text, "Part of the name or the code, in any case"),
    Parameter("state", Like::Text, "States, separated by commas"),
    Parameter(
        "sort",
        Like::Text,
        "id, name or updated_at; with a minus in front the largest first",
    ),
    Parameter("cursor", Like::Text, "`next` of the page before"),
    Parameter("limit", Like::Limit, "Documents a page, 1 to 1000; 100 where it is left out"),
    Parameter("count", Like::Flag, "Whether to count all that fit"),
    Parameter("group", Like::Number, "Geofences: those of this group"),
    Parameter("brand", Like::Number, "Places: those of this brand"),
    Parameter("category", Like::Number, "Places: those of this category"),
    Parameter("parent", Like::Number, "Regions and categories: those right below this one"),
    Parameter("wait_epoch", Like::Long, "Wait until this epoch is in force"),
];

const GET_PARAMETERS: &[Parameter] =
    &[Parameter("wait_epoch", Like::Long, "Wait until this epoch is in force")];

fn path<D: Ruled>() -> String {
    format!("/v1/{}", D::KIND.path())
}

fn readable<D: Ruled>(api: Api) -> Api {
    let (tag, name) = (D::KIND.path(), D::name_of_schema());
    let page = Named::of::<Listed<D>>().called(format!("{name}Page")).with::<D>();
    let shown = Named::of::<Shown<D>>().called(format!("{name}Shown")).with::<D>();
    let listing = Endpoint {
        method: HttpMethod::Get,
        path: path::<D>(),
        tag,
        summary: format!("List {tag}"),
        in_path: &[],
        in_query: LIST_PARAMETERS,
        in_header: &[],
        body: None,
        answer: (200, "A page", Some(page)),
    };
    let reading = Endpoint {
        method: HttpMethod::Get,
        path: format!("{}/{{id}}", path::<D>()),
        tag,
        summary: format!("Read one {}", D::KIND),
        in_path: IN_PATH,
        in_query: GET_PARAMETERS,
        in_header: &[IF_NONE_MATCH],
        body: None,
        answer: (200, "It", Some(shown)),
    };
    api.serve(listing, get(list::<D>)).serve(reading, get(read::<D>))
}

/// What an endpoint answers that changes one.
fn as_changed<D: Ruled>() -> Option<Named> {
    Some(Named::of::<Changed<D>>().called(format!("{}Changed", D::name_of_schema())))
}

fn makeable<D: Ruled>(api: Api) -> Api {
    let (tag, noun) = (D::KIND.path(), D::KIND.noun());
    let making = Endpoint {
        method: HttpMethod::Post,
        path: path::<D>(),
        tag,
        summary: format!("Make one {noun}"),
        in_path: &[],
        in_query: &[],
        in_header: &[ONCE],
        body: Some(Named::of::<D>()),
        answer: (201, "It was made", as_changed::<D>()),
    };
    api.serve(making, post(make::<D>))
}

fn changeable<D: Ruled>(api: Api) -> Api {
    let (tag, noun) = (D::KIND.path(), D::KIND.noun());
    let replacing = Endpoint {
        method: HttpMethod::Put,
        path: format!("{}/{{id}}", path::<D>()),
        tag,
        summary: format!("Replace one {noun}"),
        in_path: IN_PATH,
        in_query: &[],
        in_header: &[IF_MATCH],
        body: Some(Named::of::<D>()),
        answer: (200, "It was replaced", as_changed::<D>()),
    };
    let removing = Endpoint {
        method: HttpMethod::Delete,
        path: format!("{}/{{id}}", path::<D>()),
        tag,
        summary: format!("Remove one {noun}"),
        in_path: IN_PATH,
        in_query: &[],
        in_header: &[IF_MATCH],
        body: None,
        answer: (204, "It is gone", None),
    };
    api.serve(replacing, put(replace::<D>)).serve(removing, delete(remove::<D>))
}

/// The name of a document's own schema.
trait SchemaName {
    fn name_of_schema() -> String;
}

impl<D: Ruled> SchemaName for D {
    fn name_of_schema() -> String {
        <D as utoipa::ToSchema>::name().into_owned()
    }
}

async fn list<D: Ruled>(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<ListRequest>,
) -> Response {
    let looked = service.look(service.caller(&grant), move |desk| desk.list::<D>(&asked)).await;
    looked.map_or_else(refused, |page| Json(page).into_response())
}

async fn read<D: Ruled>(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    headers: HeaderMap,
) -> Response {
    let looked = service.look(service.caller(&grant), move |desk| desk.get::<D>(id)).await;
    looked.map_or_else(refused, |shown| found(&shown, &headers))
}

async fn make<D: Ruled>(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (body, bytes) = json(request).await?;
    let once = once(&headers, uri.path(), &bytes)?;
    let made = service
        .change(service.caller(&grant), move |desk| {
            desk.create::<D>(document::parse(body)?, once.as_ref())
        })
        .await;
    Ok(made.map_or_else(refused, |(shown, epoch)| created(shown, epoch, uri.path())))
}

async fn replace<D: Ruled>(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (body, _bytes) = json(request).await?;
    let seen = seen(&headers);
    let replaced = service
        .change(service.caller(&grant), move |desk| {
            desk.replace::<D>(id, &seen, document::parse(body)?)
        })
        .await;
    Ok(replaced.map_or_else(refused, |(shown, epoch)| changed(shown, epoch)))
}

async fn remove<D: Ruled>(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    headers: HeaderMap,
) -> Response {
    let seen = seen(&headers);
    let removed =
        service.change(service.caller(&grant), move |desk| desk.delete::<D>(id, &seen)).await;
    removed.map_or_else(refused, |((), epoch)| deleted(epoch))
}
