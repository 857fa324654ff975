//! onnxruntime's stored answers = reference interpreter = witness = circuit, integer for integer, and the floats
//! after the last quantized operator bit for bit.

use std::{io::Write, path::Path};

use halo2_proofs::{dev::MockProver, halo2curves::bn256::Fr};
use lemma_circuits::{
    CompiledCircuit, compile,
    edge::{SoftmaxKernel, apply_tail, quantize_input},
    import::import,
    ir::Model,
    reference,
};
use lemma_tests::{Array, Fixture, Values, mlperf_tiny, read_npz_array};
use lemma_verifier::{
    circuit_id::CircuitId,
    scheme::Scheme,
    statement::{Context, Statement},
};

/// What was compared, and what differed.
#[derive(Debug, Default)]
struct Comparison {
    models: usize,
    rows: usize,
    integers: usize,
    different_integers: usize,
    floats: usize,
    different_floats: usize,
    /// Models that are not imported, or of which something differs.
    wrong_models: Vec<String>,
}

impl Comparison {
    fn fixture(&mut self, fixture: &Fixture) {
        let model = match import(&fixture.model, &fixture.path) {
            Ok(model) => model,
            Err(error) => {
                self.wrong_models.push(error.to_string());
                return;
            }
        };
        let before = self.different_integers + self.different_floats;
        let names: Vec<&str> = model.outputs.iter().map(|output| output.name.as_str()).collect();
        assert!(fixture.integers.keys().all(|name| names.contains(&name.as_str())), "{}", fixture.path);
        self.models += 1;
        let circuit = compile(model.clone(), Scheme::Ipa).unwrap();
        for row in 0..fixture.rows() {
            self.row(fixture, &model, &circuit, row);
        }
        let differences = self.different_integers + self.different_floats - before;
        if differences > 0 {
            self.wrong_models.push(format!("{}: {differences} differences", fixture.path));
        }
    }

    fn row(&mut self, fixture: &Fixture, model: &Model, circuit: &CompiledCircuit, row: usize) {
        let inputs: Vec<Vec<i32>> = model
            .inputs
            .iter()
            .map(|input| integers_of(input, &fixture.inputs[&input.name].row(row), model))
            .collect();
        let trace =
            reference::run(model, &inputs).unwrap_or_else(|error| panic!("{}: {error}", fixture.path));
        self.rows += 1;
        let stored =
            model.outputs.iter().map(|output| fixture.integers[&output.name].row(row).integers()).collect();
        self.circuit(circuit, inputs, stored, row == 0);
        for (output, integers) in model.outputs.iter().zip(trace.outputs()) {
            let expected = fixture.integers[&output.name].row(row);
            assert_eq!(expected.shape.iter().product::<usize>(), integers.len(), "{}", fixture.path);
            self.integers += integers.len();
            self.different_integers += different(integers, &expected.integers());
            if let Some(floats) = fixture.floats.get(&output.name) {
                let floats = floats.row(row);
                assert_eq!(floats.shape, output.shape, "{}: shape of '{}'", fixture.path, output.name);
                let computed = apply_tail(integers, &output.tail, SoftmaxKernel::Avx512).unwrap();
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                self.floats += computed.len();
                self.different_floats += different(&bits(&computed), &bits(floats.floats()));
            }
        }
    }

    /// The witness computes the stored outputs, and (checked where `satisfy`, every constraint of it) the circuit
    /// states them.
    fn circuit(
        &mut self,
        circuit: &CompiledCircuit,
        inputs: Vec<Vec<i32>>,
        outputs: Vec<Vec<i32>>,
        satisfy: bool,
    ) {
        let assignment = circuit.assign(&inputs).unwrap();
        for (witness, stored) in assignment.outputs.iter().zip(&outputs) {
            self.different_integers += different(witness, stored);
        }
        if satisfy {
            let statement =
                Statement { circuit: CircuitId([0; 32]), context: Context::default(), inputs, outputs };
            let public_inputs = statement.public_inputs(circuit.interface()).unwrap();
            let prover =
                MockProver::<Fr>::run(circuit.k(), &assignment.circuit, vec![public_inputs]).unwrap();
            assert_eq!(prover.verify().map_err(|failures| failures.len()), Ok(()));
        }
    }

    fn report(&self, what: &str) {
        // Written past the test harness's capture: the counts belong in every log.
        let _ = writeln!(
            std::io::stderr(),
            "{what}: {} models, {} rows: {} of {} integers and {} of {} floats differ",
            self.models,
            self.rows,
            self.different_integers,
            self.integers,
            self.different_floats,
            self.floats
        );
        assert_eq!(self.wrong_models, Vec::<String>::new(), "{what}");
        assert_eq!((self.different_integers, self.different_floats), (0, 0), "{what}");
    }
}

fn integers_of(input: &lemma_circuits::ir::Input, given: &Array, model: &Model) -> Vec<i32> {
    assert_eq!(given.shape, input.shape, "shape of '{}'", input.name);
    match (&input.quantize, &given.values) {
        (Some(quantization), Values::F32(values)) => {
            quantize_input(values, *quantization, model.tensor(input.tensor).elem).unwrap()
        }
        (None, Values::I8(_) | Values::U8(_)) => given.integers(),
        (expected, got) => panic!("'{}' is quantized by {expected:?} but given as {got:?}", input.name),
    }
}

fn different<T: PartialEq>(got: &[T], expected: &[T]) -> usize {
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).filter(|(got, expected)| got != expected).count()
}

#[test]
fn committed_fixtures() {
    let mut comparison = Comparison::default();
    Fixture::all().for_each(|fixture| comparison.fixture(&fixture));
    comparison.report("committed fixtures");
    assert!(comparison.models >= 60 && comparison.rows >= 15_000, "{comparison:?}");
}

#[test]
fn on_demand_models() {
    let mut comparison = Comparison::default();
    for name in ["autoencoder.qop", "autoencoder.qdq", "wide_mlp.qop"] {
        if let Some(fixture) = Fixture::generated(name) {
            comparison.fixture(&fixture);
        }
    }
    comparison.report("on-demand models");
}

/// As many random networks as there are.
#[test]
#[ignore = "of 1,000 networks it takes minutes"]
fn random_networks() {
    let mut comparison = Comparison::default();
    Fixture::random().for_each(|fixture| comparison.fixture(&fixture));
    comparison.report("random networks");
}

/// The MLPerf Tiny models: int8 at both ends, a trailing Softmax outside the proof, arrays have no batch dimension.
#[test]
fn mlperf_tiny_models() {
    let Some(directory) = mlperf_tiny() else { return };
    // Per model the answers stored: 16 random inputs and the real ones, times the outputs.
    for (name, integers) in [
        ("ad01", 16 * 640),
        ("kws", (16 + 1) * 12),
        ("ic_resnet8", (16 + 40) * 10),
        ("vww", (16 + 12) * 2),
        ("sww", (16 + 45) * 3),
    ] {
        let mut comparison = Comparison::default();
        let models = ["qop", "qdq"].map(|form| {
            let path = format!("{name}.{form}.onnx");
            let bytes = std::fs::read(directory.join(&path)).unwrap();
            import(&bytes, &path).unwrap_or_else(|error| panic!("{error}"))
        });
        assert_eq!(models[0].id(), models[1].id(), "{name}: both forms are one function");
        comparison.models += 2;
        comparison.mlperf_tiny(&models[0], &directory.join(format!("{name}.io.npz")));
        comparison.report(&format!("MLPerf Tiny {name}"));
        assert_eq!(comparison.integers, integers, "{name}");
    }
}

impl Comparison {
    fn mlperf_tiny(&mut self, model: &Model, arrays: &Path) {
        let circuit = compile(model.clone(), Scheme::Kzg).unwrap();
        for kind in ["random", "real"] {
            let Some(inputs) = read_npz_array(arrays, &format!("x_{kind}")) else { continue };
            let outputs = read_npz_array(arrays, &format!("ort_qop_{kind}")).expect("answers to the inputs");
            for row in 0..inputs.rows() {
                let input = inputs.row(row).integers();
                let trace = reference::run(model, std::slice::from_ref(&input)).unwrap();
                let proven = trace.outputs()[0];
                let answer = apply_tail(proven, &model.outputs[0].tail, SoftmaxKernel::Avx512).unwrap();
                let answer: Vec<i32> = answer.iter().map(|value| *value as i32).collect();
                let expected = outputs.row(row).integers();
                self.rows += 1;
                self.integers += expected.len();
                self.different_integers += different(&answer, &expected);
                let first = row == 0 && kind == "random";
                self.circuit(&circuit, vec![input], vec![proven.to_vec()], first);
            }
        }
    }
}

/// Both forms of a model, quantized with the same parameters, are the same function: the same model id.
#[test]
fn both_forms_are_one_model() {
    for stem in [
        "digits/s8s8",
        "digits/s8s8_per_channel",
        "digits/u8u8",
        "digits/s8s8_softmax",
        "convolutional/cnn_s8s8",
        "convolutional/cnn_s8s8_per_channel",
        "convolutional/cnn_u8u8",
        "convolutional/lenet5_s8s8",
        "convolutional/lenet5_s8s8_per_channel",
        "convolutional/lenet5_u8u8",
    ] {
        let id = |form: &str| {
            let fixture = Fixture::load(&format!("{stem}.{form}.onnx"));
            import(&fixture.model, &fixture.path).unwrap_or_else(|error| panic!("{error}")).id()
        };
        assert_eq!(id("qop"), id("qdq"), "{stem}");
    }
}
