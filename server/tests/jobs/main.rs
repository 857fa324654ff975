//! The job service with real worker processes.
//!
//! `outcomes` runs it in this process, `kill` in a process that is killed, `crash_points` (with the feature of that
//! name) in one that dies at named points or has workers with faults.

#[cfg(feature = "crash-points")]
mod crash_points;
mod digits;
mod kill;
mod outcomes;
mod server_process;

use std::time::Duration;

use lemma_verifier::circuit_id::CircuitId;

/// Not a test: the server that the tests kill.
#[test]
fn server_process() {
    server_process::serve_if_asked();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

/// Makes the keys before anything is killed.
fn prepare(place: &digits::Place) -> CircuitId {
    runtime().block_on(async {
        let service = place.open().await;
        let circuit = digits::circuit(&service).await;
        service.shutdown(Duration::from_secs(10)).await;
        circuit
    })
}
