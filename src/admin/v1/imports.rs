//! Uploads: sent, followed, accepted, given up; their bad rows, and templates to start from.

use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use utoipa::openapi::HttpMethod;

use super::answer::{deleted, refused};
use super::api::{Api, Endpoint, Like, Named, ONCE, Parameter};
use super::request::{Number, Parameters, once};
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::documents::{Import, Shown};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::{Kind as ImportOf, Language};
use crate::control::imports::{bad_rows, templates};
use crate::control::store::Kind as RecordKind;
use crate::control::uploads::depot::Parcel;
use crate::control::uploads::desk::UploadRequest;
use crate::domain::problem::{Kind, Problem};

const IN_PATH: &[(&str, &str)] = &[("id", "The import's number")];

const FORM: &[Parameter] = &[
    Parameter("format", Like::Text, "csv (the default) or xlsx"),
    Parameter("language", Like::Text, "korean (the default) or english"),
];

pub(super) fn endpoints(api: Api) -> Api {
    let endpoint = |method, path: &str, summary: &str| Endpoint {
        method,
        path: path.to_owned(),
        tag: "imports",
        summary: summary.to_owned(),
        in_path: IN_PATH,
        in_query: &[],
        in_header: &[],
        body: None,
        answer: (200, "It", shown()),
    };
    let accepting = endpoint(
        HttpMethod::Post,
        "/v1/imports/{id}/accept",
        "Take the good rows of one that is partly_failed",
    );
    let removing = Endpoint {
        answer: (204, "It is gone", None),
        ..endpoint(HttpMethod::Delete, "/v1/imports/{id}", "Give an import up, or forget it")
    };
    let bad = Endpoint {
        in_query: FORM,
        answer: (200, "Row, column, value and reason of each wrong cell", Some(Named::table())),
        ..endpoint(HttpMethod::Get, "/v1/imports/{id}/bad-rows", "Download the rows that are wrong")
    };
    api.serve(accepting, post(accept)).serve(removing, delete(give_up)).serve(bad, get(bad_rows_of))
}

/// Files are long, so this one is served apart.
pub(super) fn sending(api: Api) -> Api {
    let sending = Endpoint {
        method: HttpMethod::Post,
        path: "/v1/imports".to_owned(),
        tag: "imports",
        summary: "Send a file, as the body: CSV, XLSX, XLS, GeoJSON".to_owned(),
        in_path: &[],
        in_query: &[
            Parameter(
                "of",
                Like::Text,
                "What is in the file: group, places, regions, segment, blacklist, addresses",
            ),
            Parameter("file", Like::Text, "What the file is called"),
            Parameter("name", Like::Text, "The name of the group or segment that it makes"),
            Parameter("into", Like::Number, "The group or segment that it fills anew"),
        ],
        in_header: &[ONCE],
        body: Some(Named::file()),
        answer: (202, "It waits for its turn", shown()),
    };
    api.serve(sending, post(send))
}

fn shown() -> Option<Named> {
    Some(Named::of::<Shown<Import>>().called("ImportShown"))
}

/// Templates need no number, and their kind is a word.
pub(super) fn templates(api: Api) -> Api {
    ImportOf::ALL.into_iter().fold(api, |api, of| {
        let word = serde_json::to_value(of).unwrap_or_default();
        let word = word.as_str().unwrap_or_default().to_owned();
        let endpoint = Endpoint {
            method: HttpMethod::Get,
            path: format!("/v1/templates/{word}"),
            tag: "imports",
            summary: format!("Download a file to start from: {word}"),
            in_path: &[],
            in_query: FORM,
            in_header: &[],
            body: None,
            answer: (200, "The template", Some(Named::table())),
        };
        api.serve(endpoint, get(move |form: Parameters<Form>| template(of, form)))
    })
}

/// Numbers of files that arrive.
static ARRIVALS: AtomicU64 = AtomicU64::new(0);

async fn send(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<UploadRequest>,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    // Nobody sends a file for nothing: what can be refused without it is.
    let wanted = asked.clone();
    let of =
        service.look(service.caller(&grant), move |desk| desk.may_begin_import(&wanted)).await?;
    let most = Bounds::of(of).bytes;
    let _seat = service.arriving.enter(grant.account)?;
    // Relaxed: only that numbers differ counts.
    let number = ARRIVALS.fetch_add(1, Ordering::Relaxed);
    let depot = service.depot.clone();
    let (path, file) = depot.arriving(number).map_err(|error| disk(&error))?;
    let arrived = receive(request.into_body(), tokio::fs::File::from_std(file), most).await;
    let (bytes, content) = match arrived {
        Ok(arrived) => arrived,
        Err(problem) => {
            discard(&path).await;
            return Err(problem);
        }
    };
    let (account, arrived_at) = (grant.account, path.clone());
    let asked_for = uri.path_and_query().map_or(uri.path(), |asked| asked.as_str());
    let once = match once(&headers, asked_for, content.as_bytes()) {
        Ok(once) => once,
        Err(problem) => {
            discard(&path).await;
            return Err(problem);
        }
    };
    let taking = depot.clone();
    let begun = service
        .change(service.caller(&grant), move |desk| {
            let mut earlier = Vec::new();
            let shown = desk.import_once(once.as_ref(), |desk| {
                let (shown, superseded) = desk.begin_import(&asked, bytes)?;
                earlier = superseded;
                // Before the import can be read: whoever reads it finds its file.
                taking.parcel(account, shown.id).take_in(&path)?;
                Ok(shown)
            })?;
            Ok((shown, earlier))
        })
        .await;
    // Of one that is refused, or was sent before, the file is still where it arrived.
    discard(&arrived_at).await;
    let ((shown, earlier), _epoch) = begun?;
    for left_off in earlier {
        if let Err(error) = depot.parcel(account, left_off).discard_upload() {
            tracing::warn!(%error, "the file of an import that was left off could not be removed");
        }
    }
    let location = format!("/v1/imports/{}", shown.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(shown)).into_response())
}

/// Removes what arrived of an upload that is refused.
async fn discard(path: &Path) {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "what arrived of an upload could not be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

/// How long a body may stand still.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body, to a file. Gives its length and its hash.
async fn receive(
    mut body: Body,
    mut file: tokio::fs::File,
    most: u64,
) -> Result<(u64, blake3::Hash), Problem> {
    let (mut bytes, mut hasher) = (0_u64, blake3::Hasher::new());
    loop {
        let next = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(|_elapsed| {
            let detail =
                format!("nothing of the body came for {} s; send it again", PATIENCE.as_secs());
            Problem::new(Kind::BadRequest, detail)
        })?;
        let Some(frame) = next else { break };
        let frame = frame.map_err(|error| {
            Problem::new(Kind::BadRequest, format!("the body broke off: {error}; send it again"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > most {
            let detail = format!(
                "the file is longer than {most} bytes, which is the most; send it in parts"
            );
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        hasher.update(&data);
        file.write_all(&data).await.map_err(|error| disk(&error))?;
    }
    file.flush().await.map_err(|error| disk(&error))?;
    Ok((bytes, hasher.finalize()))
}

fn disk(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "an upload can't be kept");
    Problem::new(Kind::Unavailable, "the file can't be kept now; the daemon's log says why")
}

async fn accept(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Response {
    let accepted = service.change(service.caller(&grant), move |desk| desk.accept_import(id)).await;
    accepted.map_or_else(refused, |(shown, _epoch)| Json(shown).into_response())
}

async fn give_up(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Response {
    let parcel = service.depot.parcel(grant.account, id);
    let given_up = service
        .change(service.caller(&grant), move |desk| {
            desk.give_up_import(id)?;
            Ok(parcel.discard()?)
        })
        .await;
    given_up.map_or_else(refused, |((), epoch)| deleted(epoch))
}

/// In what form a file is wanted.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Form {
    format: String,
    language: String,
}

impl Form {
    fn read(&self) -> Result<(bool, Language), Problem> {
        let is_xlsx = match self.format.as_str() {
            "" | "csv" => false,
            "xlsx" => true,
            other => {
                let detail = format!("format is {other:?}; allowed: csv, xlsx");
                return Err(Problem::field("format", detail));
            }
        };
        let language = match self.language.as_str() {
            "" | "korean" => Language::Korean,
            "english" => Language::English,
            other => {
                let detail = format!("language is {other:?}; allowed: korean, english");
                return Err(Problem::field("language", detail));
            }
        };
        Ok((is_xlsx, language))
    }
}

async fn bad_rows_of(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    Parameters(form): Parameters<Form>,
) -> Result<Response, Problem> {
    let form = form.read()?;
    service.look(service.caller(&grant), move |desk| desk.record(RecordKind::Import, id)).await?;
    let parcel = service.depot.parcel(grant.account, id);
    let made = tokio::task::spawn_blocking(move || bad_rows_file(&parcel, form)).await;
    let bytes =
        made.map_err(|_broken| Problem::new(Kind::Internal, "the file could not be made"))?;
    let bytes = bytes.map_err(|error| disk(&error))?;
    Ok(download(bytes, form.0, &format!("bad-rows-{id}")))
}

fn bad_rows_file(
    parcel: &Parcel,
    (is_xlsx, language): (bool, Language),
) -> std::io::Result<Vec<u8>> {
    let cells = parcel.read_bad_rows()?;
    let mut out = Cursor::new(Vec::new());
    if is_xlsx {
        bad_rows::write_xlsx(&mut out, language, cells)?;
    } else {
        bad_rows::write_csv(&mut out, language, cells)?;
    }
    Ok(out.into_inner())
}

async fn template(of: ImportOf, Parameters(form): Parameters<Form>) -> Result<Response, Problem> {
    let (is_xlsx, language) = form.read()?;
    let made = if is_xlsx { templates::xlsx(of, language) } else { templates::csv(of, language) };
    let bytes = made.map_err(|error| disk(&error))?;
    Ok(download(bytes, is_xlsx, "template"))
}

fn download(bytes: Vec<u8>, is_xlsx: bool, name: &str) -> Response {
    let (kind, end) = if is_xlsx {
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
    } else {
        ("text/csv; charset=utf-8", "csv")
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{end}\"")),
    ];
    (headers, bytes).into_response()
}
