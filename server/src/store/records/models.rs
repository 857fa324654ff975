//! Models and their tags.

use lemma_verifier::digest::Digest;
use sqlx::{QueryBuilder, sqlite::SqliteRow};
use tracing::warn;

use super::{
    Durability, Records, RecordsError,
    row::{Columns, number, to_json, undamaged, unsigned},
};
use crate::work::jobs::Timestamp;

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
    let columns = Columns::named(row, "model", "model")?;
    Ok(ModelRecord {
        model: columns.parsed("model")?,
        bytes: unsigned(columns.get("bytes")?),
        created: columns.time("created")?,
        details: columns.json::<serde_json::Map<_, _>>("details")?.into(),
    })
}

impl Records {
    /// Remembers a model whose bytes are among the blobs; the record, and whether it is new. A model that is
    /// already there stays as it is, unless its row is damaged.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn insert_model(&self, new: ModelRecord) -> Result<(ModelRecord, bool), RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        let present = sqlx::query("SELECT * FROM models WHERE model = $1")
            .bind(new.model.to_string())
            .fetch_optional(&mut *write)
            .await?;
        match present.as_ref().map(record).transpose() {
            Ok(None) => {}
            Ok(Some(present)) => {
                write.rollback().await?;
                return Ok((present, false));
            }
            Err(error @ RecordsError::Damaged { .. }) => warn!(%error, "it is written again"),
            Err(error) => return Err(error),
        }
        sqlx::query(
            "INSERT INTO models (model, bytes, created, details) VALUES ($1, $2, $3, $4) ON CONFLICT (model) \
             DO UPDATE SET bytes = excluded.bytes, created = excluded.created, details = excluded.details",
        )
        .bind(new.model.to_string())
        .bind(number(new.bytes))
        .bind(new.created.0)
        .bind(to_json(&new.details))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok((new, present.is_none()))
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

    /// At most `limit` models after `after`, by digest. A damaged row is left out, and named in the log.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn models(&self, after: Option<Digest>, limit: u32) -> Result<Vec<ModelRecord>, RecordsError> {
        let after = after.map(|digest| digest.to_string()).unwrap_or_default();
        let wanted = || {
            let mut query = QueryBuilder::new("SELECT * FROM models WHERE model > ");
            query.push_bind(after.clone()).push(" ORDER BY model");
            query
        };
        self.page(wanted, limit, record).await
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
        let found = sqlx::query("SELECT model FROM model_tags WHERE name = $1 AND tag = $2")
            .bind(name)
            .bind(tag)
            .fetch_optional(&self.readers)
            .await?;
        found.as_ref().map(|row| Columns::of(row, format!("tag {name}:{tag}")).parsed("model")).transpose()
    }

    /// The tags that point at a model, as name and tag, sorted.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tags_of(&self, model: Digest) -> Result<Vec<(String, String)>, RecordsError> {
        let rows = sqlx::query("SELECT name, tag FROM model_tags WHERE model = $1 ORDER BY name, tag")
            .bind(model.to_string())
            .fetch_all(&self.readers)
            .await?;
        let tag = |row: &SqliteRow| {
            let columns = Columns::of(row, format!("a tag of model {model}"));
            Ok((columns.get("name")?, columns.get("tag")?))
        };
        undamaged(&rows, tag)
    }
}
