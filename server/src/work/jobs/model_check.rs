//! All interleavings of two clients, two workers and crashes of the service, to a fixed depth.
//!
//! The model has one job, since jobs do not touch each other; the tickets that are under way, which may be delivered
//! twice; two workers, who may live on as zombies after the service has restarted; and a clock that can jump past
//! the queue deadline.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use super::{
    Event, Failure, FailureClass, JobState, Life, MAX_FAILED_ATTEMPTS, MAX_SERVICE_DEATHS, Timestamp,
};

const DEPTH: usize = 12;

/// Requeues by shutdowns cost nothing, so the model bounds them itself.
const MAX_RELEASES: u8 = 2;

const MAX_JUMPS: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    life: Option<Life>,
    tickets: BTreeSet<u32>,
    workers: [Option<u32>; 2],
    releases: u8,
    jumps: u8,
    successes: u8,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit,
    Cancel,
    Take { worker: usize, attempt: u32, delivered_again: bool },
    Succeed { worker: usize },
    FailFatally { worker: usize },
    FailAndRetry { worker: usize },
    WorkerDies { worker: usize },
    Release { worker: usize },
    ServiceDies { zombies: bool },
    ClockJumps,
    Tick,
}

impl World {
    fn new() -> Self {
        Self { life: None, tickets: BTreeSet::new(), workers: [None; 2], releases: 0, jumps: 0, successes: 0 }
    }

    fn now(&self) -> Timestamp {
        Timestamp(0).after(Duration::from_secs(100) * u32::from(self.jumps))
    }

    fn steps(&self) -> Vec<Step> {
        let Some(_) = &self.life else { return vec![Step::Submit] };
        let mut steps = vec![
            Step::Cancel,
            Step::Tick,
            Step::ServiceDies { zombies: false },
            Step::ServiceDies { zombies: true },
        ];
        if self.jumps < MAX_JUMPS {
            steps.push(Step::ClockJumps);
        }
        for worker in 0..2 {
            if self.workers[worker].is_some() {
                steps.extend([
                    Step::Succeed { worker },
                    Step::FailFatally { worker },
                    Step::FailAndRetry { worker },
                    Step::WorkerDies { worker },
                ]);
                if self.releases < MAX_RELEASES {
                    steps.push(Step::Release { worker });
                }
            } else {
                for &attempt in &self.tickets {
                    for delivered_again in [false, true] {
                        steps.push(Step::Take { worker, attempt, delivered_again });
                    }
                }
            }
        }
        steps
    }

    /// Applies an event; whether it changed the job.
    fn send(&mut self, event: &Event) -> bool {
        let life = self.life.as_ref().expect("the job was submitted");
        let Ok((next, _)) = life.apply(event, self.now()) else { return false };
        assert!(!life.state.is_terminal(), "{life:?} changed by {event:?}");
        assert!(next.attempt >= life.attempt && next.failed_attempts >= life.failed_attempts);
        assert!(next.failed_attempts <= MAX_FAILED_ATTEMPTS && next.service_deaths <= MAX_SERVICE_DEATHS);
        assert_eq!(next.finished.is_some(), next.state.is_terminal());
        if next.state == JobState::Succeeded {
            self.successes += 1;
        }
        if next.state == JobState::Queued {
            self.tickets.insert(next.attempt);
        }
        self.life = Some(next);
        true
    }

    fn finish(&mut self, worker: usize, event: impl FnOnce(u32) -> Event) -> bool {
        let attempt = self.workers[worker].take().expect("the worker has an attempt");
        let current = self.life.as_ref().is_some_and(|life| life.attempt == attempt);
        let changed = self.send(&event(attempt));
        assert!(current || !changed, "attempt {attempt} is fenced off");
        changed
    }

    fn after(&self, step: Step) -> Self {
        let mut world = self.clone();
        match step {
            Step::Submit => {
                let timeout = Duration::from_secs(50);
                world.life = Some(Life::new(world.now(), timeout, timeout));
                world.tickets.insert(1);
            }
            Step::Cancel => {
                world.send(&Event::Cancel);
            }
            Step::Tick => {
                world.send(&Event::Tick);
            }
            Step::ClockJumps => world.jumps += 1,
            Step::Take { worker, attempt, delivered_again } => {
                if !delivered_again {
                    world.tickets.remove(&attempt);
                }
                let started = world.send(&Event::Start { attempt });
                let running = world.life.as_ref().is_some_and(|life| life.state == JobState::Running);
                world.workers[worker] = (started && running).then_some(attempt);
            }
            Step::Succeed { worker } => {
                world.finish(worker, |attempt| Event::Succeed { attempt });
            }
            Step::FailFatally { worker } => {
                world.finish(worker, |attempt| fail(attempt, FailureClass::Input));
            }
            Step::FailAndRetry { worker } => {
                world.finish(worker, |attempt| fail(attempt, FailureClass::SelfCheck));
            }
            Step::WorkerDies { worker } => {
                world.finish(worker, |attempt| fail(attempt, FailureClass::Crash));
            }
            Step::Release { worker } => {
                world.releases += 1;
                world.finish(worker, |attempt| Event::Release { attempt });
            }
            Step::ServiceDies { zombies } => {
                if !zombies {
                    world.workers = [None; 2];
                }
                // The queue was memory; the records bring it back.
                world.tickets.clear();
                world.send(&Event::Recover);
                let life = world.life.as_ref().expect("an acknowledged job is there");
                if life.state == JobState::Queued {
                    world.tickets.insert(life.attempt);
                }
            }
        }
        world.check();
        world
    }

    fn check(&self) {
        assert!(self.successes <= 1, "two results: {self:?}");
        let Some(life) = &self.life else { return };
        assert_eq!(self.successes == 1, life.state == JobState::Succeeded, "{self:?}");
        let owners = self.workers.iter().flatten().filter(|attempt| **attempt == life.attempt).count();
        assert!(owners <= 1 || life.state != JobState::Running, "two workers own it: {self:?}");
        // A queued job has its ticket under way: nothing waits for ever.
        if life.state == JobState::Queued {
            assert!(self.tickets.contains(&life.attempt), "no ticket: {self:?}");
        }
    }

    /// However a fair future goes on from here, the job ends: when every attempt dies, when the service dies in each,
    /// and when they go well.
    fn check_that_it_ends(&self) {
        let futures: [fn(u32) -> Event; 3] = [
            |attempt| fail(attempt, FailureClass::Crash),
            |_| Event::Recover,
            |attempt| Event::Succeed { attempt },
        ];
        for end in futures {
            let mut world = Self { workers: [None; 2], ..self.clone() };
            world.send(&Event::Recover);
            for _ in 0..=MAX_SERVICE_DEATHS {
                let life = world.life.clone().expect("the job was submitted");
                if life.state.is_terminal() {
                    break;
                }
                let attempt = life.attempt;
                world.send(&Event::Start { attempt });
                world.send(&end(attempt));
            }
            assert!(world.life.is_some_and(|life| life.state.is_terminal()), "{self:?}");
        }
    }
}

fn fail(attempt: u32, class: FailureClass) -> Event {
    let retryable = class != FailureClass::Input;
    Event::Fail { attempt, failure: Failure { class, phase: None, reason: String::new(), retryable } }
}

#[test]
fn every_interleaving_keeps_the_promises() {
    let mut seen = HashSet::from([World::new()]);
    let mut layer = vec![World::new()];
    let mut transitions = 0u64;
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for world in &layer {
            for step in world.steps() {
                let after = world.after(step);
                transitions += 1;
                if seen.insert(after.clone()) {
                    after.check_that_it_ends();
                    next.push(after);
                }
            }
        }
        layer = next;
    }
    let ends: BTreeSet<_> = seen
        .iter()
        .filter_map(|world| world.life.as_ref().map(|life| life.state))
        .filter(|state| state.is_terminal())
        .collect();
    assert_eq!(ends.len(), 4, "every end is reached");
    println!("{} states, {transitions} transitions to depth {DEPTH}", seen.len());
    assert!(seen.len() > 1_000);
}
