//! Why a command did not do what it was asked, and its exit code.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use lemma_circuits::import::Refusal;
use lemma_prover::{keys::KeysError, prove::ProveError};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Arguments or files the user can change; the message says how.
    Unusable(String),
    /// A model that is refused; whether all reasons are wanted, however many.
    Refused {
        /// The reasons.
        refusal: Refusal,
        /// Whether the message has all of them.
        in_full: bool,
    },
    /// A defect of this program or of the machine.
    Internal(String),
}

/// Most reasons of a group, and most nodes of a reason, that a message has unless all are asked for.
const SHOWN_REASONS: usize = 4;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal, in_full: false }
    }
}

impl Failure {
    /// With all reasons, where it is a refused model.
    pub(crate) fn in_full(self) -> Self {
        match self {
            Self::Refused { refusal, .. } => Self::Refused { refusal, in_full: true },
            other => other,
        }
    }

    /// An error about arguments or files.
    pub(crate) fn unusable(error: impl fmt::Display) -> Self {
        Self::Unusable(without_controls(&error.to_string()))
    }

    /// An error about a named file.
    pub(crate) fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Self::unusable(format!("{}: {error}", path.display()))
    }

    /// An error nobody using the program can cause.
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Unusable(_) | Self::Refused { .. } => 2,
            Self::Internal(_) => 3,
        }
    }

    /// The word for it in JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unusable(_) | Self::Refused { .. } => "unusable",
            Self::Internal(_) => "internal",
        }
    }
}

/// The text with its control characters escaped but for line feeds: names in files must not steer a terminal.
fn without_controls(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            escaped.extend(character.escape_debug());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(message) => f.write_str(message),
            Self::Refused { refusal, in_full: true } => f.write_str(&refusal.to_string()),
            Self::Refused { refusal, in_full: false } => {
                let (cut, whole) = (refusal.listed(Some(SHOWN_REASONS)), refusal.to_string());
                f.write_str(&cut)?;
                if cut == whole {
                    return Ok(());
                }
                f.write_str("\n`lemma compile --all-reasons` lists what is left out here")
            }
            Self::Internal(message) => {
                write!(f, "internal error: {message}; please report it with the command")
            }
        }
    }
}

impl From<KeysError> for Failure {
    /// A circuit that the proof library refuses is ours to mend, the rest the user's.
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Library(_) | KeysError::Unsupported(_) => Self::internal(error),
            _ => Self::unusable(error),
        }
    }
}

impl From<ProveError> for Failure {
    /// A fault of the inputs or the environment is the user's to mend, the rest is not.
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Environment(_)
            | ProveError::Randomness(_)
            | ProveError::Witness(_)
            | ProveError::Bundle(_) => Self::unusable(error),
            _ => Self::internal(error),
        }
    }
}

/// The last panic's message.
#[derive(Clone, Debug, Default)]
pub(crate) struct PanicMessage(Arc<Mutex<String>>);

impl PanicMessage {
    /// Empties the message.
    pub(crate) fn take(&self) -> String {
        self.0.lock().map(|mut message| std::mem::take(&mut *message)).unwrap_or_default()
    }
}

/// Keeps panics off standard error, unless `RUST_BACKTRACE` asks for them: the caller reports the message.
pub(crate) fn record_panics() -> PanicMessage {
    let message = PanicMessage::default();
    let recorded = message.clone();
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Ok(mut message) = recorded.0.lock() {
            *message = panic.to_string().replace('\n', " ");
        }
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
            default(panic);
        }
    }));
    message
}

#[cfg(test)]
mod tests {
    use lemma_verifier::verify::VerifyError;

    use super::*;

    #[test]
    fn messages_do_not_steer_a_terminal() {
        let failure = Failure::file(std::path::Path::new("a\u{1b}b"), "node 'x\u{9b}2J'");
        assert_eq!(failure.to_string(), "a\\u{1b}b: node 'x\\u{9b}2J'");
    }

    #[test]
    fn faults_of_the_program_exit_with_3_and_all_others_with_2() {
        let own = ProveError::SelfCheck(VerifyError::Invalid);
        assert_eq!(Failure::from(own).exit_code(), 3);
        assert_eq!(Failure::internal("x").exit_code(), 3);
        assert!(Failure::internal("x").to_string().contains("please report"));
        let environment = lemma_verifier::env::EnvError::MaxDegree { got: "x".into() };
        assert_eq!(Failure::from(ProveError::Environment(environment.clone())).exit_code(), 2);
        assert_eq!(Failure::from(KeysError::Environment(environment)).exit_code(), 2);
    }
}
