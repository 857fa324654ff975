//! What circuits will look like and cost, found out by planning them.

use std::sync::Arc;

use lemma_circuits::{
    compile,
    import::import,
    plan::{PlanError, Scheme},
};
use lemma_prover::digest::Digest;
use moka::future::Cache;

use crate::{
    pool::Pool,
    problem::{Problem, ProblemType},
    service::JobService,
    wire::Prediction,
};

/// Most predictions in memory.
const CAPACITY: u64 = 4096;

/// A plan's figures, or why there is no plan: both follow from the model alone.
type Planned = Result<Prediction, Problem>;

/// The predictions made last. Planning a large model takes seconds, so it happens once per model and scheme, on threads
/// that nothing else waits for.
#[derive(Clone, Debug)]
pub(crate) struct Predictions {
    service: JobService,
    planning: Pool,
    recent: Cache<(Digest, bool), Arc<Planned>>,
}

impl Predictions {
    pub(crate) fn new(service: JobService, planning: Pool) -> Self {
        Self { service, planning, recent: Cache::new(CAPACITY) }
    }

    /// The prediction for a model that is among the blobs. Requests that come while it is planned wait for one plan.
    ///
    /// # Errors
    /// [`ProblemType::CircuitTooLarge`] or [`ProblemType::InvalidModel`] when there is no plan; [`ProblemType::Busy`]
    /// when too many models are being planned.
    pub(crate) async fn of(&self, model: Digest, scheme: Scheme) -> Planned {
        let plan = async {
            let onnx = self.service.model_bytes(model).await?;
            self.planning.run(move || Arc::new(plan(&onnx, scheme))).await
        };
        let planned = self.recent.try_get_with((model, scheme == Scheme::Kzg), plan).await;
        match planned {
            Ok(planned) => (*planned).clone(),
            Err(problem) => Err((*problem).clone()),
        }
    }
}

fn plan(onnx: &[u8], scheme: Scheme) -> Planned {
    let model = import(onnx, "the model")
        .map_err(|error| Problem::new(ProblemType::InvalidModel, error.to_string()))?;
    let circuit = compile(model, scheme).map_err(|error| unplannable(&error))?;
    Ok(Prediction::of(&circuit))
}

fn unplannable(error: &PlanError) -> Problem {
    let kind = match error {
        PlanError::TooLarge { .. } | PlanError::OverBudget { .. } => ProblemType::CircuitTooLarge,
        _ => ProblemType::InvalidModel,
    };
    Problem::new(kind, error.to_string())
}
