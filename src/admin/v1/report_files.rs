//! Report files: made, kept, listed as documents are, and downloaded again.

use std::fs::File;
use std::io::{self, Read as _};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use utoipa::openapi::HttpMethod;

use super::api::{Api, Endpoint, Named};
use super::request::Number;
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::Desk;
use crate::control::documents::Shown;
use crate::control::documents::report_file::{ReportFile, ReportFormat, ReportOf};
use crate::control::reports::sheet::Sheet;
use crate::control::reports::{ReportShelf, Reports};
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::turns::Turn;

pub(super) fn endpoints(api: Api) -> Api {
    let downloading = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/reports/{id}/file".to_owned(),
        tag: "reports",
        summary: "Download a report file that was made".to_owned(),
        in_path: &[("id", "The report file's number")],
        in_query: &[],
        in_header: &[],
        body: None,
        answer: (200, "The file", Some(Named::table())),
    };
    api.serve(downloading, get(again))
}

/// What a report tells, before it is a file.
pub(super) struct Told {
    /// What it is called, without what its format adds.
    pub(super) name: String,
    pub(super) of: ReportOf,
    pub(super) campaign: Option<u32>,
    /// Its first and last local day.
    pub(super) days: (String, String),
    pub(super) sheet: Sheet,
}

/// Makes a file of a report in the room that was taken for it, keeps it, and sends it. The room goes along with whatever
/// waits for the disk: a caller who has left does not make that end.
pub(super) async fn sent(
    service: &Shared,
    grant: &Grant,
    (room, format): (Turn, ReportFormat),
    make: impl FnOnce(&Reports) -> Result<Told, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let shelf = shelf(service)?;
    let (writing, asked_by) = (shelf.clone(), grant.name.to_string());
    let write = move |reports: &Reports| {
        let Told { name, of, campaign, days: (from, to), sheet } = make(reports)?;
        let written = writing.write(sheet, format).map_err(unkept)?;
        let document = ReportFile {
            file: format!("{name}.{}", format.ending()),
            of,
            campaign,
            from,
            to,
            format,
            asked_by,
            rows: written.rows,
            bytes: written.bytes,
            hash: written.hash.clone(),
        };
        Ok((document, written, room))
    };
    let (document, written, room) = service.read_figures(write).await?;
    let (keeping, discarding) = (shelf.clone(), shelf.clone());
    let keep = move |desk: &mut Desk<'_>| desk.keep_report(&keeping, &document, &written);
    let ((shown, gone), _epoch) = service.change(service.caller(grant), keep).await?;
    if !gone.is_empty() {
        blocking(move || {
            discarding.discard(&gone);
            Ok(())
        })
        .await?;
    }
    download(shelf, grant.account, shown, room).await
}

async fn again(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Result<Response, Problem> {
    let room = service.making.enter(grant.account)?;
    let looked = service.look(service.caller(&grant), move |desk| desk.get::<ReportFile>(id)).await;
    download(shelf(&service)?, grant.account, looked?, room).await
}

fn shelf(service: &Shared) -> Result<ReportShelf, Problem> {
    let none = || Problem::new(Kind::Unavailable, "this daemon keeps no report files");
    service.shelf.clone().ok_or_else(none)
}

/// Does what waits for the disk where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(unkept),
        Err(_panicked) => {
            Err(Problem::new(Kind::Internal, "a fault of the daemon's own; please report it"))
        }
    }
}

/// The disk said no.
fn unkept(error: io::Error) -> Problem {
    tracing::error!(%error, "a report file can't be written or read");
    Problem::new(Kind::Unavailable, "the file can't be kept now; the daemon's log says why")
}

/// Bytes of a file that are in memory at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Sends a file. It is gone through once before, within the room.
async fn download(
    shelf: ReportShelf,
    account: AccountId,
    shown: Shown<ReportFile>,
    room: Turn,
) -> Result<Response, Problem> {
    let ReportFile { file: name, format, bytes, hash, .. } = shown.document;
    let (id, listed) = (shown.id, (account, shown.id, hash));
    let opened = blocking(move || {
        let opened = shelf.read(&listed);
        drop(room);
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    });
    let file = opened.await?.ok_or_else(|| {
        let detail = format!("report file {id} is not there any more; ask for its report again");
        Problem::new(Kind::NotFound, detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE, format.media().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_LOCATION, format!("/v1/reports/{id}/file")),
    ];
    let chunks = stream::try_unfold(file, |file| async {
        // A fault of the disk breaks the answer off, which is shorter than it said then.
        let read = tokio::task::spawn_blocking(move || next_chunk(file)).await;
        read.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn next_chunk(file: File) -> io::Result<Option<(Bytes, File)>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    (&file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
    Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), file)))
}
