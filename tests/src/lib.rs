//! What the end-to-end tests share: where fixtures lie and how they are read.
//!
//! Everything here panics with the file's name when a fixture is unreadable: a test cannot go on without it.

mod array;
mod manifest;

pub use array::{Array, Values, read_npz, read_npz_array};
pub use manifest::{Entry, manifest};

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

/// The root of the repository.
///
/// # Panics
/// If this crate is not one directory below it.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies in the repository")
}

/// The directory of the fixtures.
pub fn fixtures() -> PathBuf {
    repository().join("fixtures")
}

/// The MLPerf Tiny reference models beside the repository, or below the directory that `LEMMA_SHARED` names.
///
/// They are not part of the repository: where they are absent, this says so on standard error and returns `None`.
pub fn mlperf_tiny() -> Option<PathBuf> {
    let shared =
        std::env::var_os("LEMMA_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let directory = shared.join("mlperf_tiny");
    if directory.is_dir() {
        return Some(directory);
    }
    announce_skipped(&format!("no MLPerf Tiny models at {} (set LEMMA_SHARED)", directory.display()));
    None
}

/// Says on standard error what a test leaves out, past the capture of the test harness.
fn announce_skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// A model with inputs and what onnxruntime answered for them.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// Path below `fixtures/`.
    pub path: String,
    /// The ONNX file.
    pub model: Vec<u8>,
    /// By name of the graph input, `[rows, *shape of the input with batch 1]`.
    pub inputs: BTreeMap<String, Array>,
    /// By name of the graph output, the 8-bit integers behind it, `[rows, *shape]`.
    pub integers: BTreeMap<String, Array>,
    /// By name of the graph output, the output itself where it is float32.
    pub floats: BTreeMap<String, Array>,
}

impl Fixture {
    /// The committed fixture whose ONNX file has this path below `fixtures/`.
    ///
    /// # Panics
    /// If the manifest has no such model, or a file is unreadable.
    pub fn load(path: &str) -> Self {
        let entry = manifest().into_iter().find(|entry| entry.path == path);
        let io =
            entry.and_then(|entry| entry.io).unwrap_or_else(|| panic!("no model {path} in the manifest"));
        Self::read(path, &io)
    }

    /// Every committed model that has stored answers, in manifest order.
    ///
    /// # Panics
    /// If a file is unreadable.
    pub fn all() -> impl Iterator<Item = Self> {
        manifest().into_iter().filter_map(|Entry { path, io, .. }| Some(Self::read(&path, &io?)))
    }

    /// A model that `fixtures/generate --on-demand` writes: `NAME.onnx` below `fixtures/generated/`.
    ///
    /// Where it is absent, this says so on standard error and returns `None`.
    ///
    /// # Panics
    /// If a file is there but unreadable.
    pub fn generated(name: &str) -> Option<Self> {
        let path = format!("generated/{name}.onnx");
        if fixtures().join(&path).is_file() {
            let stem = name.trim_end_matches(".qop").trim_end_matches(".qdq");
            return Some(Self::read(&path, &format!("generated/{stem}.io.npz")));
        }
        announce_skipped(&format!("no fixtures/{path} (run fixtures/generate --on-demand)"));
        None
    }

    /// The random networks that `fixtures/generate --random COUNT` writes, in order.
    ///
    /// Where there are none, this says so on standard error.
    ///
    /// # Panics
    /// If a file is unreadable.
    pub fn random() -> impl Iterator<Item = Self> {
        let name = |index: usize| format!("generated/random/{index:05}");
        let is_there = move |index: &usize| fixtures().join(name(*index) + ".qop.onnx").is_file();
        if !is_there(&0) {
            announce_skipped("no fixtures/generated/random (run fixtures/generate --random 1000)");
        }
        let all = (0..).take_while(is_there);
        all.map(move |index| Self::read(&(name(index) + ".qop.onnx"), &(name(index) + ".io.npz")))
    }

    /// The number of stored inferences.
    ///
    /// # Panics
    /// If arrays disagree about it.
    pub fn rows(&self) -> usize {
        let mut counts = [&self.inputs, &self.integers, &self.floats]
            .into_iter()
            .flat_map(|arrays| arrays.values().map(Array::rows));
        let rows = counts.next().expect("a fixture has arrays");
        assert!(counts.all(|each| each == rows), "{}: arrays of different lengths", self.path);
        rows
    }

    fn read(path: &str, io: &str) -> Self {
        let model = read_file(&fixtures().join(path));
        let mut fixture = Self {
            path: path.to_owned(),
            model,
            inputs: BTreeMap::new(),
            integers: BTreeMap::new(),
            floats: BTreeMap::new(),
        };
        for (key, array) in read_npz(&fixtures().join(io)) {
            let (kind, name) = key.split_once('.').unwrap_or_else(|| panic!("{io}: array {key} has no kind"));
            let arrays = match kind {
                "input" => &mut fixture.inputs,
                "integers" => &mut fixture.integers,
                "floats" => &mut fixture.floats,
                _ => panic!("{io}: array {key} is of no known kind"),
            };
            arrays.insert(name.to_owned(), array);
        }
        fixture
    }
}

fn read_file(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
