//! `fixtures/manifest.toml`.

use serde::Deserialize;

use crate::fixtures;

/// What the manifest says of one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path below `fixtures/`.
    pub path: String,
    /// sha256 of the file, hexadecimal.
    pub sha256: String,
    /// The Python file that writes it.
    pub recipe: String,
    /// The seed of its random numbers.
    pub seed: u64,
    /// Where its content comes from.
    pub source: String,
    /// License of the content.
    pub license: String,
    /// For a model, the file with inputs and onnxruntime's answers.
    pub io: Option<String>,
    /// For a classifier, its accuracy on the stored rows.
    pub accuracy: Option<String>,
    /// For a hostile input file, the model that it is given to.
    pub model: Option<String>,
    /// For a hostile file, texts that the error must contain, whatever their case.
    #[serde(default)]
    pub reports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    file: Vec<Entry>,
}

/// Every entry of the manifest.
///
/// # Panics
/// If the manifest is unreadable.
pub fn manifest() -> Vec<Entry> {
    let path = fixtures().join("manifest.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str::<Manifest>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).file
}
