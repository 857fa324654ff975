//! Builds of circuits.

use axum::{Json, extract::State};

use super::submission;
use crate::{
    http::{
        extract::PathId,
        problem::{Problem, ProblemType, damaged_circuit},
        state::App,
        wire::Build,
    },
    work::jobs::{Job, JobId, WorkKind},
};

/// One build
#[utoipa::path(get, path = "/v1/builds/{id}", operation_id = "get_build", tag = "circuits",
    params(("id" = String, Path, description = "Id of the build", pattern = "^[0-9A-HJKMNP-TV-Z]{26}$")),
    responses(
        (status = 200, description = "The build", body = Build),
        (status = 404, description = "There is no such build"),
    )
)]
pub(super) async fn show(State(app): State<App>, PathId(id): PathId<JobId>) -> Result<Json<Build>, Problem> {
    view(&find(&app, id).await?)
}

/// Cancel a build
///
/// A build that has ended stays as it is.
#[utoipa::path(post, path = "/v1/builds/{id}/cancel", operation_id = "cancel_build", tag = "circuits",
    params(("id" = String, Path, description = "Id of the build", pattern = "^[0-9A-HJKMNP-TV-Z]{26}$")),
    responses(
        (status = 200, description = "The build, which has ended", body = Build),
        (status = 404, description = "There is no such build"),
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    PathId(id): PathId<JobId>,
) -> Result<Json<Build>, Problem> {
    let job = find(&app, id).await?;
    view(&app.service().cancel(job.id).await?.ok_or_else(unknown)?)
}

async fn find(app: &App, id: Option<JobId>) -> Result<Job, Problem> {
    let job = match id {
        Some(id) => submission::undamaged_job(app, id, |error| damaged_circuit(error)).await?,
        None => None,
    };
    job.filter(|job| job.work.kind() == WorkKind::Circuit).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(ProblemType::UnknownBuild, "no build has this id; POST /v1/circuits answers with one")
}

fn view(job: &Job) -> Result<Json<Build>, Problem> {
    Build::new(job).map(Json).ok_or_else(|| submission::other_kind(job))
}
