//! How far running proofs are: told by the lanes a few times a second, read by the routes, and kept in memory only, since
//! it ends with the attempt.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::work::jobs::{Job, JobId, JobState};

/// How far a proof is.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    /// The part of the proof that is being made.
    pub stage: String,
    /// Share of the proof that is done, from 0 to 1.
    pub share: f32,
    /// Estimate of what is left; absent at the beginning.
    pub rest: Option<Duration>,
}

/// What was told last about an attempt.
#[derive(Debug)]
struct Told {
    attempt: u32,
    advanced: Advanced,
    at: Instant,
}

/// Running proofs by their jobs. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advances(Arc<Mutex<HashMap<JobId, Told>>>);

impl Advances {
    /// An attempt has come so far; what was told late does not count.
    pub(crate) fn tell(&self, job: JobId, attempt: u32, advanced: Advanced) {
        let mut told = self.told();
        let is_late = |before: &Told| before.attempt == attempt && before.advanced.share > advanced.share;
        if !told.get(&job).is_some_and(is_late) {
            told.insert(job, Told { attempt, advanced, at: Instant::now() });
        }
    }

    /// An attempt is over.
    pub(crate) fn forget(&self, job: JobId) {
        self.told().remove(&job);
    }

    /// How far the attempt is that the job is in.
    pub(crate) fn of(&self, job: &Job) -> Option<Advanced> {
        let told = self.told();
        let running = |told: &&Told| job.state() == JobState::Running && told.attempt == job.life.attempt;
        let told = told.get(&job.id).filter(running)?;
        let rest = told.advanced.rest.map(|rest| rest.saturating_sub(told.at.elapsed()));
        Some(Advanced { rest, ..told.advanced.clone() })
    }

    /// A panic while holding the lock leaves the map as it was.
    fn told(&self) -> MutexGuard<'_, HashMap<JobId, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lemma_verifier::circuit_id::CircuitId;

    use super::*;
    use crate::work::jobs::{Event, Life, Priority, ProofWork, Timestamp, Work};

    fn running() -> Job {
        let minute = Duration::from_secs(60);
        let life = Life::new(Timestamp(0), minute, minute);
        Job {
            id: JobId::from_parts(1, 1),
            owner: String::new(),
            work: Work::Proof(ProofWork { circuit: CircuitId([0; 32]), context: Vec::new() }),
            priority: Priority::Normal,
            meta: None,
            created: Timestamp(0),
            life: life.apply(&Event::Start { attempt: 1 }, Timestamp(1)).unwrap().0,
            phase: None,
            timings: Vec::new(),
            outcome: None,
        }
    }

    #[test]
    fn only_the_running_attempt_is_told_of() {
        let (advances, job) = (Advances::default(), running());
        assert_eq!(advances.of(&job), None);
        let advanced = Advanced { stage: "commit".into(), share: 0.25, rest: Some(Duration::from_secs(600)) };
        advances.tell(job.id, 1, advanced.clone());
        let found = advances.of(&job).unwrap();
        assert_eq!((found.stage, found.share), (advanced.stage.clone(), 0.25));
        assert!(found.rest.unwrap() <= Duration::from_secs(600));
        let requeued = |event| Job { life: job.life.apply(&event, Timestamp(2)).unwrap().0, ..job.clone() };
        assert_eq!(advances.of(&requeued(Event::Release { attempt: 1 })), None);
        assert_eq!(advances.of(&requeued(Event::Cancel)), None);
        advances.tell(job.id, 2, advanced);
        assert_eq!(advances.of(&job), None, "of another attempt");
        advances.forget(job.id);
        assert!(advances.told().is_empty());
    }

    #[test]
    fn what_is_told_late_does_not_count() {
        let (advances, job) = (Advances::default(), running());
        for share in [0.5, 0.25] {
            advances.tell(job.id, 1, Advanced { stage: "open".into(), share, rest: None });
        }
        assert_eq!(advances.of(&job).unwrap().share, 0.5);
    }

    #[test]
    fn the_estimate_goes_on_without_news() {
        let (advances, job) = (Advances::default(), running());
        let rest = Some(Duration::from_millis(1));
        advances.tell(job.id, 1, Advanced { stage: "open".into(), share: 0.9, rest });
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(advances.of(&job).unwrap().rest, Some(Duration::ZERO));
    }
}
