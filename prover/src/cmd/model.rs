//! MODEL arguments: an ONNX file, or a circuit of the store.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use lemma_circuits::{
    import::{SessionOption, examine, session_option},
    ir::Model,
};
use lemma_prover::measure::Stopwatch;

use super::{failure::Failure, files};

/// Largest ONNX file, in bytes.
pub(crate) const MAX_ONNX_BYTES: u64 = 64 << 20;

/// An imported ONNX file.
#[derive(Clone, Debug)]
pub(crate) struct OnnxModel {
    /// How messages and results name it.
    pub(crate) name: String,
    /// The file's bytes.
    pub(crate) bytes: Vec<u8>,
    /// What it computes.
    pub(crate) model: Model,
    /// Time of the import.
    pub(crate) elapsed: Duration,
}

impl OnnxModel {
    /// Reads and imports a file.
    ///
    /// # Errors
    /// [`Failure::Unusable`] where it cannot be read, [`Failure::Refused`] with every reason, the node and what to do.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::of(files::read(path, MAX_ONNX_BYTES)?, path.display().to_string())
    }

    /// Imports the bytes of a file that messages call `name`.
    ///
    /// # Errors
    /// [`Failure::Refused`] has every reason, with the node and what to do.
    pub(crate) fn of(bytes: Vec<u8>, name: String) -> Result<Self, Failure> {
        let watch = Stopwatch::start();
        let model = examine(&bytes, &name)?;
        Ok(Self { name, bytes, model, elapsed: watch.read().wall })
    }
}

/// What a comparison of the file's answers with onnxruntime's has to heed, if anything.
pub(crate) fn note(onnx: &[u8]) -> Option<&'static str> {
    session_option(onnx).map(|option| match option {
        SessionOption::QdqInt8Allowed => {
            "int8 in QDQ form: onnxruntime answers these integers with the session option session.qdqisint8allowed = 1; without it, \
             it may compute some operators in float32, or on uint8 with sums that saturate"
        }
        SessionOption::X64QuantPrecision => {
            "uint8 activations times int8 weights: on x86 processors without VNNI onnxruntime answers these integers with the session \
             option session.x64quantprecision = 1; without it, its sums saturate there"
        }
    })
}

/// The note as a line of its own.
pub(crate) fn note_line(onnx: &[u8]) -> String {
    note(onnx).map_or_else(String::new, |note| format!("\nnote: {note}"))
}

/// What a MODEL argument names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelArgument {
    /// A file.
    File(PathBuf),
    /// The beginning of a circuit id.
    Circuit(String),
}

impl ModelArgument {
    /// A file if there is one of that name, else a circuit if the text can begin an id, else a file that is
    /// missing.
    pub(crate) fn parse(text: &str) -> Self {
        let is_id = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id && !Path::new(text).exists() {
            Self::Circuit(text.to_ascii_lowercase())
        } else {
            Self::File(text.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_a_circuit_and_the_rest_are_files() {
        assert_eq!(ModelArgument::parse("AB12"), ModelArgument::Circuit("ab12".into()));
        for file in ["", "model.onnx", "./ab12", &"a".repeat(65), "xyz"] {
            assert_eq!(ModelArgument::parse(file), ModelArgument::File(file.into()));
        }
    }
}
