//! A tiny circuit and a throw-away store, for the tests of this crate.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use lemma_circuits::{
    CompiledCircuit, compile,
    ir::{ChannelSteps, Elem, FullyConnected, Input, Model, Node, Op, Output, Requantize, Tensor, TensorId},
};
use lemma_verifier::{
    scheme::Scheme,
    setup::{KzgSetup, Setup},
    statement::Context,
    verify::Expect,
};
use tempfile::TempDir;

use crate::{
    keys::{Keyring, ProvingKeys, SetupChoice},
    params::SrsChoice,
    progress::Silent,
    prove::prove,
    store::Store,
};

pub(crate) const IPA: SetupChoice = SetupChoice::Transparent;
pub(crate) const KZG: SetupChoice = SetupChoice::Kzg(SrsChoice::InsecureLocal);

/// Stands for the model's ONNX file, which these tests only store.
pub(crate) const ONNX: &[u8] = b"onnx";

/// A fully connected layer from 3 to 2 elements; `weight` tells models of one shape apart.
pub(crate) fn model(weight: i16) -> Model {
    let layer = FullyConnected {
        inputs: 3,
        outputs: 2,
        weights: vec![weight, -2, 5, 7, 11, -3],
        bias: vec![10, -20],
        input_zero_point: 0,
        requantize: Requantize {
            channels: ChannelSteps::Multipliers(vec![0.125, 0.25]),
            zero_point: 1,
            lo: -128,
            hi: 127,
        },
    };
    let tensor = |len| Tensor { elem: Elem::I8, len, range: (-128, 127) };
    Model {
        tensors: vec![tensor(3), tensor(2)],
        nodes: vec![Node {
            name: "layer".into(),
            op: Op::FullyConnected(layer),
            inputs: vec![TensorId(0)],
            output: TensorId(1),
        }],
        inputs: vec![Input { name: "x".into(), shape: vec![1, 3], tensor: TensorId(0), quantize: None }],
        outputs: vec![Output { name: "y".into(), shape: vec![1, 2], tensor: TensorId(1), tail: vec![] }],
    }
}

pub(crate) fn circuit(weight: i16, setup: SetupChoice) -> CompiledCircuit {
    compile(model(weight), setup.scheme()).unwrap()
}

pub(crate) fn inputs() -> Vec<Vec<i32>> {
    vec![vec![5, -100, 127]]
}

pub(crate) fn context() -> Context {
    Context::new(b"audience".to_vec()).unwrap()
}

/// A store in a directory of its own.
pub(crate) fn store() -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

/// Keys with one proof, made once per scheme and shared by all tests that do not touch the store.
pub(crate) struct Example {
    pub(crate) circuit: CompiledCircuit,
    pub(crate) keys: ProvingKeys,
    pub(crate) bundle: Vec<u8>,
}

impl Example {
    pub(crate) fn of(setup: SetupChoice) -> &'static Self {
        static IPA_EXAMPLE: OnceLock<Example> = OnceLock::new();
        static KZG_EXAMPLE: OnceLock<Example> = OnceLock::new();
        let cell = match setup.scheme() {
            Scheme::Ipa => &IPA_EXAMPLE,
            Scheme::Kzg => &KZG_EXAMPLE,
        };
        cell.get_or_init(|| Self::make(setup))
    }

    fn make(setup: SetupChoice) -> Self {
        let (_directory, store) = store();
        let circuit = circuit(3, setup);
        let keys = Keyring::new(store).proving_keys(&circuit, ONNX, setup, &Silent).unwrap();
        let bundle = prove(&keys, &circuit, &inputs(), context(), &Silent).unwrap().bundle;
        Self { circuit, keys, bundle }
    }

    /// A KZG setup with these bytes as the secret's image.
    pub(crate) fn with_secret_image(bytes: [[u8; 32]; 4]) -> Setup {
        Setup::Kzg(KzgSetup::of_bytes(bytes, true))
    }

    /// What a careful caller of the example expects.
    pub(crate) fn expect(&self) -> Expect {
        Expect { circuit: self.keys.circuit_id(), context: Some(context()), allow_insecure_srs: true }
    }
}

/// All files below a directory, sorted.
pub(crate) fn files(directory: &Path) -> Vec<Arc<Path>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path.into()) }
    }
    found.sort();
    found
}
