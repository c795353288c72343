//! What campaigns have brought: live figures, reports of a period, the pushes of a month.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json};
use futures_util::stream::{self, Stream};
use jiff::civil::Date;
use utoipa::openapi::HttpMethod;

use super::api::{Api, Endpoint, Like, Named, Parameter};
use super::report_files::{Told, sent};
use super::request::{Number, Parameters};
use super::service::{Service, Shared};
use super::streams::KEEP_ALIVE;
use crate::auth::grant::Grant;
use crate::control::desk::Desk;
use crate::control::documents::Membership;
use crate::control::documents::report_file::{ReportFormat, ReportOf};
use crate::control::refusal::Refusal;
use crate::control::reports::hours::HourFigures;
use crate::control::reports::live::LiveFigures;
use crate::control::reports::period::{PeriodReport, PeriodRequest};
use crate::control::reports::usage::{Usage, UsageRequest};
use crate::control::reports::visit_request::{VisitQuestion, VisitRequest};
use crate::control::reports::visits::VisitReport;
use crate::control::reports::{ReportError, Reports, Subject};
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::turns::Turn;

const IN_PATH: &[(&str, &str)] = &[("id", "The campaign's number")];

const PERIOD: &[Parameter] = &[
    Parameter(
        "from",
        Like::Text,
        "The first local day, as 2026-11-23; the campaign's, or the first kept, where left out",
    ),
    Parameter("to", Like::Text, "The last local day; the campaign's, or yesterday, where left out"),
];

const VISITS: &[Parameter] = &[
    Parameter(
        "regions",
        Like::Text,
        "Districts and trade areas, any of them: numbers with commas between",
    ),
    Parameter("brands", Like::Text, "Brands, any of them; with regions, both must hold"),
    Parameter(
        "extra_days",
        Like::Number,
        "Days after the campaign on which visits count, 0 to 30; 15 where left out",
    ),
    Parameter(
        "after",
        Like::Text,
        "What a visit must come after: match or click; match where left out",
    ),
    Parameter("as_of", Like::Text, "The last local day of visits, yesterday at the latest"),
];

const DAY: &[Parameter] =
    &[Parameter("day", Like::Text, "The local day, as 2026-11-23; today where left out")];

const MONTH: &[Parameter] =
    &[Parameter("month", Like::Text, "As 2026-11: this month, where left out, or the last")];

pub(super) fn endpoints(api: Api) -> Api {
    of_accounts(of_campaigns(api))
}

/// A report, at a path behind `/v1/`.
fn reading(
    path: &str,
    summary: &str,
    in_query: &'static [Parameter],
    answer: (&'static str, Named),
) -> Endpoint {
    Endpoint {
        method: HttpMethod::Get,
        path: format!("/v1/{path}"),
        tag: "reports",
        summary: summary.to_owned(),
        in_path: if path.contains("{id}") { IN_PATH } else { &[] },
        in_query,
        in_header: &[],
        body: None,
        answer: (200, answer.0, Some(answer.1)),
    }
}

fn of_campaigns(api: Api) -> Api {
    let of_campaign = |path: &str, summary: &str, in_query, answer| {
        reading(&format!("campaigns/{{id}}/{path}"), summary, in_query, answer)
    };
    let now = || ("As it is", Named::of::<LiveFigures>());
    let file = || ("A file", Named::table());
    let live = of_campaign("figures", "Show what a campaign has brought", &[], now());
    let stream = of_campaign(
        "figures/stream",
        "Follow it: an event `figures` each time that it changes, at most once a second",
        &[],
        ("Server-sent events, each with the figures as data", Named::stream()),
    );
    let hours = of_campaign(
        "figures/hours",
        "Show a day of a campaign by its local hours",
        DAY,
        (
            "The hours, ascending",
            Named::of::<Vec<HourFigures>>().called("Hours").with::<HourFigures>(),
        ),
    );
    let report = of_campaign(
        "report",
        "Report days that are over",
        PERIOD,
        ("The report", Named::of::<PeriodReport>()),
    );
    let csv = of_campaign("report.csv", "The same as CSV", PERIOD, file());
    let xlsx = of_campaign("report.xlsx", "The same as XLSX", PERIOD, file());
    let visits = of_campaign(
        "visit-report",
        "Report who came to a store after the campaign reached it. Basic and Premium",
        VISITS,
        ("The report", Named::of::<VisitReport>()),
    );
    let visits_csv = of_campaign("visit-report.csv", "The same as CSV", VISITS, file());
    let visits_xlsx = of_campaign("visit-report.xlsx", "The same as XLSX", VISITS, file());
    api.serve(live, get(figures))
        .serve(stream, get(follow))
        .serve(hours, get(by_hour))
        .serve(report, get(period))
        .serve(csv, get(|s, g, id, asked| period_file(s, g, id, asked, ReportFormat::Csv)))
        .serve(xlsx, get(|s, g, id, asked| period_file(s, g, id, asked, ReportFormat::Xlsx)))
        .serve(visits, get(visited))
        .serve(visits_csv, get(|s, g, id, asked| visits_file(s, g, id, asked, ReportFormat::Csv)))
        .serve(visits_xlsx, get(|s, g, id, asked| visits_file(s, g, id, asked, ReportFormat::Xlsx)))
}

fn of_accounts(api: Api) -> Api {
    let used = ("The month", Named::of::<Usage>());
    let usage = reading("usage", "Show the pushes of a month, and what they cost", MONTH, used);
    let file = || ("A file", Named::table());
    let csv = reading("usage.csv", "The same as CSV", MONTH, file());
    let xlsx = reading("usage.xlsx", "The same as XLSX", MONTH, file());
    api.serve(usage, get(month))
        .serve(csv, get(|s, g, asked| month_file(s, g, asked, ReportFormat::Csv)))
        .serve(xlsx, get(|s, g, asked| month_file(s, g, asked, ReportFormat::Xlsx)))
}

impl Service {
    fn reports(&self) -> Result<Reports, Problem> {
        let none = || Problem::new(Kind::Unavailable, "this daemon keeps no figures");
        self.counted.clone().ok_or_else(none)
    }

    async fn subject(&self, grant: &Grant, id: u32) -> Result<Subject, Refusal> {
        self.look(self.caller(grant), move |desk| desk.subject(id)).await
    }

    /// Makes a report in the room that was taken for it, which goes along: a caller who has left does not make the work
    /// end.
    pub(super) async fn report<T: Send + 'static>(
        &self,
        room: Turn,
        make: impl FnOnce(&Reports) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let make = move |reports: &Reports| {
            let made = make(reports);
            drop(room);
            made
        };
        self.read_figures(make).await
    }

    /// Reads some figures where it may wait for the disk.
    pub(super) async fn read_figures<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reports) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let reports = self.reports()?;
        let made = tokio::task::spawn_blocking(move || read(&reports)).await;
        made.unwrap_or_else(|_panicked| {
            Err(Problem::new(Kind::Internal, "a fault of the daemon's own; please report it"))
        })
    }
}

/// The store of the figures said no.
pub(super) fn unread(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "figures could not be read");
    Problem::new(Kind::Internal, "the figures can't be read; the daemon's log says why")
}

/// There is no report.
fn untold(error: ReportError) -> Problem {
    match error {
        ReportError::Refused(refusal) => refusal.into(),
        ReportError::Unread(error) => unread(error),
    }
}

async fn figures(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Result<Response, Problem> {
    let subject = service.subject(&grant, id).await?;
    let now = service.now();
    let live =
        service.read_figures(move |reports| reports.live(&subject, now).map_err(untold)).await?;
    Ok(Json(live).into_response())
}

async fn follow(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
) -> Result<Response, Problem> {
    service.subject(&grant, id).await?;
    let open = service.streams.open(grant.account)?;
    let following = Following { service, grant, campaign: id, sent: None, _open: open };
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(changes(following)).keep_alive(alive).into_response())
}

/// A stream that is open.
struct Following {
    service: Shared,
    grant: Grant,
    campaign: u32,
    sent: Option<LiveFigures>,
    _open: Turn,
}

/// How often a stream looks for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

fn changes(following: Following) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(following, |mut following| async move {
        loop {
            if following.sent.is_some() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            if following.service.has_to_end(&following.grant) {
                return None;
            }
            // Where it has gone, or they can't be read, the stream ends; the caller connects again, and is told so. It may
            // have been edited meanwhile.
            let subject = following.service.subject(&following.grant, following.campaign);
            let (subject, now) = (subject.await.ok()?, following.service.now());
            let look = move |reports: &Reports| reports.live(&subject, now).map_err(untold);
            let live = following.service.read_figures(look).await.ok()?;
            if following.sent.as_ref() == Some(&live) {
                continue;
            }
            let event = Event::default().event("figures").json_data(&live).ok()?;
            following.sent = Some(live);
            return Some((Ok(event), following));
        }
    })
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursRequest {
    day: Option<String>,
}

async fn by_hour(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    Parameters(asked): Parameters<HoursRequest>,
) -> Result<Response, Problem> {
    let subject = service.subject(&grant, id).await?;
    let day = crate::control::reports::period::day(asked.day.as_deref(), "/day", subject.today)
        .map_err(Problem::from)?;
    let hours =
        service.read_figures(move |reports| reports.hours(&subject, day).map_err(untold)).await?;
    Ok(Json(hours).into_response())
}

/// The room for a report, and what it is of.
async fn asked_of(service: &Shared, grant: &Grant, id: u32) -> Result<(Turn, Subject), Problem> {
    let room = service.making.enter(grant.account)?;
    let subject = service.subject(grant, id).await.map_err(Problem::from)?;
    Ok((room, subject))
}

async fn period(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    Parameters(asked): Parameters<PeriodRequest>,
) -> Result<Json<PeriodReport>, Problem> {
    let (room, subject) = asked_of(&service, &grant, id).await?;
    let make = move |reports: &Reports| reports.period(&subject, &asked).map_err(untold);
    service.report(room, make).await.map(|table| Json(table.into()))
}

async fn period_file(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    Parameters(asked): Parameters<PeriodRequest>,
    format: ReportFormat,
) -> Result<Response, Problem> {
    let (room, subject) = asked_of(&service, &grant, id).await?;
    let tell = move |reports: &Reports| {
        let table = reports.period(&subject, &asked).map_err(untold)?;
        let (from, to) = table.days;
        Ok(Told {
            name: format!("campaign-{}-{from}-{to}", table.campaign),
            of: ReportOf::Campaign,
            campaign: Some(table.campaign),
            days: (from.to_string(), to.to_string()),
            sheet: table.into(),
        })
    };
    sent(&service, &grant, (room, format), tell).await
}

async fn visited(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    Parameters(asked): Parameters<VisitRequest>,
) -> Result<Json<VisitReport>, Problem> {
    let (room, question) = asked_of_visits(&service, &grant, id, asked).await?;
    let make = move |reports: &Reports| reports.visits(&question).map_err(untold);
    service.report(room, make).await.map(Json)
}

async fn visits_file(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    Parameters(asked): Parameters<VisitRequest>,
    format: ReportFormat,
) -> Result<Response, Problem> {
    let (room, question) = asked_of_visits(&service, &grant, id, asked).await?;
    let tell = move |reports: &Reports| {
        let report = reports.visits(&question).map_err(untold)?;
        Ok(Told {
            name: report.called(),
            of: ReportOf::Visits,
            campaign: Some(report.campaign),
            days: (report.from.clone(), report.as_of.clone()),
            sheet: report.into(),
        })
    };
    sent(&service, &grant, (room, format), tell).await
}

/// The room for a visit report, and what is asked.
async fn asked_of_visits(
    service: &Shared,
    grant: &Grant,
    id: u32,
    asked: VisitRequest,
) -> Result<(Turn, VisitQuestion), Problem> {
    // What there is no room for is no use of a location yet.
    let room = service.making.enter(grant.account)?;
    let ask = move |desk: &mut Desk<'_>| {
        let question = asked.held_against(desk, id)?;
        let used = question.used();
        Ok((question, used))
    };
    let question = service.look_at_people(service.caller(grant), ask).await?;
    Ok((room, question))
}

/// An account as its usage is counted, and the month that is asked for.
async fn counted(
    service: &Shared,
    grant: &Grant,
    asked: UsageRequest,
) -> Result<(AccountId, Membership, Date), Problem> {
    let look = service.look(service.caller(grant), move |desk| {
        let month = asked.month_of(desk.today())?;
        Ok((desk.account_id(), desk.account().membership, month))
    });
    look.await.map_err(Problem::from)
}

async fn month(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<UsageRequest>,
) -> Result<Json<Usage>, Problem> {
    let room = service.making.enter(grant.account)?;
    let (account, membership, month) = counted(&service, &grant, asked).await?;
    let make = move |reports: &Reports| reports.usage(account, membership, month).map_err(unread);
    service.report(room, make).await.map(Json)
}

async fn month_file(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(asked): Parameters<UsageRequest>,
    format: ReportFormat,
) -> Result<Response, Problem> {
    let room = service.making.enter(grant.account)?;
    let (account, membership, month) = counted(&service, &grant, asked).await?;
    let tell = move |reports: &Reports| {
        let table = reports.usage_table(account, membership, month);
        let (name, days) = (format!("usage-{}", table.month()), table.days());
        Ok(Told { name, of: ReportOf::Usage, campaign: None, days, sheet: table.into() })
    };
    sent(&service, &grant, (room, format), tell).await
}
