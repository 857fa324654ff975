//! Models.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use lemma_circuits::import::import;
use lemma_verifier::digest::Digest;
use serde::Deserialize;
use tracing::error;
use utoipa::IntoParams;

use super::{links, page};
use crate::{
    http::{
        extract::{BytesBody, PathId, Query},
        openapi::File,
        problem::{Problem, ProblemType, lost_model},
        state::App,
        wire::{Model, ModelDetails, ModelList},
    },
    service::Duty,
    store::records::{ModelRecord, RecordsError},
};

/// Longest name and longest tag, in characters.
const MAX_TAG: usize = 64;

/// How an upload is tagged.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upload {
    /// `name:tag` that is to point at the model from now on.
    #[param(pattern = "^[a-z0-9][a-z0-9._-]{0,63}:[a-z0-9][a-z0-9._-]{0,63}$", example = "digits:latest")]
    tag: Option<String>,
}

/// Upload a model
///
/// The body is an ONNX file. The same bytes are the same model, however often they are uploaded.
#[utoipa::path(post, path = "/v1/models", operation_id = "upload_model", tag = "models", params(Upload),
    request_body(content = File, content_type = "application/octet-stream", description = "An ONNX file"),
    responses(
        (
            status = 201, description = "It is new", body = Model,
            headers(("Location" = String, description = "The model")),
        ),
        (
            status = 200, description = "It was there already", body = Model,
            headers(("Location" = String, description = "The model")),
        ),
        (status = 413, description = "It is too large"),
        (status = 415, description = "It is no octet stream"),
        (
            status = 422,
            description = "It cannot be proven exactly; the problem names node, attribute and what to do",
        ),
        (status = 429, description = "Too many uploads at once"),
    )
)]
pub(super) async fn upload(
    State(app): State<App>,
    Query(upload): Query<Upload>,
    body: BytesBody,
) -> Result<Response, Problem> {
    let tag = upload.tag.as_deref().map(parse_tag).transpose()?;
    if let Some(what) = other_format(&body.bytes) {
        return Err(Problem::new(
            ProblemType::InvalidModel,
            format!("the body is {what}; send an ONNX file"),
        ));
    }
    let onnx = body.bytes.clone();
    let read = move || import(&onnx, "the uploaded file").map(|model| ModelDetails::of(&model));
    let imported = app.service().run(Duty::Intake, read).await?;
    let details = imported.map_err(|error| {
        let detail = format!("{error}; GET /v1/info lists the operators the service proves");
        Problem::new(ProblemType::InvalidModel, detail)
    })?;
    let details = serde_json::to_value(&details).map_err(|error| Problem::internal(&error))?;
    let (record, new) = app.service().put_model(body.bytes.to_vec(), details).await?;
    if let Some((name, tag)) = tag {
        app.service().tag_model(name, tag, record.model).await?;
    }
    let model = view(&app, &record).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, links::location(&format!("/v1/models/{}", model.id)), Json(model)).into_response())
}

/// What a file is that is taken for a model by mistake. No ONNX file begins so: the first two would be a field of a type
/// that Protocol Buffers no longer have.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes.trim_ascii_start() {
        [b'{' | b'[', ..] => Some("JSON"),
        [b'P', b'K', 3, 4, ..] => Some("a zip or npz archive"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("a NumPy array"),
        _ => None,
    }
}

/// Splits `name:tag`.
fn parse_tag(text: &str) -> Result<(&str, &str), Problem> {
    let word = |word: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        (1..=MAX_TAG).contains(&word.len())
            && word.bytes().all(inner)
            && word.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    text.split_once(':').filter(|(name, tag)| word(name) && word(tag)).ok_or_else(|| {
        Problem::new(
            ProblemType::InvalidParameter,
            format!(
                "a tag is name:tag, each at most {MAX_TAG} of the characters a-z, 0-9, '.', '_' and '-', beginning \
                 with a letter or digit"
            ),
        )
    })
}

/// The models, by id
#[utoipa::path(get, path = "/v1/models", operation_id = "list_models", tag = "models", params(page::Page), responses(
    (status = 200, description = "A part of the list", body = ModelList),
    (status = 422, description = "A parameter makes no sense"),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(page): Query<page::Page>,
) -> Result<Json<ModelList>, Problem> {
    let limit = page.limit()?;
    let found = app.service().models(page.after()?, limit.saturating_add(1)).await?;
    let (records, more) = page::split(found, limit);
    let mut models = Vec::new();
    for record in &records {
        models.extend(page::shown(record.model, view(&app, record).await)?);
    }
    let next_cursor = records.last().filter(|_| more).map(|record| record.model.to_string());
    Ok(Json(ModelList { models, next_cursor }))
}

/// One model
#[utoipa::path(get, path = "/v1/models/{id}", operation_id = "get_model", tag = "models",
    params(("id" = String, Path, description = "Model id, the sha256 of its file, or `name:tag`", example = "digits:latest")),
    responses(
        (status = 200, description = "The model", body = Model),
        (status = 404, description = "There is no such model"),
    )
)]
pub(super) async fn show(State(app): State<App>, PathId(id): PathId<String>) -> Result<Json<Model>, Problem> {
    Ok(Json(view(&app, &find(&app, &id.unwrap_or_default()).await?).await?))
}

/// The model of an id or tag.
///
/// # Errors
/// [`ProblemType::UnknownModel`] when there is none.
pub(super) async fn find(app: &App, name: &str) -> Result<ModelRecord, Problem> {
    let service = app.service();
    let id = match (name.parse::<Digest>(), parse_tag(name)) {
        (Ok(id), _) => Some(id),
        (_, Ok((name, tag))) => service.tagged(name, tag).await?,
        _ => None,
    };
    let record = match id {
        Some(id) => match service.model(id).await {
            Err(error @ RecordsError::Damaged { .. }) => {
                error!(%error, "a model is lost");
                return Err(lost_model(id));
            }
            found => found?,
        },
        None => None,
    };
    let shown: String = name.chars().take(2 * MAX_TAG + 1).collect();
    record.ok_or_else(|| {
        Problem::new(
            ProblemType::UnknownModel,
            format!(
                "no model has the id or tag {shown:?}; POST /v1/models uploads one, GET /v1/models lists them"
            ),
        )
    })
}

async fn view(app: &App, record: &ModelRecord) -> Result<Model, Problem> {
    let tags = app.service().tags_of(record.model).await?;
    Model::new(record, &tags).map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_told_from_models() {
        assert_eq!(other_format(b" {\"x\": 1}"), Some("JSON"));
        assert_eq!(other_format(b"PK\x03\x04..."), Some("a zip or npz archive"));
        assert_eq!(other_format(b"\x93NUMPY\x01"), Some("a NumPy array"));
        assert_eq!(other_format(&[8, 8, 18, 0]), None);
        assert_eq!(other_format(b""), None);
    }

    #[test]
    fn tags_are_two_short_words() {
        assert_eq!(parse_tag("digits:v1.0-a_b").unwrap(), ("digits", "v1.0-a_b"));
        let long = format!("{}:x", "a".repeat(65));
        for refused in ["", "digits", ":", "a:", ":b", "A:b", "a:b:c", "a:é", "-a:b", "a: b", &long] {
            assert!(parse_tag(refused).is_err(), "{refused}");
        }
    }
}
