//! The layout of a circuit depends on its model alone.

use std::{fs, path::PathBuf, process::Command};

use halo2_proofs::{
    halo2curves::bn256::G1Affine,
    plonk::keygen_vk,
    poly::{commitment::ParamsProver, ipa::commitment::ParamsIPA},
};
use lemma_circuits::testing::{
    layout,
    networks::{self, Tiny},
};
use sha2::{Digest, Sha256};

/// Set to rewrite the pinned layouts.
const REGENERATE: &str = "LEMMA_REGENERATE_LAYOUTS";

fn pinned() -> [Tiny; 7] {
    let [lanes, split, mixed] = [networks::lanes(), networks::split(), networks::mixed()];
    [
        lanes,
        split,
        mixed,
        networks::padded(),
        networks::residual(),
        networks::interleaved(),
        networks::product(),
    ]
}

/// sha256 of the library's text of the verifying key, which contains every gate and commitment.
fn verifying_key(tiny: &Tiny, threads: usize) -> String {
    let params = ParamsIPA::<G1Affine>::new(tiny.subject.compiled.k());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let circuit = tiny.subject.compiled.circuit();
    let key = pool.install(|| keygen_vk(&params, &circuit)).unwrap();
    format!("verifying key {}\n", hex::encode(Sha256::digest(format!("{:?}", key.pinned()))))
}

#[test]
fn inputs_and_a_missing_witness_leave_the_layout_alone() {
    for tiny in networks::all() {
        let mut texts: Vec<String> = tiny
            .samples()
            .iter()
            .zip(0..)
            .map(|(inputs, draw)| layout::text(&tiny.subject, &tiny.subject.grid(inputs, draw)))
            .collect();
        let bare = tiny.subject.grid_of(&tiny.subject.compiled.circuit(), &[], 0);
        texts.push(layout::text(&tiny.subject, &bare));
        texts.dedup();
        assert_eq!(texts.len(), 1, "{}", tiny.name);
    }
}

#[test]
fn threads_leave_the_verifying_key_alone() {
    for tiny in pinned() {
        assert_eq!(verifying_key(&tiny, 1), verifying_key(&tiny, 2), "{}", tiny.name);
    }
}

/// The variable can be set only for a process of one's own: the parent runs this test again with each value.
#[test]
fn a_cap_on_the_degree_changes_no_verifying_key() {
    const CHILD: &str = "LEMMA_TEST_PRINT_VERIFYING_KEYS";
    let keys =
        || [networks::mixed(), networks::padded(), networks::strided()].map(|tiny| verifying_key(&tiny, 1));
    if std::env::var_os(CHILD).is_some() {
        keys().iter().for_each(|key| print!("{key}"));
        return;
    }
    let expected = keys();
    for value in ["4", "5", "9"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_cap_on_the_degree_changes_no_verifying_key", "--nocapture"])
            .env("MAX_DEGREE", value)
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "MAX_DEGREE={value}: {text}");
        assert!(expected.iter().all(|key| text.contains(key)), "MAX_DEGREE={value}: {text}");
    }
}

#[test]
fn layouts_and_verifying_keys_are_the_pinned_ones() {
    for tiny in pinned() {
        let name = format!("{}.txt", tiny.name.replace(' ', "_"));
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/layouts").join(name);
        let grid = tiny.subject.grid(&tiny.samples()[0], 0);
        let text = layout::text(&tiny.subject, &grid) + &verifying_key(&tiny, 1);
        if std::env::var_os(REGENERATE).is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text == expected,
            "{}: the layout differs from {}. Every verifying key changes with it: if that is meant, run the \
             test with {REGENERATE}=1",
            tiny.name,
            path.display()
        );
    }
}
