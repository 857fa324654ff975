//! Which long step is running, and how far a proof is: reported by the library, rendered by the command line and the
//! service.

use std::{
    fmt,
    str::FromStr,
    sync::Mutex,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

pub use lemma_plonk::watch::{Advance, Stage};

/// A step that can take longer than a moment. Written as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Phase {
    /// Commitment parameters: from the cache, or derived.
    Parameters,
    /// Committing to the circuit's fixed columns.
    VerifyingKey,
    /// Polynomials of the fixed columns for the prover.
    ProvingKey,
    /// Reading keys from the store.
    LoadKeys,
    /// Tables of the commitment parameters for the prover.
    Tables,
    /// The prover's own form of the proving key.
    PrepareKey,
    /// Computing all cells for one input.
    Witness,
    /// Making a proof.
    Prove,
    /// Checking the proof from its own bytes.
    Verify,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Parameters,
        Self::VerifyingKey,
        Self::ProvingKey,
        Self::LoadKeys,
        Self::Tables,
        Self::PrepareKey,
        Self::Witness,
        Self::Prove,
        Self::Verify,
    ];

    /// The step as a stable lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::VerifyingKey => "verifying key",
            Self::ProvingKey => "proving key",
            Self::LoadKeys => "load keys",
            Self::Tables => "tables",
            Self::PrepareKey => "prepare key",
            Self::Witness => "witness",
            Self::Prove => "prove",
            Self::Verify => "verify",
        }
    }
}

impl From<Phase> for &'static str {
    fn from(phase: Phase) -> Self {
        phase.as_str()
    }
}

impl TryFrom<String> for Phase {
    type Error = UnknownPhase;

    fn try_from(name: String) -> Result<Self, UnknownPhase> {
        name.parse()
    }
}

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(name: &str) -> Result<Self, UnknownPhase> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == name)
            .ok_or_else(|| UnknownPhase { got: name.to_owned() })
    }
}

/// A name of no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is the name of no step")]
pub struct UnknownPhase {
    /// The name.
    pub got: String,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Receives the steps as they begin and end; steps may nest and always end in reverse order.
pub trait Progress: Sync {
    /// A step begins.
    fn begin(&self, phase: Phase);

    /// The step that began last is over, whether it succeeded or not.
    fn end(&self, phase: Phase, elapsed: Duration);

    /// [`Phase::Prove`] has advanced. Told a few times a second, from any thread; a proof waits until this returns.
    fn advance(&self, _: Advance) {}
}

/// What is left of something of which this share took so long; nothing to go by before a hundredth is done.
pub fn rest(share: f32, elapsed: Duration) -> Option<Duration> {
    (share >= 0.01).then(|| elapsed.mul_f64(f64::from((1.0 - share).max(0.0) / share)))
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Phase) {}

    fn end(&self, _: Phase, _: Duration) {}
}

/// Remembers how long each finished step took.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Vec<(Phase, Duration)>>);

impl Recorder {
    /// The finished steps in the order they ended.
    pub fn steps(&self) -> Vec<(Phase, Duration)> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Wall-clock time of all steps of one kind.
    pub fn total(&self, phase: Phase) -> Duration {
        self.steps().into_iter().filter(|step| step.0 == phase).map(|step| step.1).sum()
    }
}

impl Progress for Recorder {
    fn begin(&self, _: Phase) {}

    fn end(&self, phase: Phase, elapsed: Duration) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((phase, elapsed));
    }
}

/// Runs one step between its two reports.
pub(crate) fn step<T>(progress: &dyn Progress, phase: Phase, work: impl FnOnce() -> T) -> T {
    progress.begin(phase);
    let start = Instant::now();
    let result = work();
    progress.end(phase, start.elapsed());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_written_as_their_names() {
        for phase in Phase::ALL {
            let written = serde_json::to_string(&phase).unwrap();
            assert_eq!(written, format!("\"{phase}\""));
            assert_eq!(serde_json::from_str::<Phase>(&written).unwrap(), phase);
        }
        assert!(serde_json::from_str::<Phase>("\"dance\"").is_err());
    }

    #[test]
    fn the_rest_follows_from_the_share() {
        assert_eq!(rest(0.0, Duration::from_secs(9)), None);
        assert_eq!(rest(0.25, Duration::from_secs(2)), Some(Duration::from_secs(6)));
        assert_eq!(rest(1.0, Duration::from_secs(2)), Some(Duration::ZERO));
        assert_eq!(rest(1.5, Duration::from_secs(2)), Some(Duration::ZERO));
    }

    #[test]
    fn recorder_keeps_steps_in_the_order_they_end() {
        let recorder = Recorder::default();
        let answer = step(&recorder, Phase::Prove, || step(&recorder, Phase::Verify, || 7));
        assert_eq!(answer, 7);
        let phases: Vec<_> = recorder.steps().into_iter().map(|step| step.0).collect();
        assert_eq!(phases, [Phase::Verify, Phase::Prove]);
        assert!(recorder.total(Phase::Prove) >= recorder.total(Phase::Verify));
        assert_eq!(recorder.total(Phase::Witness), Duration::ZERO);
    }
}
