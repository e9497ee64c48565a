//! The rules by which the code base is divided, read from what cargo and the file system say.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Who may depend on whom, inside the workspace. Crates that only wire things up may depend on all others.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("keruen-proto", &[]),
    ("keruen-domain", &["keruen-proto"]),
    // The log knows bytes and tags, no domain type.
    ("keruen-log", &["keruen-proto"]),
    // What the gRPC services share.
    (
        "keruen-edge",
        &["keruen-domain", "keruen-log", "keruen-proto"],
    ),
    (
        "keruen-inventory",
        &["keruen-domain", "keruen-edge", "keruen-log", "keruen-proto"],
    ),
    (
        "keruen-registry",
        &["keruen-domain", "keruen-edge", "keruen-log", "keruen-proto"],
    ),
    (
        "keruen-requests",
        &["keruen-domain", "keruen-edge", "keruen-log", "keruen-proto"],
    ),
    (
        "keruen-shipments",
        &["keruen-domain", "keruen-edge", "keruen-log", "keruen-proto"],
    ),
    (
        "keruen-projections",
        &["keruen-domain", "keruen-edge", "keruen-log", "keruen-proto"],
    ),
    // Pages ask the services as any client does.
    ("keruen-gateway", &["keruen-proto"]),
    // Starts servers; knows nothing of what is tested on them.
    ("keruen-test-servers", &[]),
];
const MAY_DEPEND_ON_ALL: &[&str] = &["keruen", "keruen-tests"];

/// What a pure crate can't need.
const IMPURE: &[&str] = &[
    "axum",
    "getrandom",
    "rand",
    "rusqlite",
    "tokio",
    "tonic",
    "tracing",
    "uuid",
];

const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "deploy",
    "migrations",
    "proto",
    "services",
    "tests",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .unwrap()
}

fn direct_dependencies(package: &Package) -> BTreeSet<&str> {
    let shipped = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development);
    shipped.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn crates_depend_on_each_other_as_agreed() {
    let metadata = workspace();
    let rules: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        if MAY_DEPEND_ON_ALL.contains(&name) {
            continue;
        }
        let allowed = rules
            .get(name)
            .unwrap_or_else(|| panic!("{name} is new: say what it may depend on"));
        for dependency in direct_dependencies(package) {
            let is_ours = dependency.starts_with("keruen");
            assert!(
                !is_ours || allowed.contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let metadata = workspace();
    let domain = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "keruen-domain")
        .unwrap();
    let dependencies = direct_dependencies(domain);
    for impure in IMPURE {
        assert!(
            !dependencies.contains(impure),
            "keruen-domain must not depend on {impure}"
        );
    }
    // The clock and randomness of the standard library are banned by lint.
    let banned = fs::read_to_string(root().join("services/domain/.clippy.toml")).unwrap();
    for call in ["std::time::SystemTime::now", "std::time::Instant::now"] {
        assert!(
            banned.contains(call),
            "services/domain/.clippy.toml must ban {call}"
        );
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let workspace_manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace_manifest.contains("unsafe_code = \"forbid\""));
    for package in &workspace().packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has lints of its own",
            package.name
        );
        assert!(
            !manifest.contains("git = "),
            "{} depends on a moving target",
            package.name
        );
    }
}

#[test]
fn the_top_level_is_the_agreed_one() {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored: BTreeSet<&str> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let found: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !ignored.contains(name.as_str()))
        .collect();
    let agreed: BTreeSet<String> = TOP_LEVEL.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, agreed);
}

#[test]
fn names_say_what_is_inside() {
    let mut folders = vec![
        root().join("proto"),
        root().join("services"),
        root().join("tests"),
    ];
    let mut looked_at = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .to_lowercase();
            assert!(
                !EMPTY_NAMES.contains(&stem.as_str()),
                "{}: this name says nothing",
                path.display()
            );
            looked_at += 1;
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    assert!(looked_at > 100, "only {looked_at} names were found");
}
