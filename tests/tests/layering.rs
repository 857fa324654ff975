//! The direction of dependencies, read from the `use` lines of the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// The lines of a text that are no comments: what only documentation names is not imported.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The top-level module that a file below a package's sources belongs to.
fn module_of(relative: &Path) -> String {
    let first = relative.iter().next().expect("a path has a first part").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
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
        ("cost", &["cost"]),
        ("index", &[]),
        ("cells", &[]),
        ("roles", &[]),
        ("steps", &[]),
        ("error", &["ir"]),
        // The pipeline: from operators that have equations to a layout, a question each.
        ("expanded", &["expanded", "index", "ir"]),
        ("forms", &["error", "expanded", "forms", "index", "ir", "requantize"]),
        ("network", &["error", "expanded", "forms", "index", "ir", "network", "requantize", "steps"]),
        ("place", &["expanded", "forms", "index", "ir", "network", "place", "steps"]),
        ("equations", &["equations", "expanded", "forms", "index", "ir", "network", "place", "steps"]),
        (
            "layout",
            &[
                "cells",
                "cost",
                "equations",
                "error",
                "expanded",
                "forms",
                "index",
                "ir",
                "layout",
                "network",
                "place",
                "steps",
            ],
        ),
        (
            "witness",
            &["cells", "derive", "expanded", "forms", "index", "ir", "layout", "network", "place", "witness"],
        ),
        ("derive", &["cells", "derive", "equations", "index", "layout", "network", "place"]),
        ("circuit", &["cells", "circuit", "derive", "layout", "roles", "witness"]),
        ("compiled", &["circuit", "error", "ir", "layout", "witness"]),
    ];
    let folder = root().join("circuits/src");
    for (path, text) in sources(&folder) {
        let relative = path.strip_prefix(&folder).expect("sources lie in the folder");
        let module = module_of(relative);
        if module == "lib" || is_test(relative) {
            continue;
        }
        let (_, targets) = allowed
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("module '{module}' has no place in the layering; add it here"));
        for target in imported_modules(&without_comments(shipped(&text))) {
            assert!(targets.contains(&target.as_str()), "{}: imports crate::{target}", path.display());
        }
    }
}

/// Checks that the modules of a package import only themselves and those that come before them in this order.
fn expect_order(package: &str, order: &[&str]) {
    let folder = root().join(package).join("src");
    for (path, text) in sources(&folder) {
        let relative = path.strip_prefix(&folder).expect("sources lie in the folder");
        let module = module_of(relative);
        if ["lib", "main"].contains(&module.as_str()) || is_test(relative) {
            continue;
        }
        let place = |name: &str| order.iter().position(|known| *known == name);
        let own = place(&module).unwrap_or_else(|| {
            panic!("module '{module}' of {package} has no place in the layering; add it here")
        });
        for target in imported_modules(&without_comments(shipped(&text))) {
            let known = place(&target).is_some_and(|target| target <= own);
            assert!(known, "{}: imports crate::{target}", path.display());
        }
    }
}

#[test]
fn modules_of_the_verifier_import_in_one_direction() {
    expect_order(
        "verifier",
        &[
            "digest",
            "env",
            "envelope",
            "group_fft",
            "index",
            "integers",
            "scheme",
            "tags",
            // What a gate is.
            "shape",
            "columns",
            "chip",
            "system",
            // What a proof says.
            "interface",
            "circuit_id",
            "statement",
            // What it is checked with.
            "setup",
            "transparent",
            "proof_system",
            "artifact",
            "verify",
        ],
    );
}

#[test]
fn rooms_of_the_service_import_in_one_direction() {
    expect_order("server", &["work", "store", "service", "http", "process"]);
}

#[test]
fn modules_of_the_prover_import_in_one_direction() {
    expect_order(
        "prover",
        &[
            "atomic_file",
            "cancellation",
            "env",
            "inputs",
            "measure",
            "memory",
            "prediction",
            "progress",
            "proof_system",
            "randomness",
            "regular_file",
            "store",
            "params",
            "keys",
            "prove",
            "facade",
            // The command line, a program of its own.
            "cmd",
            // What tests share.
            "fixture",
            "tampering",
            "verifier_tests",
        ],
    );
}

/// The paths that the `use` declarations of a text name, lists expanded.
fn imported_paths(text: &str) -> Vec<Vec<String>> {
    fn expand(prefix: &[String], tree: &str, out: &mut Vec<Vec<String>>) {
        let (head, list) = tree.split_once('{').unwrap_or((tree, ""));
        let parts = head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
        let path: Vec<String> = prefix.iter().cloned().chain(parts).collect();
        let Some(list) = list.trim_end().strip_suffix('}') else { return out.push(path) };
        let mut depth = 0;
        let items = list.split(|character| {
            depth += i32::from(character == '{') - i32::from(character == '}');
            character == ',' && depth == 0
        });
        items.map(str::trim).filter(|item| !item.is_empty()).for_each(|item| expand(&path, item, out));
    }
    let mut out = Vec::new();
    let text = without_comments(shipped(text));
    for statement in text.split(';') {
        let begin = statement.find("use ").filter(|begin| {
            let before = statement[..*begin].lines().last().unwrap_or_default().trim();
            before.is_empty() || before.starts_with("pub")
        });
        if let Some(begin) = begin {
            expand(&[], &statement[begin + "use ".len()..], &mut out);
        }
    }
    out
}

/// The file, as a module path, that a path names in the file of another module.
fn resolved(path: &[String], here: &[String], modules: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let climbs = path.iter().take_while(|part| *part == "super").count();
    let base = match path.first()?.as_str() {
        "crate" => &here[..0],
        "super" => &here[..here.len().checked_sub(climbs)?],
        _ => return None,
    };
    let rest = path.iter().skip(climbs.max(1)).cloned();
    let mut named: Vec<String> = base.iter().cloned().chain(rest).collect();
    while !modules.contains(&named) {
        named.pop()?;
    }
    Some(named)
}

/// Parent and child may name each other; a circle of other files can only be read as a whole.
#[test]
fn no_files_of_the_service_import_each_other() {
    let folder = root().join("server/src");
    let files: BTreeMap<Vec<String>, String> = sources(&folder)
        .into_iter()
        .map(|(path, text)| {
            (path.strip_prefix(&folder).expect("lies in the folder").with_extension(""), text)
        })
        .filter(|(relative, _)| !is_test(relative))
        .map(|(relative, text)| {
            (relative.iter().map(|part| part.to_string_lossy().into_owned()).collect(), text)
        })
        .collect();
    let modules: BTreeSet<Vec<String>> = files.keys().cloned().collect();
    let imports = |module: &Vec<String>| -> Vec<Vec<String>> {
        let paths = imported_paths(&files[module]);
        let targets = paths.iter().filter_map(|path| resolved(path, module, &modules));
        targets.filter(|target| !target.starts_with(module) && !module.starts_with(target)).collect()
    };
    for module in &modules {
        let (mut seen, mut next) = (BTreeSet::new(), imports(module));
        while let Some(target) = next.pop() {
            assert!(target != *module, "{} is part of a circle of imports", module.join("::"));
            if seen.insert(target.clone()) {
                next.extend(imports(&target));
            }
        }
    }
}

/// The rooms of the importer that a file names: modules of `import`, and of `import::ops` the families.
fn imported_rooms(relative: &Path, text: &str) -> Vec<String> {
    let first =
        |path: &str| path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let is_top = relative.components().count() == 1;
    let prefixes = if is_top { &["crate::import::", "super::"][..] } else { &["crate::import::"] };
    let paths = prefixes.iter().flat_map(|prefix| text.split(prefix).skip(1));
    let inline = paths.map(|path| match path.strip_prefix("ops::") {
        Some(family) if !family.starts_with('{') => format!("ops::{}", first(family)),
        _ => first(path),
    });
    let is_module = |name: &str| name != "self" && name.starts_with(|c: char| c.is_lowercase());
    let listed = imported_paths(text).into_iter().filter_map(|path| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["crate", "import", "ops", family, ..] if is_module(family) => Some(format!("ops::{family}")),
            ["crate", "import", room, ..] => Some((*room).to_owned()),
            ["super", "ops", family, ..] if is_top && is_module(family) => Some(format!("ops::{family}")),
            ["super", room, ..] if is_top => Some((*room).to_owned()),
            _ => None,
        }
    });
    inline.filter(|room| !room.is_empty()).chain(listed).filter(|room| is_module(room)).collect()
}

/// Each room of the importer knows only those before it, so none is part of a circle.
#[test]
fn rooms_of_the_importer_are_in_one_order() {
    let order = [
        "error",
        "proto",
        "role",
        "spread",
        "faults",
        "functions",
        "limits",
        "constant",
        "wire",
        "attributes",
        "budget",
        "affine",
        "float_sum",
        "graph",
        "session",
        "value",
        "builder",
        "remedy",
        "call",
        "outside",
        "resume",
        "supported",
        "views",
        "operand",
        // The families.
        "ops::layer",
        "ops::constants",
        "ops::matrix",
        "ops::function",
        "ops::pooling",
        "ops::logic",
        "ops::moving",
        "ops::sum",
        "waiting",
        "ops::ends",
        // What puts them together.
        "ops",
        "lower",
    ];
    let place = |room: &str| {
        order
            .iter()
            .position(|known| *known == room)
            .unwrap_or_else(|| panic!("'{room}' has no place; add it"))
    };
    let folder = root().join("circuits/src/import");
    for (path, text) in sources(&folder) {
        let relative = path.strip_prefix(&folder).expect("sources lie in the folder");
        if is_test(relative) {
            continue;
        }
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        let room = match parts.as_slice() {
            [ops, family, ..] if *ops == "ops" => format!("ops::{}", family.trim_end_matches(".rs")),
            [first, ..] => first.trim_end_matches(".rs").to_owned(),
            [] => continue,
        };
        let code: Vec<&str> =
            shipped(&text).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for imported in imported_rooms(relative, &code.join("\n")) {
            assert!(place(&imported) <= place(&room), "{}: imports {imported}", path.display());
        }
    }
}

/// Names of this workspace's packages in a package's manifest and sources, tests and benchmarks included.
fn named_packages(package: &str) -> Vec<&'static str> {
    let folder = root().join(package);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("packages have manifests");
    let texts: Vec<String> = sources(&folder).into_iter().map(|(_, text)| text).chain([manifest]).collect();
    ["circuits", "plonk", "prover", "server", "tests", "verifier"]
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
    // What decides about a proof knows nothing of how one is made, what a model means nothing of either.
    assert_eq!(named_packages("verifier"), none);
    assert_eq!(named_packages("plonk"), none);
    assert_eq!(named_packages("circuits"), ["verifier"]);
    assert_eq!(named_packages("prover"), ["circuits", "plonk", "verifier"]);
    assert_eq!(named_packages("server"), ["circuits", "prover", "tests", "verifier"]);
}

/// Checks that a package asks its surroundings for nothing but, in one module, the environment, and that only some modules compute in
/// parallel, in the thread pool of the caller.
fn expect_pure(package: &str, parallel: &[&str], of_environment: Option<&str>) {
    const PARTS: [&str; 7] = ["env", "fs", "net", "path", "process", "thread", "time"];
    const WORDS: [&str; 4] = ["println!", "ThreadPool", "thread_rng", "OsRng"];
    let folder = root().join(package).join("src");
    for (path, text) in sources(&folder) {
        let relative = path.strip_prefix(&folder).expect("sources lie in the folder");
        if is_test(relative) {
            continue;
        }
        let (module, code) = (module_of(relative), without_comments(shipped(&text)));
        let imported = imported_paths(&text);
        for part in PARTS.into_iter().filter(|part| *part != "env" || of_environment != Some(&module)) {
            let listed = imported.iter().any(|path| path.len() > 1 && path[0] == "std" && path[1] == part);
            let named = code.contains(&format!("std::{part}"));
            assert!(!listed && !named, "{}: uses std::{part}", path.display());
        }
        for word in WORDS {
            assert!(!code.contains(word), "{}: uses {word}", path.display());
        }
        assert!(
            parallel.contains(&module.as_str()) || !code.contains("rayon"),
            "{}: uses rayon",
            path.display()
        );
    }
}

#[test]
fn circuits_is_pure() {
    expect_pure("circuits", &["circuit", "derive", "witness"], None);
}

/// Whoever embeds the verifier embeds no program. One environment variable could make the library panic, and is looked at.
#[test]
fn verifier_is_pure() {
    expect_pure("verifier", &["artifact", "group_fft", "transparent"], Some("env"));
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
    for package in ["circuits", "plonk", "prover", "server", "tests", "verifier"] {
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

#[test]
fn import_paths_are_read() {
    let text =
        "//! use crate::none;\npub use a::B;\nuse crate::{\n  ir::{A, b::C},\n  shape,\n};\nfn f() { g(); }";
    let paths: Vec<String> = imported_paths(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["a::B", "crate::ir::A", "crate::ir::b::C", "crate::shape"]);
    let module = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let modules = ["ir", "ir::b", "chip::x"].into_iter().map(module).collect();
    let find = |path: &str| resolved(&module(path), &module("chip::x"), &modules);
    assert_eq!(find("crate::ir::b::C"), Some(module("ir::b")));
    assert_eq!(find("super::super::ir::A"), Some(module("ir")));
    assert_eq!(find("std::fs"), None);
}
