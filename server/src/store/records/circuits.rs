//! Circuits whose keys have been made.

use lemma_verifier::{circuit_id::CircuitId, digest::Digest};
use sqlx::{QueryBuilder, sqlite::SqliteRow};

use super::{
    Records, RecordsError, Write,
    row::{Columns, to_json},
};
use crate::work::jobs::{CircuitFacts, CircuitWork, JobId, Setup, Timestamp};

/// A circuit whose keys are in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitEntry {
    /// What is known about it.
    pub facts: CircuitFacts,
    /// sha256 of the ONNX file it was made from.
    pub model: Digest,
    /// What was asked for.
    pub setup: Setup,
    /// When its keys were ready.
    pub created: Timestamp,
    /// The job that made them.
    pub job: JobId,
}

fn entry(row: &SqliteRow) -> Result<CircuitEntry, RecordsError> {
    let columns = Columns::named(row, "circuit", "circuit")?;
    Ok(CircuitEntry {
        facts: columns.json("facts")?,
        model: columns.parsed("model")?,
        setup: columns.json("setup")?,
        created: columns.time("created")?,
        job: columns.parsed("job")?,
    })
}

/// Remembers what a file with a setup became. Of a circuit that is already there only the job that makes its keys is
/// another, unless its row is damaged.
pub(super) async fn insert_circuit(
    write: &mut Write,
    facts: &CircuitFacts,
    work: &CircuitWork,
    job: JobId,
    now: Timestamp,
) -> Result<(), RecordsError> {
    let (circuit, model, setup) = (facts.circuit.to_string(), work.model.to_string(), to_json(&work.setup));
    let present = sqlx::query("SELECT * FROM circuits WHERE circuit = $1")
        .bind(&circuit)
        .fetch_optional(&mut **write)
        .await?;
    let undamaged = present.as_ref().is_some_and(|row| entry(row).is_ok());
    sqlx::query(if undamaged {
        "INSERT INTO circuits (circuit, model, setup, facts, created, job) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (circuit) DO UPDATE SET job = excluded.job"
    } else {
        "INSERT INTO circuits (circuit, model, setup, facts, created, job) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (circuit) DO UPDATE SET model = excluded.model, setup = excluded.setup, \
         facts = excluded.facts, created = excluded.created, job = excluded.job"
    })
    .bind(&circuit)
    .bind(&model)
    .bind(&setup)
    .bind(to_json(facts))
    .bind(now.0)
    .bind(job.to_string())
    .execute(&mut **write)
    .await?;
    sqlx::query(
        "INSERT INTO circuit_sources (model, setup, circuit) VALUES ($1, $2, $3) \
         ON CONFLICT (model, setup) DO UPDATE SET circuit = excluded.circuit",
    )
    .bind(model)
    .bind(setup)
    .bind(circuit)
    .execute(&mut **write)
    .await?;
    Ok(())
}

impl Records {
    /// One circuit.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn circuit(&self, circuit: CircuitId) -> Result<Option<CircuitEntry>, RecordsError> {
        let row = sqlx::query("SELECT * FROM circuits WHERE circuit = $1")
            .bind(circuit.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(entry).transpose()
    }

    /// The circuit that this file with this setup became last. Its entry names the first file that became it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn circuit_of(
        &self,
        model: Digest,
        setup: &Setup,
    ) -> Result<Option<CircuitEntry>, RecordsError> {
        let row = sqlx::query(
            "SELECT circuits.* FROM circuit_sources JOIN circuits ON circuits.circuit = circuit_sources.circuit \
             WHERE circuit_sources.model = $1 AND circuit_sources.setup = $2",
        )
        .bind(model.to_string())
        .bind(to_json(setup))
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(entry).transpose()
    }

    /// At most `limit` circuits after `after`, by id. A damaged row is left out, and named in the log.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn circuits(
        &self,
        after: Option<CircuitId>,
        limit: u32,
    ) -> Result<Vec<CircuitEntry>, RecordsError> {
        let after = after.map(|circuit| circuit.to_string()).unwrap_or_default();
        let wanted = || {
            let mut query = QueryBuilder::new("SELECT * FROM circuits WHERE circuit > ");
            query.push_bind(after.clone()).push(" ORDER BY circuit");
            query
        };
        self.page(wanted, limit, entry).await
    }
}
