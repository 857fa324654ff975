//! The circuits of every committed model, under both schemes, against the models' definitions.

use std::path::{Path, PathBuf};

use lemma_verifier::scheme::Scheme;
use rayon::prelude::*;

use super::{algebra, control, views, widths};

use crate::{
    import::import,
    ir::Model,
    layout::{Budget, Layout},
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

/// SOUNDNESS.md, section *Error*: the degrees of the identities stay below this power of two.
const DEGREE_BITS: u32 = 23;

#[test]
fn the_circuits_of_every_fixture_are_their_models() {
    let models = all();
    let check = |(path, model): &(String, Model)| -> [usize; 3] {
        let of_scheme = |scheme| {
            let layout = Layout::of(model, scheme, &Budget::default())
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            println!("{path}, {scheme:?}");
            assert!(
                widths::degrees(&layout) < 1 << DEGREE_BITS,
                "degrees sum to {}",
                widths::degrees(&layout)
            );
            [algebra::check(&layout), control::check(&layout, model).bytes, views::check(&layout, model)]
        };
        let [kzg, ipa] = [Scheme::Kzg, Scheme::Ipa].map(of_scheme);
        [0, 1, 2].map(|count| kzg[count] + ipa[count])
    };
    let all: Vec<[usize; 3]> = models.par_iter().with_max_len(1).map(check).collect();
    let [coefficients, bytes, constants] =
        [0, 1, 2].map(|count| all.iter().map(|of| of[count]).sum::<usize>());
    println!("{} models, {coefficients} coefficients, {bytes} bytes, {constants} constants", models.len());
    assert!(models.len() > 400 && coefficients > 1_000_000 && bytes > 200_000 && constants > 0);
}
