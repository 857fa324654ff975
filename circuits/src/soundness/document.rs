//! SOUNDNESS.md names files, tests and lies that exist.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::lies;

/// Directories with sources; paths on the page begin with one of them, or below the sources of this crate or of the verifier.
const CRATES: [&str; 6] = ["circuits", "plonk", "prover", "server", "tests", "verifier"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository")
}

/// SOUNDNESS.md.
pub(super) fn page() -> String {
    std::fs::read_to_string(repository().join("SOUNDNESS.md"))
        .expect("the page is at the root of the repository")
}

/// What stands between two of these marks, within a line.
fn quoted(page: &str, mark: char) -> Vec<&str> {
    page.lines().flat_map(|line| line.split(mark).skip(1).step_by(2)).collect()
}

/// The Rust files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The names of all functions of the repository.
fn functions() -> BTreeSet<String> {
    let files = CRATES.iter().flat_map(|directory| sources(&repository().join(directory)));
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable source");
        for behind in text.split("fn ").skip(1) {
            let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
            names.insert(behind.chars().take_while(|character| is_part(*character)).collect());
        }
    }
    names
}

/// Names of tests are sentences: at least three words.
fn is_test_name(text: &str) -> bool {
    let is_part =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    text.chars().all(is_part) && text.matches('_').count() >= 2
}

#[test]
fn every_file_the_page_names_exists() {
    let page = page();
    let files: Vec<&str> = quoted(&page, '`').into_iter().filter(|text| text.ends_with(".rs")).collect();
    assert!(files.len() > 30, "{} files", files.len());
    for file in files {
        let roots = ["", "circuits/src", "verifier/src"].map(|root| repository().join(root));
        assert!(roots.iter().any(|root| root.join(file).is_file()), "no file {file}");
    }
}

#[test]
fn every_test_the_page_names_exists() {
    let functions = functions();
    let page = page();
    let tests: Vec<&str> = quoted(&page, '`').into_iter().filter(|text| is_test_name(text)).collect();
    assert!(tests.len() > 50, "{} tests", tests.len());
    for test in tests {
        assert!(functions.contains(test), "no test {test}");
    }
}

/// Whatever the page quotes is the name of a lie, whole.
#[test]
fn every_lie_the_page_names_is_told() {
    let told: BTreeSet<&str> = lies::all().into_iter().map(|lie| lie.what).collect();
    let page = page();
    let named = quoted(&page, '"');
    assert!(named.len() > 50, "{} lies", named.len());
    for lie in named {
        assert!(told.contains(lie), "no lie \"{lie}\"");
    }
}
