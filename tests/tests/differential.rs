//! onnxruntime's stored answers = reference interpreter = witness = circuit, integer for integer, and the floats
//! after the last quantized operator bit for bit.

use std::io::Write;

use halo2_proofs::{dev::MockProver, halo2curves::bn256::Fr};
use lemma_circuits::edge::{SoftmaxKernel, apply_tail, quantize_input};
use lemma_circuits::import::import;
use lemma_circuits::ir::Model;
use lemma_circuits::plan::Scheme;
use lemma_circuits::reference;
use lemma_circuits::statement::{CircuitId, Context, Statement};
use lemma_circuits::{CompiledCircuit, compile};
use lemma_tests::{Array, Fixture, Values, mlperf_tiny, read_npz};

/// What was compared, and what differed.
#[derive(Debug, Default)]
struct Comparison {
    models: usize,
    rows: usize,
    integers: usize,
    different_integers: usize,
    floats: usize,
    different_floats: usize,
}

impl Comparison {
    fn fixture(&mut self, fixture: &Fixture) {
        let model = import(&fixture.model, &fixture.path).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<&str> = model.outputs.iter().map(|output| output.name.as_str()).collect();
        assert!(fixture.integers.keys().all(|name| names.contains(&name.as_str())), "{}", fixture.path);
        self.models += 1;
        let circuit = compile(model.clone(), Scheme::Ipa).unwrap_or_else(|error| panic!("{error}"));
        for row in 0..fixture.rows() {
            self.row(fixture, &model, &circuit, row);
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

/// The MLPerf Tiny autoencoder: its int8 input and output stay as they are, arrays have no batch dimension.
#[test]
fn mlperf_tiny_autoencoder() {
    let Some(directory) = mlperf_tiny() else { return };
    let mut comparison = Comparison::default();
    let arrays = read_npz(&directory.join("ad01.io.npz"));
    for form in ["qop", "qdq"] {
        let path = format!("ad01.{form}.onnx");
        let bytes = std::fs::read(directory.join(&path)).unwrap();
        let model = import(&bytes, &path).unwrap_or_else(|error| panic!("{error}"));
        comparison.models += 1;
        let circuit = compile(model.clone(), Scheme::Kzg).unwrap();
        let (inputs, outputs) = (&arrays["x_random"], &arrays["ort_qop_random"]);
        for row in 0..inputs.rows() {
            let trace = reference::run(&model, &[inputs.row(row).integers()]).unwrap();
            let expected = outputs.row(row).integers();
            comparison.rows += 1;
            comparison.integers += expected.len();
            comparison.different_integers += different(trace.outputs()[0], &expected);
            comparison.circuit(&circuit, vec![inputs.row(row).integers()], vec![expected], row == 0);
        }
    }
    comparison.report("MLPerf Tiny ad01");
    assert_eq!(comparison.integers, 2 * 16 * 640);
}

/// Both forms of a model, quantized with the same parameters, are the same function: the same model id.
#[test]
fn both_forms_are_one_model() {
    for stem in ["digits/s8s8", "digits/s8s8_per_channel", "digits/u8u8", "digits/s8s8_softmax"] {
        let id = |form: &str| {
            let fixture = Fixture::load(&format!("{stem}.{form}.onnx"));
            import(&fixture.model, &fixture.path).unwrap_or_else(|error| panic!("{error}")).id()
        };
        assert_eq!(id("qop"), id("qdq"), "{stem}");
    }
}
