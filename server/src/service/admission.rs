//! Whether a request becomes a job, is one already, or has to go: one decision.
//!
//! A caller that lost an answer asks again with the same key, and many may ask for one circuit at once. None of that makes a
//! second job, and none of it is refused because the queue is full. The decision has three steps:
//!
//! 1. *Is it a repeat?* Requests with one key take turns. Whoever has the turn looks once whether the records know the key,
//!    and keeps the turn until its own job is recorded, so nothing comes between the look and the record. The same request that
//!    came meanwhile then finds that job, or shares the refusal instead of doing again what led to it.
//! 2. *Is there room?* A place in the queue is asked for before anything expensive is done for the request
//!    ([`Claim::reserve`]).
//! 3. *Is the circuit being built?* Builds take turns too while one looks for the other and is recorded.
//!
//! No other process decides: the data directory belongs to this one. Should a key be recorded twice all the same, the
//! database refuses the second.

mod error;
mod turns;

use std::sync::Arc;

use tokio::sync::Mutex;

pub use error::{SubmitError, Submitted};
use turns::{Turn, Turns};

use super::{Inner, JobService, joined};
use crate::{
    store::records::{Dispatchable, Idempotency, JobRow, NewJob, RecordsError, Repeat},
    work::{
        crash_points,
        dispatch::{Place, Ticket},
        jobs::{Job, ProofWork, Work},
    },
};

/// Who is being admitted.
#[derive(Debug, Default)]
pub(super) struct Admission {
    turns: Turns,
    /// Held while a build is looked for and recorded, which takes milliseconds.
    builds: Mutex<()>,
}

/// A request whose turn it is.
#[derive(Debug)]
pub struct Claim {
    service: JobService,
    owner: String,
    idempotency: Option<Idempotency>,
    earlier: Option<Job>,
    place: Option<Place>,
    /// Held until the claim is settled.
    turn: Option<Arc<Turn>>,
}

impl JobService {
    /// Deals with a request for a job when its turn has come; `deal` finds out what is asked for, asks for a place, and
    /// submits the job. A request without a key need not wait.
    ///
    /// # Errors
    /// [`SubmitError::IdempotencyConflict`] when the key stands for another request; what `deal` met, or what it met for the
    /// same request while this one waited; also when the database refuses.
    pub async fn admit<T, E, F>(
        &self,
        owner: &str,
        idempotency: Option<&Idempotency>,
        deal: impl FnOnce(Claim) -> F,
    ) -> Result<T, E>
    where
        E: From<SubmitError> + Clone + Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let (service, owner) = (self.clone(), owner.to_owned());
        let Some(idempotency) = idempotency else {
            let (idempotency, earlier, place, turn) = (None, None, None, None);
            return deal(Claim { service, owner, idempotency, earlier, place, turn }).await;
        };
        let key = (owner.clone(), idempotency.key.clone());
        let turn = Arc::new(self.inner.admission.turns.take(key, idempotency.request).await);
        if let Some(refusal) = turn.refusal() {
            return Err(refusal);
        }
        let dealt = match self.inner.earlier(&owner, idempotency).await {
            Ok(earlier) => {
                let (idempotency, turn) = (Some(idempotency.clone()), Some(turn.clone()));
                deal(Claim { service, owner, idempotency, earlier, place: None, turn }).await
            }
            Err(error) => Err(error.into()),
        };
        dealt.inspect_err(|refusal| turn.refuse(refusal.clone()))
    }
}

impl Claim {
    /// The job that an earlier request with the key became; then nothing is to be submitted.
    pub const fn earlier(&self) -> Option<&Job> {
        self.earlier.as_ref()
    }

    /// Asks for a place in the queue, for a job with this predicted peak memory. Whoever has one is not refused for want of
    /// one later; it goes back when the claim is given up.
    ///
    /// # Errors
    /// [`SubmitError::Refused`] when the queue has none.
    pub fn reserve(&mut self, memory: u64) -> Result<(), SubmitError> {
        self.place = Some(self.service.inner.dispatcher.reserve(memory)?);
        Ok(())
    }

    /// Accepts a job; it is durable when this returns. A circuit that is being built is not built a second time.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn submit(self, new: NewJob) -> Result<Submitted, SubmitError> {
        // A caller that goes away must not leave a job that is recorded but not dispatched.
        joined(tokio::spawn(self.settle(new))).await
    }

    /// Lets the request become a job that is there, so that its key stands for that job from now on.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn join(self, job: Job) -> Result<Job, SubmitError> {
        if let Some(idempotency) = &self.idempotency {
            self.service.inner.records.join(&self.owner, idempotency, job.id).await?;
        }
        Ok(job)
    }

    async fn settle(mut self, new: NewJob) -> Result<Submitted, SubmitError> {
        if let Some(earlier) = self.earlier {
            return Ok(Submitted::Replayed(earlier));
        }
        let service = self.service.clone();
        let inner = &service.inner;
        let _turn = match new.work {
            Work::Circuit(_) => Some(inner.admission.builds.lock().await),
            Work::Proof(_) => None,
        };
        if let Some(build) = inner.records.build_under_way(&self.owner, &new.work).await? {
            return self.join(build).await.map(Submitted::Replayed);
        }
        let predicted_memory = inner.predicted_memory(&new).await?;
        let place = match self.place.take() {
            Some(place) => place,
            None => inner.dispatcher.reserve(predicted_memory)?,
        };
        let now = inner.clock.now();
        let id = inner.ids.next(u64::try_from(now.0).unwrap_or_default(), rand::random());
        let Self { owner, idempotency, turn, .. } = self;
        crash_points::reach("before-submit");
        let row = JobRow { id, predicted_memory, owner, idempotency, new };
        let (job, event) = inner.records.submit(row, now).await?;
        crash_points::reach("after-submit");
        drop(turn);
        let dispatchable = Dispatchable { job: job.clone(), predicted_memory };
        inner.dispatcher.dispatch(ticket(&dispatchable), Some(place)).await;
        // Nobody has to be listening.
        let _ = inner.events.send(event);
        Ok(Submitted::New(job))
    }
}

impl Inner {
    /// The job that an earlier request with this key became.
    async fn earlier(&self, owner: &str, idempotency: &Idempotency) -> Result<Option<Job>, SubmitError> {
        match self.records.repeat(owner, idempotency).await? {
            Some(Repeat::Same(job)) => Ok(Some(*job)),
            Some(Repeat::Other(job)) => {
                Err(SubmitError::IdempotencyConflict { key: idempotency.key.clone(), job })
            }
            None => Ok(None),
        }
    }

    /// Predicted peak memory of a job whose circuit or model is there.
    async fn predicted_memory(&self, new: &NewJob) -> Result<u64, SubmitError> {
        match &new.work {
            Work::Proof(_) if new.inputs.is_none() => Err(SubmitError::NoInput),
            Work::Proof(ProofWork { circuit, .. }) => match self.records.circuit(*circuit).await {
                Ok(Some(entry)) => Ok(entry.facts.predicted_memory_bytes),
                Ok(None) => Err(SubmitError::UnknownCircuit { circuit: *circuit }),
                Err(source @ RecordsError::Damaged { .. }) => {
                    Err(SubmitError::DamagedCircuit { circuit: *circuit, source: Arc::new(source) })
                }
                Err(error) => Err(error.into()),
            },
            Work::Circuit(work) => match self.records.model(work.model).await? {
                Some(_) => Ok(new.predicted_memory.unwrap_or_default()),
                None => Err(SubmitError::UnknownModel { model: work.model }),
            },
        }
    }
}

/// The ticket of a queued job.
pub(super) fn ticket(dispatchable: &Dispatchable) -> Ticket {
    let Dispatchable { job, predicted_memory } = dispatchable;
    Ticket { job: job.id, attempt: job.life.attempt, priority: job.priority, memory: *predicted_memory }
}
