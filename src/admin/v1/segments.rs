//! How many users a segment has, and how many one would have.

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use utoipa::openapi::HttpMethod;

use super::api::{Api, Endpoint, Named};
use super::reports::unread;
use super::request::{Number, json, shaped};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::Desk;
use crate::control::documents::Segment;
use crate::control::documents::segment::History;
use crate::control::refusal::Refusal;
use crate::control::reports::subject::day_of;
use crate::control::segments::lookup::Lookup;
use crate::control::store::{DeviceList, Kind};
use crate::domain::problem::Problem;

/// How many users a segment has.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct SegmentSize {
    /// Distinct devices.
    size: u64,
    /// The local day that they were looked up on, for a segment by visit history.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
}

/// A history that is tried out.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Preview {
    /// Where users were.
    history: History,
}

pub(super) fn endpoints(api: Api) -> Api {
    let answer = |about| (200, about, Some(Named::of::<SegmentSize>()));
    let sizing = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/segments/{id}/size".to_owned(),
        tag: "segments",
        summary: "Show how many users a segment has".to_owned(),
        in_path: &[("id", "The segment's number")],
        in_query: &[],
        in_header: &[],
        body: None,
        answer: answer("Its size"),
    };
    let trying = Endpoint {
        method: HttpMethod::Post,
        path: "/v1/segment-preview".to_owned(),
        tag: "segments",
        summary: "Look up how many users a history would have, and keep nothing".to_owned(),
        in_path: &[],
        in_query: &[],
        in_header: &[],
        body: Some(Named::of::<Preview>()),
        answer: answer("The size that it would have"),
    };
    api.serve(sizing, get(size)).serve(trying, post(preview))
}

async fn size(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Result<Json<SegmentSize>, Problem> {
    let asked = move |desk: &mut Desk<'_>| {
        let segment: Segment = desk.document(id)?.document;
        let key = desk.key(Kind::Segment, id);
        let in_file = desk.count_devices((key, DeviceList::Segment))?;
        Ok((desk.account_id(), segment.history.is_some(), in_file))
    };
    let looked = service.look(service.caller(&grant), asked).await.map_err(Problem::from)?;
    let (account, is_history, in_file) = looked;
    if !is_history {
        return Ok(Json(SegmentSize { size: in_file, as_of: None }));
    }
    let known =
        service.read_figures(move |reports| reports.segment((account, id)).map_err(unread)).await?;
    let as_of = known.map(|known| day_of(known.day).to_string());
    Ok(Json(SegmentSize { size: known.map_or(0, |known| known.size), as_of }))
}

async fn preview(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    request: Request,
) -> Result<Json<SegmentSize>, Problem> {
    let (body, _bytes) = json(request).await?;
    let Preview { history } = shaped(&body)?;
    let asked = move |desk: &mut Desk<'_>| {
        let segment =
            Segment { name: "preview".into(), history: Some(history), ..Segment::default() };
        let segment = desk.may_be_segment(segment)?;
        let zone = TimeZone::get(&desk.account().time_zone).unwrap_or(TimeZone::UTC);
        let (account, today) = (desk.account_id(), desk.today());
        let Some(history) = segment.history else {
            return Err(Refusal::field("/history", "history is missing; say where users were"));
        };
        let lookup = Lookup::of(&history, (account, &zone, today), desk.tx())
            .map_err(|error| Refusal::field("/history", error.to_string()))?;
        let used = lookup.used(None);
        Ok((lookup, used))
    };
    let room = service.making.enter(grant.account)?;
    let lookup = service.look_at_people(service.caller(&grant), asked).await?;
    let size =
        service.report(room, move |reports| reports.would_have(&lookup).map_err(unread)).await?;
    Ok(Json(SegmentSize { size, as_of: None }))
}
