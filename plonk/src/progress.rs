//! How far a proof is: parts done, weighted by what they are known to cost.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    arithmetic::Backend,
    key::Key,
    watch::{Advance, Stage, Watch},
};

/// Reports are at least so far apart.
const INTERVAL: Duration = Duration::from_millis(200);

/// Parts of a stage and the cost of one, in multiplications of the scalar field.
#[derive(Debug)]
struct Parts {
    count: usize,
    cost: u64,
    done: AtomicUsize,
}

/// Counts parts of a proof that are done.
pub(crate) struct Meter<'a> {
    watch: &'a dyn Watch,
    stages: [Parts; Stage::ALL.len()],
    total: u64,
    done: AtomicU64,
    reported: Mutex<Option<Instant>>,
}

impl<'a> Meter<'a> {
    /// Expects a proof with this key.
    pub(crate) fn new<B: Backend>(key: &Key<B>, watch: &'a dyn Watch) -> Self {
        let n = key.fft.n() as u64;
        let k = u64::from(key.fft.k());
        let system = &key.system;
        let phases = system.advice_column_phase().into_iter().max().unwrap_or(0) as usize + 1;
        let advice = system.num_advice_columns();
        let witness = advice + key.sets.len() + system.num_instance_columns();
        let cosets = key.fft.shifts().len();
        let evaluations = system.advice_queries().len()
            + system.fixed_queries().len()
            + 4 * key.sets.len()
            + key.sigma.len();
        // Shares of stages, as measured on networks.
        let part = |count: usize, cost: u64| Parts { count, cost, done: AtomicUsize::new(0) };
        let transform = n * k / 2;
        let stages = [
            part(phases, 2 * n * advice as u64 / phases as u64),
            part(advice, 60 * n),
            part(key.sets.len(), 190 * n),
            part(witness, 2 * transform),
            part(cosets * (witness + 8), 3 * transform),
            part(evaluations + 4, 10 * n),
        ];
        let total = stages.iter().map(|parts| parts.count as u64 * parts.cost).sum::<u64>().max(1);
        Self { watch, stages, total, done: AtomicU64::new(0), reported: Mutex::new(None) }
    }

    /// Who watches.
    pub(crate) fn watch(&self) -> &dyn Watch {
        self.watch
    }

    /// A stage begins.
    pub(crate) fn begin(&self, stage: Stage) {
        self.watch.began(stage);
    }

    /// Parts of a stage are done.
    pub(crate) fn advance(&self, stage: Stage, parts: usize) {
        let of = &self.stages[stage as usize];
        let before = of.done.fetch_add(parts, Ordering::Relaxed);
        let counted = (before + parts).min(of.count).saturating_sub(before.min(of.count)) as u64;
        let done = self.done.fetch_add(counted * of.cost, Ordering::Relaxed) + counted * of.cost;
        if self.is_due() {
            self.report(stage, done);
        }
    }

    /// The proof is done.
    pub(crate) fn finish(&self) {
        let last = &self.stages[Stage::Open as usize];
        last.done.store(last.count, Ordering::Relaxed);
        self.report(Stage::Open, self.total);
    }

    fn is_due(&self) -> bool {
        // A thread that finds another reporting need not.
        let Ok(mut reported) = self.reported.try_lock() else { return false };
        let due = reported.is_none_or(|reported| reported.elapsed() >= INTERVAL);
        if due {
            *reported = Some(Instant::now());
        }
        due
    }

    fn report(&self, stage: Stage, done: u64) {
        let parts = &self.stages[stage as usize];
        self.watch.advanced(Advance {
            stage,
            done: parts.done.load(Ordering::Relaxed).min(parts.count),
            of: parts.count,
            share: (done as f64 / self.total as f64).min(1.0) as f32,
        });
    }
}
