//! The direction of dependencies, read from the `use` lines of the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies in the workspace").to_owned()
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut out = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("source folders are readable") {
            let path = entry.expect("source folders are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are text");
                out.push((path, text));
            }
        }
    }
    assert!(!out.is_empty(), "no sources under {}", folder.display());
    out
}

/// The part of a file that ships: everything before an inline test module.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// Whether a file is part of a test module or of the soundness harness.
fn is_test(path: &Path) -> bool {
    const HARNESS: [&str; 3] = ["tests", "testing", "soundness"];
    let stem = path.file_stem().unwrap_or_default();
    HARNESS.iter().any(|name| stem == *name || path.components().any(|part| part.as_os_str() == *name))
}

/// The top-level modules of the crate a file names after `crate::`, in single imports and import lists.
fn imported_modules(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (index, _) in text.match_indices("crate::") {
        let rest = &text[index + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            out.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            continue;
        };
        let mut depth = 0;
        let mut word = String::new();
        for character in list.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => out.push(std::mem::take(&mut word)),
                _ if depth == 0 => word.push(character),
                _ => {}
            }
        }
        out.push(word);
    }
    let first = |word: String| word.trim().split("::").next().unwrap_or("").to_owned();
    out.into_iter().map(first).filter(|word| !word.is_empty()).collect()
}

#[test]
fn stages_of_circuits_import_in_one_direction() {
    let allowed: &[(&str, &[&str])] = &[
        ("ir", &["ir"]),
        ("requantize", &["ir", "requantize"]),
        ("reference", &["ir", "reference", "requantize"]),
        ("edge", &["ir", "edge"]),
        ("import", &["ir", "import", "requantize"]),
        ("shape", &["shape"]),
        ("cost", &["cost", "shape"]),
        ("integers", &[]),
        ("steps", &[]),
        ("error", &["ir", "shape"]),
        ("statement", &["ir", "shape", "statement"]),
        // The pipeline: from operators that have equations to a layout, a question each.
        ("expanded", &["expanded", "ir"]),
        ("forms", &["error", "expanded", "forms", "ir", "requantize", "shape"]),
        (
            "network",
            &["error", "expanded", "forms", "ir", "network", "requantize", "shape", "statement", "steps"],
        ),
        ("place", &["expanded", "forms", "ir", "network", "place", "shape", "statement", "steps"]),
        ("equations", &["equations", "expanded", "forms", "ir", "network", "place", "statement", "steps"]),
        ("columns", &["columns", "shape"]),
        (
            "layout",
            &[
                "columns",
                "cost",
                "equations",
                "error",
                "expanded",
                "forms",
                "integers",
                "ir",
                "layout",
                "network",
                "place",
                "shape",
                "statement",
                "steps",
            ],
        ),
        // The constraints know columns and equations, and nothing of what they are made from.
        ("chip", &["chip", "columns", "equations", "forms", "integers", "shape", "statement"]),
        (
            "witness",
            &["chip", "columns", "expanded", "forms", "ir", "layout", "network", "place", "shape", "witness"],
        ),
        (
            "circuit",
            &[
                "chip",
                "circuit",
                "columns",
                "equations",
                "integers",
                "layout",
                "network",
                "place",
                "shape",
                "statement",
                "witness",
            ],
        ),
        ("compiled", &["circuit", "error", "ir", "layout", "shape", "statement", "witness"]),
    ];
    let folder = root().join("circuits/src");
    for (path, text) in sources(&folder) {
        let relative = path.strip_prefix(&folder).expect("sources lie in the folder");
        let module = relative.iter().next().expect("a path has a first part").to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" || is_test(relative) {
            continue;
        }
        let (_, targets) = allowed
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("module '{module}' has no place in the layering; add it here"));
        for target in imported_modules(shipped(&text)) {
            assert!(targets.contains(&target.as_str()), "{}: imports crate::{target}", path.display());
        }
    }
}

/// Names of this workspace's packages in a package's manifest and sources, tests and benchmarks included.
fn named_packages(package: &str) -> Vec<&'static str> {
    let folder = root().join(package);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("packages have manifests");
    let texts: Vec<String> = sources(&folder).into_iter().map(|(_, text)| text).chain([manifest]).collect();
    ["circuits", "plonk", "prover", "server", "tests"]
        .into_iter()
        .filter(|name| *name != package)
        .filter(|name| {
            let names = [format!("lemma-{name}"), format!("lemma_{name}::")];
            texts.iter().any(|text| names.iter().any(|name| text.contains(name)))
        })
        .collect()
}

#[test]
fn packages_depend_in_one_direction() {
    let none: [&str; 0] = [];
    // What a model means and how a proof is made know nothing of each other.
    assert_eq!(named_packages("circuits"), none);
    assert_eq!(named_packages("plonk"), none);
    assert_eq!(named_packages("prover"), ["circuits", "plonk"]);
}

#[test]
fn circuits_is_pure() {
    let forbidden =
        ["std::fs", "std::thread", "std::time", "std::net", "std::env", "ThreadPool", "thread_rng", "OsRng"];
    // What an inference computes, in the thread pool of the caller.
    let parallel = ["chip", "circuit", "witness"];
    let folder = root().join("circuits/src");
    for (path, text) in sources(&folder) {
        let relative = path.strip_prefix(&folder).expect("sources lie in the folder");
        if is_test(relative) {
            continue;
        }
        for word in forbidden {
            assert!(!shipped(&text).contains(word), "{}: uses {word}", path.display());
        }
        let module = relative.iter().next().expect("a path has a first part").to_string_lossy();
        let module = module.trim_end_matches(".rs");
        assert!(
            parallel.contains(&module) || !shipped(&text).contains("rayon"),
            "{}: uses rayon",
            path.display()
        );
    }
}

#[test]
fn advice_is_assigned_in_one_place() {
    let calls = sources(&root().join("circuits/src"))
        .into_iter()
        .filter(|(path, text)| {
            !is_test(path.strip_prefix(root()).expect("sources lie in the repository"))
                && shipped(text).contains(".assign_advice(")
        })
        .map(|(path, text)| (path, text.matches(".assign_advice(").count()))
        .collect::<Vec<_>>();
    assert_eq!(calls.len(), 1, "advice is assigned in {calls:?}");
    assert_eq!(calls[0].1, 1, "advice is assigned in {calls:?}");
    assert!(calls[0].0.ends_with("circuits/src/circuit.rs"), "advice is assigned in {calls:?}");
}

#[test]
fn files_stay_small() {
    for package in ["circuits", "plonk", "prover", "tests"] {
        for (path, text) in sources(&root().join(package)) {
            let lines = text.lines().count();
            assert!(lines <= 700, "{} has {lines} lines, at most 700", path.display());
        }
    }
}

#[test]
fn import_lists_are_read() {
    let text = "use crate::{\n  ir::{A, B},\n  shape::Shape,\n};\nuse crate::chip::X;";
    assert_eq!(imported_modules(text), ["ir", "shape", "chip"]);
}
