//! What circuits will look like and cost, found out by planning them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use lemma_verifier::{digest::Digest, scheme::Scheme};
use moka::future::Cache;

use super::pool::{Pool, PoolError};
use crate::{
    store::model_files::{ModelFileError, ModelFiles},
    work::{
        planning::{Planner, PlanningError},
        prediction::Prediction,
    },
};

/// Most predictions in memory.
const CAPACITY: u64 = 4096;

/// Why nothing is predicted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictionError {
    /// There is no plan.
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// Too many models are being planned.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The model's file cannot be had.
    #[error(transparent)]
    Model(#[from] ModelFileError),
    /// The service stops.
    #[error("the service is shutting down; try again when it is back")]
    ShuttingDown,
}

/// A plan's figures, or why there is no plan.
type Planned = Result<Prediction, Arc<PredictionError>>;

/// Model and scheme.
type Key = (Digest, Scheme);

/// A plan that is being made, for everyone who waits for it.
type Flight = Shared<BoxFuture<'static, Planned>>;

/// The predictions made last. Planning a large model takes seconds, so it happens once per model and scheme, while
/// threads that do nothing else wait for the processes that do it.
#[derive(Clone, Debug)]
pub(super) struct Predictions {
    files: ModelFiles,
    planner: Planner,
    planning: Pool,
    /// What follows from the model alone.
    recent: Cache<Key, Planned>,
    /// Plans that are being made, as long as somebody waits for them.
    flights: Arc<Mutex<BTreeMap<Key, WeakShared<BoxFuture<'static, Planned>>>>>,
}

/// Tells a thread that nobody waits for it any more, when dropped.
#[derive(Debug, Default)]
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Predictions {
    pub(super) fn new(files: ModelFiles, planner: Planner, planning: Pool) -> Self {
        Self { files, planner, planning, recent: Cache::new(CAPACITY), flights: Arc::default() }
    }

    /// The prediction for an uploaded model. Requests that come while it is planned wait for one plan, which is given up
    /// when all of them are.
    ///
    /// # Errors
    /// When there is no plan, no file or no place.
    pub(super) async fn of(&self, model: Digest, scheme: Scheme) -> Planned {
        let key = (model, scheme);
        match self.recent.get(&key).await {
            Some(planned) => planned,
            None => self.flight(key).await,
        }
    }

    fn flight(&self, key: Key) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.upgrade().is_some());
        let flight = self.clone().plan(key).boxed().shared();
        flights.extend(flight.downgrade().map(|weak| (key, weak)));
        flight
    }

    async fn plan(self, key: Key) -> Planned {
        let (model, scheme) = key;
        let (files, planner) = (self.files.clone(), self.planner.clone());
        let waiting = Waiting::default();
        let abandoned = waiting.0.clone();
        // The file is read when its turn has come, so that those who wait do not hold theirs in memory.
        let plan = move || Ok(planner.plan(files.get(model)?, scheme, &abandoned)?);
        let planned = match self.planning.run(plan).await {
            Ok(planned) => planned,
            Err(full) => Err(full.into()),
        };
        drop(waiting);
        let planned: Planned = planned.map_err(Arc::new);
        // Another try may find what the others lacked.
        let follows_from_the_model = match &planned {
            Ok(_) => true,
            Err(error) => matches!(&**error, PredictionError::Planning(PlanningError::Refused { .. })),
        };
        if follows_from_the_model {
            self.recent.insert(key, planned.clone()).await;
        }
        planned
    }
}
