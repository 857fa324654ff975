//! What the workspace depends on is what `deny.toml` allows: licences, sources, crates that are not wanted.
//!
//! The packages are those of `Cargo.lock` on this platform, with all features; nothing is fetched. `cargo deny` reads the same file.

use std::{collections::BTreeMap, fs, process::Command};

use lemma_tests::repository;
use serde::Deserialize;
use spdx::{Expression, LicenseReq, ParseMode};

/// The part of `deny.toml` that is checked here.
#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Resolved>,
}

#[derive(Deserialize)]
struct Resolved {
    id: String,
}

fn rules() -> Rules {
    let text = fs::read_to_string(repository().join("deny.toml")).expect("deny.toml is readable");
    toml::from_str(&text).expect("deny.toml has the sections that are checked")
}

/// The packages that are built on this platform.
fn packages() -> Vec<Package> {
    let platform = Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let platform = String::from_utf8(platform).expect("rustc writes text");
    let host = platform.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--all-features", "--format-version", "1"])
        .args(["--filter-platform", host])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let Metadata { packages, resolve } = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    let is_built = |package: &Package| resolve.nodes.iter().any(|node| node.id == package.id);
    packages.into_iter().filter(is_built).collect()
}

/// Whether a licence that is asked for is one of those.
fn is_among(required: &LicenseReq, allowed: &[String]) -> bool {
    let text = required.to_string();
    allowed.contains(&text)
}

fn refused_licences(rules: &Licenses, packages: &[Package]) -> Vec<String> {
    let exceptions: BTreeMap<&str, &[String]> =
        rules.exceptions.iter().map(|exception| (&*exception.name, &*exception.allow)).collect();
    let is_refused = |package: &&Package| {
        let Some(license) = &package.license else { return true };
        let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else { return true };
        let own = exceptions.get(&*package.name).copied().unwrap_or_default();
        !expression.evaluate(|required| is_among(required, &rules.allow) || is_among(required, own))
    };
    let name = |package: &Package| format!("{}: {:?}", package.name, package.license);
    packages.iter().filter(is_refused).map(name).collect()
}

#[test]
fn licences_are_those_that_are_allowed() {
    let (Rules { licenses, .. }, packages) = (rules(), packages());
    assert!(packages.len() > 100, "{} packages", packages.len());
    assert_eq!(refused_licences(&licenses, &packages), Vec::<String>::new());
    let unused: Vec<&String> = licenses
        .exceptions
        .iter()
        .map(|exception| &exception.name)
        .filter(|name| !packages.iter().any(|package| package.name == **name))
        .collect();
    assert!(unused.is_empty(), "exceptions for what is not depended on: {unused:?}");
}

#[test]
fn a_licence_that_is_not_allowed_is_refused() {
    let (Rules { licenses, .. }, mut packages) = (rules(), packages());
    for license in [None, Some("GPL-3.0-only"), Some("MIT AND GPL-3.0-only"), Some("no licence at all")] {
        packages[0].license = license.map(str::to_owned);
        assert_eq!(refused_licences(&licenses, &packages).len(), 1, "{license:?}");
    }
    packages[0].license = Some("GPL-3.0-only OR MIT".to_owned());
    assert_eq!(refused_licences(&licenses, &packages), Vec::<String>::new());
}

#[test]
fn packages_come_from_the_registry_and_none_is_banned() {
    let Rules { bans, .. } = rules();
    for package in packages() {
        let is_known = |source: &String| source == "registry+https://github.com/rust-lang/crates.io-index";
        assert!(package.source.as_ref().is_none_or(is_known), "{}: {:?}", package.name, package.source);
        let banned = bans.deny.iter().find(|banned| banned.name == package.name);
        assert!(banned.is_none(), "{}: {}", package.name, banned.map_or("", |banned| &*banned.reason));
        let is_wild = |dependency: &&Dependency| dependency.req == "*" && dependency.path.is_none();
        let wild = package.dependencies.iter().find(is_wild).filter(|_| package.source.is_none());
        assert!(
            wild.is_none(),
            "{} takes any version of {}",
            package.name,
            wild.map_or("", |one| &*one.name)
        );
    }
}
