//! The in-process dispatcher's queue: pure, time is passed in.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Limits, Load, Refused, Stop, StopSignal, Ticket};
use crate::work::jobs::{JobId, Priority};

/// Weight of the newest attempt in the average duration: one part in this many.
const AVERAGE_OVER: u32 = 8;

/// Assumed duration of an attempt before any has ended.
const FIRST_GUESS: Duration = Duration::from_secs(5);

/// Bounds of the advice when to come back.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// Part of the backlog, one in this many, after which a refused caller is told to come back.
const WORKED_OFF: usize = 4;

/// Order of waiting tickets: higher priority first, then who came first.
type Rank = (std::cmp::Reverse<Priority>, u64);

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    not_before: Instant,
}

#[derive(Debug)]
struct Running {
    lane: usize,
    stop: Arc<StopSignal>,
    memory: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct LaneState {
    busy: bool,
    /// Memory it keeps between attempts, in bytes.
    resident: u64,
    /// It is asked to let go of that memory.
    retire: bool,
}

/// What a lane is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Make an attempt.
    Run(Ticket, Arc<StopSignal>),
    /// Let go of resident memory.
    Retire,
    /// Look again at this moment, or when something changes.
    Wait(Option<Instant>),
    /// End.
    End,
}

#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    waiting: BTreeMap<Rank, Waiting>,
    ranks: BTreeMap<JobId, Rank>,
    running: BTreeMap<JobId, Running>,
    /// Places held for jobs that are being recorded.
    reserved: usize,
    arrivals: u64,
    lanes: Vec<LaneState>,
    average: Duration,
    pub(super) closed: bool,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: BTreeMap::new(),
            ranks: BTreeMap::new(),
            running: BTreeMap::new(),
            reserved: 0,
            arrivals: 0,
            lanes: vec![LaneState::default(); limits.parallel],
            average: FIRST_GUESS,
            closed: false,
        }
    }

    pub(super) fn reserve(&mut self, memory: u64) -> Result<(), Refused> {
        if self.closed {
            return Err(Refused::ShuttingDown);
        }
        let budget = self.limits.memory;
        if memory > budget {
            return Err(Refused::TooMuchMemory { predicted: memory, budget });
        }
        let (queued, capacity) = (self.waiting.len() + self.reserved, self.limits.capacity);
        if queued >= capacity {
            return Err(Refused::Full { queued, capacity, retry_after: self.retry_after() });
        }
        self.reserved += 1;
        Ok(())
    }

    pub(super) fn give_back(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// Time until one part in [`WORKED_OFF`] of the backlog has begun, as whole seconds: whoever comes back then finds room, and so do
    /// others who were refused.
    fn retry_after(&self) -> Duration {
        let places = (self.waiting.len() + self.reserved).div_ceil(WORKED_OFF).max(1);
        let rounds = u32::try_from(places.div_ceil(self.limits.parallel)).unwrap_or(u32::MAX);
        let (least, most) = RETRY_AFTER;
        let wait = self.average.saturating_mul(rounds).as_secs_f64().ceil();
        Duration::from_secs(wait as u64).clamp(least, most)
    }

    pub(super) fn push(&mut self, ticket: Ticket, not_before: Instant) {
        if self.holds(ticket.job) {
            return;
        }
        self.arrivals += 1;
        let rank = (std::cmp::Reverse(ticket.priority), self.arrivals);
        self.ranks.insert(ticket.job, rank);
        self.waiting.insert(rank, Waiting { ticket, not_before });
    }

    pub(super) fn holds(&self, job: JobId) -> bool {
        self.ranks.contains_key(&job) || self.running.contains_key(&job)
    }

    pub(super) fn cancel(&mut self, job: JobId) {
        if let Some(rank) = self.ranks.remove(&job) {
            self.waiting.remove(&rank);
        }
        if let Some(running) = self.running.get(&job) {
            running.stop.set(Stop::Cancelled);
        }
    }

    pub(super) fn stop_running(&self) {
        self.running.values().for_each(|running| running.stop.set(Stop::Shutdown));
    }

    pub(super) fn idle(&self) -> bool {
        self.running.is_empty()
    }

    /// The next thing for a lane to do.
    pub(super) fn next(&mut self, lane: usize, now: Instant) -> Order {
        if self.closed {
            return Order::End;
        }
        if std::mem::take(&mut self.lanes[lane].retire) {
            return Order::Retire;
        }
        // The first ticket that may run goes first even if a later one would fit: nobody waits for ever.
        let ready = self.waiting.iter().find(|(_, waiting)| waiting.not_before <= now);
        let Some((rank, waiting)) = ready.map(|(rank, waiting)| (*rank, waiting)) else {
            return Order::Wait(self.waiting.values().map(|waiting| waiting.not_before).min());
        };
        let memory = waiting.ticket.memory;
        let kept = self.lanes[lane].resident.min(self.limits.resident);
        let others = self.used_by_others(lane);
        let budget = self.limits.memory;
        // A job that was accepted under a larger budget gets all of this one, which is an estimate too.
        let fits = |beside: u64| match memory <= budget {
            true => memory.saturating_add(beside) <= budget,
            false => beside == 0,
        };
        if fits(others.saturating_add(kept)) {
            return self.start(lane, rank, memory.saturating_add(kept));
        }
        if fits(others) {
            return Order::Retire;
        }
        for state in self.lanes.iter_mut().filter(|state| !state.busy && state.resident > 0) {
            state.retire = true;
        }
        if std::mem::take(&mut self.lanes[lane].retire) { Order::Retire } else { Order::Wait(None) }
    }

    fn used_by_others(&self, lane: usize) -> u64 {
        let running = self.running.values().map(|running| running.memory);
        let idle = self.lanes.iter().enumerate().filter(|(index, state)| *index != lane && !state.busy);
        running.chain(idle.map(|(_, state)| state.resident)).fold(0, u64::saturating_add)
    }

    fn start(&mut self, lane: usize, rank: Rank, memory: u64) -> Order {
        let Some(Waiting { ticket, .. }) = self.waiting.remove(&rank) else { return Order::Wait(None) };
        self.ranks.remove(&ticket.job);
        let stop = Arc::new(StopSignal::default());
        self.running.insert(ticket.job, Running { lane, stop: stop.clone(), memory });
        self.lanes[lane].busy = true;
        Order::Run(ticket, stop)
    }

    /// An attempt is over; whether its job was told to stop.
    pub(super) fn finished(&mut self, job: JobId, took: Duration) -> bool {
        let Some(running) = self.running.remove(&job) else { return false };
        self.lanes[running.lane].busy = false;
        self.average = (self.average * (AVERAGE_OVER - 1) + took) / AVERAGE_OVER;
        running.stop.get().is_some()
    }

    pub(super) fn resident(&mut self, lane: usize, bytes: u64) {
        self.lanes[lane].resident = bytes;
    }

    pub(super) fn load(&self) -> Load {
        Load {
            queued: self.waiting.len() + self.reserved,
            running: self.running.len(),
            capacity: self.limits.capacity,
            parallel: self.limits.parallel,
            memory_budget: self.limits.memory,
            memory_in_use: self.used_by_others(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
