//! Models and their tags.

use lemma_prover::digest::Digest;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    Durability, Records, RecordsError,
    row::{digest, json, number, to_json, unsigned},
};
use crate::jobs::Timestamp;

/// An uploaded model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRecord {
    /// sha256 of the ONNX file.
    pub model: Digest,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was uploaded first.
    pub created: Timestamp,
    /// What was found out about it at its upload.
    pub details: serde_json::Value,
}

fn record(row: &SqliteRow) -> Result<ModelRecord, RecordsError> {
    let (model, details): (String, String) = (row.try_get("model")?, row.try_get("details")?);
    let what = format!("model {model}");
    Ok(ModelRecord {
        model: digest(&what, "model", &model)?,
        bytes: unsigned(row.try_get("bytes")?),
        created: Timestamp(row.try_get("created")?),
        details: json(&what, "details", &details)?,
    })
}

impl Records {
    /// Remembers a model whose bytes are among the blobs; the record, and whether it is new. A model that is
    /// already there stays as it is.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_model(&self, record: ModelRecord) -> Result<(ModelRecord, bool), RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        let inserted = sqlx::query(
            "INSERT INTO models (model, bytes, created, details) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (model) DO NOTHING",
        )
        .bind(record.model.to_string())
        .bind(number(record.bytes))
        .bind(record.created.0)
        .bind(to_json(&record.details))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        if inserted.rows_affected() == 1 {
            return Ok((record, true));
        }
        let present = self.model(record.model).await?;
        Ok((present.unwrap_or(record), false))
    }

    /// One model.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn model(&self, model: Digest) -> Result<Option<ModelRecord>, RecordsError> {
        let row = sqlx::query("SELECT * FROM models WHERE model = $1")
            .bind(model.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(record).transpose()
    }

    /// At most `limit` models after `after`, by digest.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn models(&self, after: Option<Digest>, limit: u32) -> Result<Vec<ModelRecord>, RecordsError> {
        let after = after.map(|digest| digest.to_string()).unwrap_or_default();
        let rows = sqlx::query("SELECT * FROM models WHERE model > $1 ORDER BY model LIMIT $2")
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(record).collect()
    }

    /// Points the tag `name:tag` at a model, wherever it pointed before.
    ///
    /// # Errors
    /// When there is no such model or the database refuses.
    pub async fn set_tag(
        &self,
        name: &str,
        tag: &str,
        model: Digest,
        now: Timestamp,
    ) -> Result<(), RecordsError> {
        if self.model(model).await?.is_none() {
            return Err(RecordsError::UnknownModel { model });
        }
        let mut write = self.begin(Durability::Durable).await?;
        sqlx::query(
            "INSERT INTO model_tags (name, tag, model, moved) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name, tag) DO UPDATE SET model = excluded.model, moved = excluded.moved",
        )
        .bind(name)
        .bind(tag)
        .bind(model.to_string())
        .bind(now.0)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// The model a tag points at.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tagged(&self, name: &str, tag: &str) -> Result<Option<Digest>, RecordsError> {
        let found: Option<(String,)> =
            sqlx::query_as("SELECT model FROM model_tags WHERE name = $1 AND tag = $2")
                .bind(name)
                .bind(tag)
                .fetch_optional(&self.readers)
                .await?;
        found.map(|(model,)| digest(&format!("tag {name}:{tag}"), "model", &model)).transpose()
    }

    /// The tags that point at a model, as name and tag, sorted.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tags_of(&self, model: Digest) -> Result<Vec<(String, String)>, RecordsError> {
        Ok(sqlx::query_as("SELECT name, tag FROM model_tags WHERE model = $1 ORDER BY name, tag")
            .bind(model.to_string())
            .fetch_all(&self.readers)
            .await?)
    }
}
