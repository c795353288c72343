//! Why did a device get a campaign's push, or why not?

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json};
use utoipa::openapi::HttpMethod;

use super::api::{Api, Endpoint, Like, Named, Parameter};
use super::request::Parameters;
use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::desk::Desk;
use crate::control::explain::{ExplainError, ExplainRequest, Explanation, MOST_MOMENTS};
use crate::control::refusal::Refusal;
use crate::domain::problem::{Kind, Problem};

const IN_QUERY: &[Parameter] = &[
    Parameter("device", Like::Needed, "The advertising id, in any case"),
    Parameter("campaign", Like::NeededNumber, "The campaign's number"),
    Parameter(
        "last",
        Like::Limit,
        "How many of the device's last moments to tell; 20 where left out",
    ),
];

const _: () = assert!(MOST_MOMENTS == 100, "as the description of `last` has it");

pub(super) fn endpoints(api: Api) -> Api {
    let explaining = Endpoint {
        method: HttpMethod::Get,
        path: "/v1/explain".to_owned(),
        tag: "reports",
        summary:
            "Explain why a device got a campaign's push or not: every gate, for its last fixes"
                .to_owned(),
        in_path: &[],
        in_query: IN_QUERY,
        in_header: &[],
        body: None,
        answer: (200, "Why", Some(Named::of::<Explanation>())),
    };
    api.serve(explaining, get(explain))
}

async fn explain(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Parameters(request): Parameters<ExplainRequest>,
) -> Result<Json<Explanation>, Problem> {
    let asked = request.read()?;
    let none = || Problem::new(Kind::Unavailable, "this daemon keeps no records");
    let explainer = service.explainer.clone().ok_or_else(none)?;
    // What there is no room for is no use of a location yet.
    let leave = explainer.leave(grant.account)?;
    let look = move |desk: &mut Desk<'_>| Ok((asked.of_desk(desk)?, asked.used()));
    let question = match service.look_at_people(service.caller(&grant), look).await {
        // Its campaigns come from files.
        Err(Refusal::NoAccount(account)) => {
            service.note_use(service.caller(&grant), asked.used()).await?;
            asked.of_account(account)
        }
        looked => looked?,
    };
    // The leave goes along: a caller who has left does not make the reading end.
    let read = move || explainer.explain(&question, &leave);
    match tokio::task::spawn_blocking(read).await {
        Ok(told) => Ok(Json(told.map_err(unexplained)?)),
        Err(_panicked) => {
            Err(Problem::new(Kind::Internal, "a fault of the daemon's own; please report it"))
        }
    }
}

fn unexplained(error: ExplainError) -> Problem {
    if let ExplainError::NoCampaign { .. } = error {
        return Problem::new(Kind::NotFound, error.to_string());
    }
    tracing::error!(%error, "the records could not be read back to explain");
    Problem::new(Kind::Internal, "the records can't be read; the daemon's log says why")
}
