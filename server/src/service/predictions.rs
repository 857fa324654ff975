//! What circuits will look like and cost, found out by planning them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use lemma_circuits::shape::Scheme;
use lemma_prover::digest::Digest;
use moka::future::Cache;

use crate::{
    http::{
        problem::{Problem, ProblemType},
        wire::Prediction,
    },
    service::{JobService, pool::Pool},
    work::{dispatch::Refused, planning::PlanningError},
};

/// Most predictions in memory.
const CAPACITY: u64 = 4096;

/// When a system that starts no process is worth asking again.
const COME_BACK: Duration = Duration::from_secs(10);

/// A plan's figures, or why there is no plan.
type Planned = Result<Prediction, Problem>;

/// Model and scheme.
type Key = (Digest, Scheme);

/// A plan that is being made, for everyone who waits for it.
type Flight = Shared<BoxFuture<'static, Planned>>;

/// The predictions made last. Planning a large model takes seconds, so it happens once per model and scheme, while
/// threads that do nothing else wait for the processes that do it.
#[derive(Clone, Debug)]
pub(crate) struct Predictions {
    service: JobService,
    planning: Pool,
    /// What follows from the model alone.
    recent: Cache<Key, Arc<Planned>>,
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
    pub(crate) fn new(service: JobService, planning: Pool) -> Self {
        Self { service, planning, recent: Cache::new(CAPACITY), flights: Arc::default() }
    }

    /// The prediction for an uploaded model. Requests that come while it is planned wait for one plan, which is given up
    /// when all of them are.
    ///
    /// # Errors
    /// [`ProblemType::CircuitTooLarge`] or [`ProblemType::InvalidModel`] when there is no plan, [`ProblemType::ModelLost`]
    /// when there is no file; [`ProblemType::Busy`] when too many models are being planned, and
    /// [`ProblemType::Unavailable`] once the service stops.
    pub(crate) async fn of(&self, model: Digest, scheme: Scheme) -> Planned {
        let key = (model, scheme);
        match self.recent.get(&key).await {
            Some(planned) => (*planned).clone(),
            None => tokio::select! {
                planned = self.flight(key) => planned,
                () = self.service.stopping() => Err(Refused::ShuttingDown.into()),
            },
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
        let (files, planner) = (self.service.model_files().clone(), self.service.planner().clone());
        let waiting = Waiting::default();
        let abandoned = waiting.0.clone();
        // The file is read when its turn has come, so that those who wait do not hold theirs in memory.
        let plan = move || Ok::<_, Problem>(planner.plan(files.get(model)?, scheme, &abandoned));
        let (planned, keep) = match self.planning.run(plan).await?? {
            Ok(prediction) => (Ok(prediction), true),
            Err(error) => (Err(unplannable(&error)), matches!(error, PlanningError::Refused { .. })),
        };
        drop(waiting);
        if keep {
            self.recent.insert(key, Arc::new(planned.clone())).await;
        }
        planned
    }
}

fn unplannable(error: &PlanningError) -> Problem {
    match error {
        PlanningError::Refused { too_large: false, .. } => {
            Problem::new(ProblemType::InvalidModel, error.to_string())
        }
        PlanningError::Refused { .. } | PlanningError::Timeout { .. } | PlanningError::Memory { .. } => {
            Problem::new(ProblemType::CircuitTooLarge, error.to_string())
        }
        PlanningError::Start(_) => {
            tracing::warn!(%error, "no plan");
            let detail = "the system starts no process to plan the circuit in; nothing was accepted";
            Problem::new(ProblemType::Unavailable, detail).retry_after(COME_BACK)
        }
        PlanningError::Died { .. } => {
            tracing::error!(%error, "no plan");
            let detail =
                "the process that planned the circuit ended; nothing was accepted, another try may succeed";
            Problem::new(ProblemType::Unavailable, detail).retry_after(COME_BACK)
        }
        PlanningError::Abandoned => Problem::internal(error),
    }
}
