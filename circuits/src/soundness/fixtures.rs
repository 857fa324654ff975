//! The committed models.

use std::path::{Path, PathBuf};

use crate::{
    import::import,
    ir::{Model, Op},
};

/// Folders of models that are made to be refused, and of models that are not committed.
const LEFT_OUT: [&str; 2] = ["hostile", "generated"];

/// Every committed model that is imported, with its path.
fn all() -> Vec<(String, Model)> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("a folder of fixtures");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let is_left_out = |path: &Path| LEFT_OUT.iter().any(|folder| path.ends_with(folder));
    let folders = entries(&root).into_iter().filter(|path| path.is_dir() && !is_left_out(path));
    let files = folders.flat_map(|folder| entries(&folder));
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    let model = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("a readable model");
        Some((path.display().to_string(), import(&bytes, "fixture").ok()?))
    };
    files.filter_map(model).collect()
}

fn is_fully_connected(model: &Model) -> bool {
    model.nodes.iter().all(|node| matches!(node.op, Op::FullyConnected(_)))
}

/// Those that are fully connected on one row.
pub(super) fn fully_connected() -> Vec<(String, Model)> {
    all().into_iter().filter(|(_, model)| is_fully_connected(model)).collect()
}

/// Those that have circuits with banks.
pub(super) fn with_banks() -> Vec<(String, Model)> {
    all().into_iter().filter(|(_, model)| !is_fully_connected(model)).collect()
}
