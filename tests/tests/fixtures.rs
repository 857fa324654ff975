//! The committed fixtures are what the manifest says, and complete.

use std::{collections::BTreeSet, path::Path};

use lemma_tests::{Fixture, fixtures, manifest};
use sha2::{Digest, Sha256};

/// Files beside the fixtures that no recipe writes.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "py" || extension == "md")
}

fn files_below(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "__pycache__" {
                files_below(&path, found);
            }
        } else if !is_source(&path) {
            let below = path.strip_prefix(fixtures()).unwrap();
            found.insert(below.to_str().unwrap().replace('\\', "/"));
        }
    }
}

#[test]
fn every_file_has_the_digest_of_the_manifest() {
    for entry in manifest() {
        let bytes = std::fs::read(fixtures().join(&entry.path)).unwrap();
        assert_eq!(hex::encode(Sha256::digest(bytes)), entry.sha256, "{}", entry.path);
    }
}

#[test]
fn every_file_in_a_recipe_folder_is_in_the_manifest() {
    let listed: BTreeSet<String> = manifest().into_iter().map(|entry| entry.path).collect();
    let folders: BTreeSet<&str> = listed.iter().filter_map(|path| path.split('/').next()).collect();
    let mut present = BTreeSet::new();
    for folder in folders {
        files_below(&fixtures().join(folder), &mut present);
    }
    assert_eq!(present, listed);
}

#[test]
fn every_model_has_rows_and_answers_of_one_length() {
    let mut rows = 0;
    for fixture in Fixture::all() {
        assert!(!fixture.inputs.is_empty() && !fixture.integers.is_empty(), "{}", fixture.path);
        assert!(fixture.floats.keys().all(|name| fixture.integers.contains_key(name)), "{}", fixture.path);
        rows += fixture.rows();
        for array in fixture.integers.values() {
            assert!(array.row(0).integers().iter().all(|value| (-128..=255).contains(value)));
        }
    }
    assert!(rows > 10_000, "only {rows} rows");
}

#[test]
fn at_least_450_digits_are_stored() {
    assert!(Fixture::load("digits/s8s8.qop.onnx").rows() >= 450);
}
