//! Tests of single transitions; `model_check` tests their interleavings.

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn queued() -> Life {
    Life::new(NOW, Duration::from_secs(10), Duration::from_secs(60))
}

fn apply(life: &Life, event: Event) -> Life {
    life.apply(&event, NOW.after(Duration::from_secs(1))).expect("the event applies").0
}

fn running() -> Life {
    apply(&queued(), Event::Start { attempt: 1 })
}

fn failure(class: FailureClass, retryable: bool) -> Failure {
    Failure { class, phase: None, reason: "because".into(), retryable }
}

fn terminal() -> Vec<Life> {
    let fatal = Event::Fail { attempt: 1, failure: failure(FailureClass::Input, false) };
    let expired = queued().apply(&Event::Tick, NOW.after(Duration::from_secs(10))).expect("expires").0;
    vec![
        apply(&running(), Event::Succeed { attempt: 1 }),
        apply(&running(), fatal),
        apply(&queued(), Event::Cancel),
        expired,
    ]
}

#[test]
fn terminal_states_refuse_every_event() {
    let states: Vec<_> = terminal().iter().map(|life| life.state).collect();
    assert_eq!(states, [JobState::Succeeded, JobState::Failed, JobState::Cancelled, JobState::Expired]);
    let failure = failure(FailureClass::Crash, true);
    for life in terminal() {
        assert!(life.finished.is_some());
        for event in [
            Event::Start { attempt: 1 },
            Event::Succeed { attempt: 1 },
            Event::Fail { attempt: 1, failure: failure.clone() },
            Event::Release { attempt: 1 },
            Event::Recover,
            Event::Cancel,
            Event::Tick,
        ] {
            assert_eq!(life.apply(&event, NOW), Err(Refusal::Ended { state: life.state }), "{event:?}");
        }
    }
}

#[test]
fn an_earlier_attempt_is_fenced_off() {
    let second = apply(&running(), Event::Release { attempt: 1 });
    assert_eq!((second.state, second.attempt, second.failed_attempts), (JobState::Queued, 2, 0));
    let second = apply(&second, Event::Start { attempt: 2 });
    let stale = failure(FailureClass::Crash, true);
    for event in [Event::Succeed { attempt: 1 }, Event::Fail { attempt: 1, failure: stale }] {
        assert_eq!(second.apply(&event, NOW), Err(Refusal::Fenced { expected: 2, got: 1 }));
    }
    assert_eq!(apply(&second, Event::Succeed { attempt: 2 }).state, JobState::Succeeded);
}

#[test]
fn three_crashes_poison_a_job() {
    let mut life = queued();
    for attempt in 1..=MAX_FAILED_ATTEMPTS {
        life = apply(&life, Event::Start { attempt });
        life = apply(&life, Event::Fail { attempt, failure: failure(FailureClass::Crash, true) });
        let last = attempt == MAX_FAILED_ATTEMPTS;
        assert_eq!(life.state, if last { JobState::Failed } else { JobState::Queued });
        assert_eq!(life.failed_attempts, attempt);
    }
    let failure = life.failure.expect("a reason");
    assert_eq!((failure.class, failure.retryable), (FailureClass::Poisoned, false));
}

#[test]
fn deaths_of_the_service_cost_no_attempt_until_the_job_is_suspect() {
    let mut life = queued();
    for attempt in 1..=MAX_SERVICE_DEATHS {
        assert_eq!((life.state, life.attempt, life.failed_attempts), (JobState::Queued, attempt, 0));
        life = apply(&apply(&life, Event::Start { attempt }), Event::Recover);
        assert_eq!(life.service_deaths, attempt);
    }
    assert_eq!(life.state, JobState::Failed);
    let failure = life.failure.expect("a reason");
    assert_eq!((failure.class, failure.retryable), (FailureClass::Poisoned, false));
    assert!(failure.reason.contains("service died"), "{}", failure.reason);
}

#[test]
fn crashes_and_deaths_of_the_service_are_counted_apart() {
    let crash = |attempt| Event::Fail { attempt, failure: failure(FailureClass::Crash, true) };
    let mut life = queued();
    for attempt in 1..MAX_FAILED_ATTEMPTS {
        life = apply(&apply(&life, Event::Start { attempt }), crash(attempt));
    }
    for attempt in MAX_FAILED_ATTEMPTS..=4 {
        life = apply(&apply(&life, Event::Start { attempt }), Event::Recover);
    }
    assert_eq!((life.state, life.attempt, life.failed_attempts), (JobState::Queued, 5, 2));
    let last = apply(&apply(&life, Event::Start { attempt: 5 }), crash(5));
    assert_eq!((last.state, last.failed_attempts), (JobState::Failed, MAX_FAILED_ATTEMPTS));
}

#[test]
fn a_retryable_failure_keeps_its_class_at_the_end() {
    let mut life = queued();
    for attempt in 1..=MAX_FAILED_ATTEMPTS {
        life = apply(&life, Event::Start { attempt });
        life = apply(&life, Event::Fail { attempt, failure: failure(FailureClass::SelfCheck, true) });
    }
    assert_eq!(life.failure.map(|failure| failure.class), Some(FailureClass::SelfCheck));
}

#[test]
fn a_fatal_failure_is_not_tried_again() {
    let life =
        apply(&running(), Event::Fail { attempt: 1, failure: failure(FailureClass::ProveTimeout, false) });
    assert_eq!((life.state, life.failed_attempts), (JobState::Failed, 1));
}

#[test]
fn shutdowns_cost_no_attempt() {
    let mut life = queued();
    for attempt in 1..=20 {
        life = apply(&apply(&life, Event::Start { attempt }), Event::Release { attempt });
    }
    assert_eq!((life.state, life.attempt, life.failed_attempts), (JobState::Queued, 21, 0));
}

#[test]
fn waiting_too_long_expires_and_proving_too_long_fails() {
    let life = queued();
    let deadline = NOW.after(Duration::from_secs(10));
    assert_eq!(life.queue_deadline(), deadline);
    assert_eq!(life.apply(&Event::Tick, Timestamp(deadline.0 - 1)), Err(Refusal::NotDue));
    assert_eq!(life.apply(&Event::Tick, deadline).expect("expires").0.state, JobState::Expired);
    // A worker that comes too late does not start it either.
    let late = life.apply(&Event::Start { attempt: 1 }, deadline).expect("changes").0;
    assert_eq!(late.state, JobState::Expired);
    // A running job does not expire.
    assert_eq!(running().apply(&Event::Tick, deadline), Err(Refusal::NotDue));
}

#[test]
fn the_queue_timeout_begins_anew_with_every_attempt() {
    let now = NOW.after(Duration::from_secs(30));
    let requeued = running().apply(&Event::Release { attempt: 1 }, now).expect("requeues").0;
    assert_eq!(requeued.queue_deadline(), now.after(Duration::from_secs(10)));
}

#[test]
fn a_running_job_can_be_cancelled_at_once() {
    let life = apply(&running(), Event::Cancel);
    assert_eq!(life.state, JobState::Cancelled);
    assert_eq!(
        life.apply(&Event::Succeed { attempt: 1 }, NOW),
        Err(Refusal::Ended { state: JobState::Cancelled })
    );
}

#[test]
fn a_success_remembers_why_an_attempt_before_it_failed() {
    let crash = Event::Fail { attempt: 1, failure: failure(FailureClass::Crash, true) };
    let queued = apply(&running(), crash);
    let life = apply(&apply(&queued, Event::Start { attempt: 2 }), Event::Succeed { attempt: 2 });
    assert_eq!((life.state, life.failed_attempts), (JobState::Succeeded, 1));
    assert_eq!(life.failure.map(|failure| failure.class), Some(FailureClass::Crash));
}
