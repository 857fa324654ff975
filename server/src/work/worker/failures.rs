//! Errors of the libraries as failures of jobs.

use lemma_circuits::{PlanError, import::ImportError, witness::WitnessError};
use lemma_prover::{keys::KeysError, params::ParamsError, prove::ProveError, store::StoreError};

use crate::work::jobs::{Failure, FailureClass};

/// A failure outside any step.
pub(crate) fn failure(class: FailureClass, reason: impl ToString, retryable: bool) -> Failure {
    Failure { class, phase: None, reason: without_directories(&reason.to_string()), retryable }
}

/// A reason as callers may see it: of paths it has only the last part.
fn without_directories(reason: &str) -> String {
    let shorten = |word: &str| {
        let (quotes, path) = word.split_at(word.len() - word.trim_start_matches(['"', '\'', '(']).len());
        let name = path.starts_with('/').then(|| path.rsplit('/').find(|part| !part.is_empty())).flatten();
        format!("{quotes}{}", name.unwrap_or(path))
    };
    reason.split(' ').map(shorten).collect::<Vec<_>>().join(" ")
}

pub(super) fn of_import(error: &ImportError) -> Failure {
    failure(FailureClass::Model, error, false)
}

pub(super) fn of_plan(error: &PlanError) -> Failure {
    failure(FailureClass::Model, error, false)
}

pub(super) fn of_keys(error: &KeysError) -> Failure {
    let retryable = match error {
        KeysError::Store(error) => is_system(error),
        KeysError::Parameters(error) => is_system_params(error),
        _ => false,
    };
    failure(FailureClass::Keys, error, retryable)
}

fn is_system_params(error: &ParamsError) -> bool {
    matches!(error, ParamsError::Store(error) if is_system(error))
}

/// Whether the operating system refused, as with a full disk: that can pass.
fn is_system(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { .. })
}

pub(super) fn of_prove(error: &ProveError) -> Failure {
    match error {
        ProveError::Witness(error) => failure(FailureClass::Input, without_value(error), false),
        ProveError::OtherCircuit => failure(FailureClass::Keys, error, false),
        ProveError::SelfCheck(_) => failure(FailureClass::SelfCheck, error, true),
        ProveError::Statement(_) => {
            failure(FailureClass::Input, "the inputs are not values of the circuit's public tensors", false)
        }
        _ => failure(FailureClass::Prover, error, false),
    }
}

/// The error's text with positions and limits, but without the value found: reasons are stored and logged.
fn without_value(error: &WitnessError) -> String {
    match error {
        WitnessError::InputRange { name, index, lo, hi, .. } => {
            format!("input '{name}', element {index} is not in {lo}..={hi}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_do_not_repeat_input_values() {
        let error =
            WitnessError::InputRange { name: "x".into(), index: 3, value: 87_654_321, lo: 0, hi: 255 };
        let failure = of_prove(&ProveError::Witness(error));
        assert_eq!(failure.reason, "input 'x', element 3 is not in 0..=255");
        assert!(!failure.retryable);
    }

    #[test]
    fn reasons_name_files_without_their_directories() {
        let error = KeysError::Store(StoreError::Io {
            action: "open",
            path: "/home/somebody/data/store/objects/model/ab".into(),
            source: std::io::ErrorKind::NotFound.into(),
        });
        assert!(of_keys(&error).reason.starts_with("cannot open ab: "), "{}", of_keys(&error).reason);
        let reason = |text: &str| failure(FailureClass::Crash, text, true).reason;
        assert_eq!(reason("panicked at /root/a/b.rs:7"), "panicked at b.rs:7");
        assert_eq!(
            reason("cannot read \"/data/x\": Input/output error / 3"),
            "cannot read \"x\": Input/output error / 3"
        );
        assert_eq!(reason("expected 0 /  3"), "expected 0 /  3");
    }

    #[test]
    fn only_the_system_refusing_is_worth_another_attempt() {
        let io = || StoreError::Io {
            action: "write",
            path: "objects".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        assert!(of_keys(&KeysError::Store(io())).retryable);
        assert!(of_keys(&KeysError::Parameters(ParamsError::Store(io()))).retryable);
        assert!(!of_keys(&KeysError::Store(StoreError::NoHome)).retryable);
        assert!(!of_keys(&KeysError::Parameters(ParamsError::NoSrs { k: 9 })).retryable);
    }
}
