//! Tests of the queue with a clock of their own.

use super::*;

fn limits() -> Limits {
    Limits { capacity: 3, parallel: 2, memory: 100, resident: 10 }
}

fn ticket(job: u128, priority: Priority, memory: u64) -> Ticket {
    Ticket { job: JobId::from_parts(1, job), attempt: 1, priority, memory }
}

fn normal(job: u128, memory: u64) -> Ticket {
    ticket(job, Priority::Normal, memory)
}

fn run(queue: &mut Queue, lane: usize, now: Instant) -> JobId {
    match queue.next(lane, now) {
        Order::Run(ticket, _) => ticket.job,
        order => panic!("{order:?}"),
    }
}

#[test]
fn higher_priority_first_then_first_come() {
    let (mut queue, now) = (Queue::new(Limits { parallel: 1, ..limits() }), Instant::now());
    for (job, priority) in
        [(1, Priority::Low), (2, Priority::Normal), (3, Priority::High), (4, Priority::Normal)]
    {
        queue.push(ticket(job, priority, 1), now);
    }
    let order: Vec<_> = (0..4)
        .map(|_| {
            let job = run(&mut queue, 0, now);
            queue.finished(job, Duration::ZERO);
            job
        })
        .collect();
    assert_eq!(order, [3, 2, 4, 1].map(|job| JobId::from_parts(1, job)));
}

#[test]
fn full_means_refused_with_advice() {
    let mut queue = Queue::new(limits());
    queue.push(normal(1, 1), Instant::now());
    queue.reserve(1).expect("a place");
    queue.reserve(1).expect("a place");
    let Err(Refused::Full { queued: 3, capacity: 3, retry_after }) = queue.reserve(1) else {
        panic!("not refused")
    };
    assert!(retry_after >= Duration::from_secs(1) && retry_after.subsec_nanos() == 0);
    queue.give_back();
    queue.reserve(1).expect("a place again");
}

#[test]
fn the_advice_grows_with_the_backlog() {
    let advice = |capacity| {
        let mut queue = Queue::new(Limits { capacity, ..limits() });
        for _ in 0..capacity {
            queue.reserve(1).expect("a place");
        }
        match queue.reserve(1) {
            Err(Refused::Full { retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        }
    };
    assert!(advice(64) > advice(8));
    assert_eq!(advice(1 << 20), RETRY_AFTER.1);
}

#[test]
fn jobs_that_do_not_fit_wait_and_nobody_overtakes() {
    let (mut queue, now) = (Queue::new(limits()), Instant::now());
    queue.push(normal(1, 60), now);
    queue.push(normal(2, 60), now);
    queue.push(normal(3, 1), now);
    let first = run(&mut queue, 0, now);
    assert!(matches!(queue.next(1, now), Order::Wait(None)));
    queue.finished(first, Duration::ZERO);
    assert_eq!(run(&mut queue, 1, now), JobId::from_parts(1, 2));
    assert_eq!(run(&mut queue, 0, now), JobId::from_parts(1, 3));
    assert_eq!(queue.load().memory_in_use, 61);
}

#[test]
fn resident_keys_make_room_for_a_large_job() {
    let (mut queue, now) = (Queue::new(limits()), Instant::now());
    queue.resident(0, 30);
    queue.resident(1, 50);
    queue.push(normal(1, 60), now);
    assert!(matches!(queue.next(0, now), Order::Retire | Order::Wait(None)));
    // Both lanes are told; when they have let go, the job runs.
    for lane in 0..2 {
        while matches!(queue.next(lane, now), Order::Retire) {
            queue.resident(lane, 0);
        }
    }
    assert!(queue.holds(JobId::from_parts(1, 1)) && queue.load().running == 1);
}

#[test]
fn more_than_the_budget_is_refused() {
    let mut queue = Queue::new(limits());
    assert_eq!(queue.reserve(101), Err(Refused::TooMuchMemory { predicted: 101, budget: 100 }));
}

/// A restart may find less memory than there was when the job was accepted.
#[test]
fn a_job_beyond_the_budget_runs_alone() {
    for memory in [101, u64::MAX] {
        let (mut queue, now) = (Queue::new(limits()), Instant::now());
        queue.push(normal(1, 1), now);
        queue.push(normal(2, memory), now);
        queue.push(normal(3, 1), now);
        let first = run(&mut queue, 0, now);
        assert!(matches!(queue.next(1, now), Order::Wait(None)), "it waits for the one that runs");
        queue.resident(0, 5);
        queue.finished(first, Duration::ZERO);
        assert!(matches!(queue.next(0, now), Order::Retire), "it waits for resident keys");
        queue.resident(0, 0);
        let large = run(&mut queue, 0, now);
        assert_eq!(large, JobId::from_parts(1, 2));
        assert!(matches!(queue.next(1, now), Order::Wait(None)), "nothing runs beside it");
        queue.finished(large, Duration::ZERO);
        assert_eq!(run(&mut queue, 1, now), JobId::from_parts(1, 3));
    }
}

#[test]
fn a_pause_is_kept() {
    let (mut queue, now) = (Queue::new(limits()), Instant::now());
    let later = now + Duration::from_secs(1);
    queue.push(normal(1, 1), later);
    assert!(matches!(queue.next(0, now), Order::Wait(Some(moment)) if moment == later));
    assert_eq!(run(&mut queue, 0, later), JobId::from_parts(1, 1));
}

#[test]
fn a_job_is_held_once() {
    let (mut queue, now) = (Queue::new(limits()), Instant::now());
    queue.push(normal(1, 1), now);
    queue.push(normal(1, 1), now);
    assert_eq!(queue.load().queued, 1);
    let job = run(&mut queue, 0, now);
    queue.push(normal(1, 1), now);
    assert_eq!(queue.load().queued, 0);
    queue.cancel(job);
    assert!(queue.finished(job, Duration::ZERO), "the lane learns that its job was told to stop");
    assert!(!queue.holds(job));
}

#[test]
fn a_cancelled_job_leaves_the_queue() {
    let (mut queue, now) = (Queue::new(limits()), Instant::now());
    queue.push(normal(1, 1), now);
    queue.cancel(JobId::from_parts(1, 1));
    assert!(matches!(queue.next(0, now), Order::Wait(None)));
    assert_eq!(queue.load().queued, 0);
}
