//! The front door: prove an ONNX file in a few lines, verify in fewer.
//!
//! What is here calls the modules beside it, with their defaults: a [`Keyring`] in the user's store, the transparent scheme unless a
//! [`SetupChoice`] says otherwise. Float inputs are quantized as the model does, outputs are what the model's last operators
//! make of the proven integers.

use lemma_circuits::{
    CompiledCircuit, PlanError, compile_within,
    edge::{EdgeError, apply_tail, quantize_input},
    import::{ImportError, import},
};
use lemma_verifier::{
    circuit_id::CircuitId,
    interface::{Interface, Port},
    statement::{Context, Statement},
    verify::{BareKey, Expect, VerifierKey, VerifierKeyError, VerifyError, verify},
};

use crate::{
    env::softmax_kernel,
    keys::{Keyring, KeysError, ProvingKeys, SetupChoice},
    memory::plan_budget,
    params::{Parameters, ParamsError},
    progress::Silent,
    prove::{ProveError, prove},
    store::{Store, StoreError},
};

/// Why the front door stays closed: each variant is the error of the room behind it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FacadeError {
    /// The ONNX file is refused.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The model has no circuit.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The verifying key is none.
    #[error(transparent)]
    Key(#[from] VerifierKeyError),
    /// There are no parameters of the commitment scheme.
    #[error(transparent)]
    Parameters(#[from] ParamsError),
    /// Another number of inputs than the model has.
    #[error("the model has {expected} inputs, got {got}; give them in the order of the ONNX graph")]
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        got: usize,
    },
    /// Floats for an input of integers.
    #[error("input '{name}' takes integers, got floats; the model's first quantizer is not part of the file")]
    Floats {
        /// Name of the input.
        name: String,
    },
    /// A value has no integer, or an output no value.
    #[error("'{name}': {error}")]
    Edge {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        error: EdgeError,
    },
    /// There is no proof.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The proof is not accepted.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// One input of a model, row-major, batch 1.
///
/// ```
/// # fn prove(circuit: &lemma_prover::Circuit) -> Result<(), lemma_prover::FacadeError> {
/// use lemma_prover::Tensor;
///
/// let pixels = [0.25; 64];
/// let proof = circuit.prove(&[Tensor::Floats(&pixels)])?;
/// // The integers that the model's first quantizer made of them are what was proven.
/// let same = circuit.prove(&[Tensor::Integers(&proof.answers.inputs[0].integers)])?;
/// assert_eq!(same.answers, proof.answers);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tensor<'a> {
    /// What the ONNX graph takes where it quantizes its input itself.
    Floats(&'a [f32]),
    /// The integers that are proven.
    Integers(&'a [i32]),
}

/// One tensor of a statement.
///
/// ```
/// # fn show(answers: &lemma_prover::Answers) {
/// let output: &lemma_prover::Answer = &answers.outputs[0];
/// // A classifier that ends in Softmax: scores are proven, probabilities are computed from them.
/// println!("{} {:?}: {:?}, so {:?}", output.name, output.shape, output.integers, output.values);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Name in the ONNX graph.
    pub name: String,
    /// Shape in the ONNX graph, with batch 1.
    pub shape: Vec<usize>,
    /// The integers that are proven, row-major.
    pub integers: Vec<i32>,
    /// What the operators behind them, which are not part of the proof, make of them; the integers where there are none.
    pub values: Vec<f32>,
}

impl Answer {
    fn of(port: &Port, integers: &[i32]) -> Result<Self, FacadeError> {
        let name = port.name.clone();
        let values = apply_tail(integers, &port.tail, softmax_kernel())
            .map_err(|error| FacadeError::Edge { name: name.clone(), error })?;
        Ok(Self { name, shape: port.shape.clone(), integers: integers.to_vec(), values })
    }
}

/// What a proof says, with names and values.
///
/// ```
/// # fn check(verifier: &lemma_prover::Verifier, bundle: &[u8], mine: &[i32]) -> Result<(), lemma_prover::FacadeError> {
/// let answers: lemma_prover::Answers = verifier.verify(bundle)?;
/// // A proof is about the input that it states: that this is the one meant is the caller's to see.
/// assert_eq!(answers.inputs[0].integers, mine);
/// for output in &answers.outputs {
///     println!("{}: {:?}", output.name, output.values);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The statement itself.
    pub statement: Statement,
    /// The model's inputs, in the order of the ONNX graph.
    pub inputs: Vec<Answer>,
    /// The model's outputs, in the order of the ONNX graph.
    pub outputs: Vec<Answer>,
}

impl Answers {
    fn of(statement: Statement, interface: &Interface) -> Result<Self, FacadeError> {
        let all = |ports: &[Port], tensors: &[Vec<i32>]| -> Result<Vec<Answer>, FacadeError> {
            ports.iter().zip(tensors).map(|(port, integers)| Answer::of(port, integers)).collect()
        };
        let inputs = all(&interface.inputs, &statement.inputs)?;
        let outputs = all(&interface.outputs, &statement.outputs)?;
        Ok(Self { statement, inputs, outputs })
    }
}

/// A proof that has passed its own check.
///
/// ```
/// # fn keep(circuit: &lemma_prover::Circuit) -> Result<(), Box<dyn std::error::Error>> {
/// let proof: lemma_prover::Proof = circuit.prove(&[lemma_prover::Tensor::Integers(&[0; 64])])?;
/// std::fs::write("x.proof", &proof.bundle)?;
/// println!("{:?}", proof.answers.outputs[0].values);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Proof {
    /// The bytes of the `.proof` file.
    pub bundle: Vec<u8>,
    /// What they prove.
    pub answers: Answers,
}

/// The circuit of an ONNX file, with its keys.
///
/// ```
/// use lemma_prover::{
///     Circuit, Tensor, Verifier,
///     keys::{Keyring, SetupChoice},
///     store::Store,
/// };
///
/// let onnx = std::fs::read("../fixtures/digits/s8s8.qop.onnx")?;
/// let folder = tempfile::tempdir()?;
/// let keyring = Keyring::new(Store::open(folder.path())?);
/// let circuit = Circuit::with_setup(&onnx, SetupChoice::Transparent, &keyring)?;
/// let proof = circuit.prove(&[Tensor::Floats(&[0.0; 64])])?;
/// // Whoever has the key and believes the id needs neither model nor store.
/// let verifier = Verifier::of_key(&circuit.key_file()?, circuit.id())?;
/// assert_eq!(verifier.verify(&proof.bundle)?, proof.answers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Circuit {
    compiled: CompiledCircuit,
    keys: ProvingKeys,
}

impl Circuit {
    /// The circuit of an ONNX file in the transparent scheme, with keys in the user's store: made now, or found there.
    ///
    /// ```no_run
    /// let circuit = lemma_prover::Circuit::of_onnx(&std::fs::read("model.onnx")?)?;
    /// println!("circuit {}", circuit.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FacadeError::Import`] and [`FacadeError::Plan`] say what of the model cannot be proven, the others what the machine
    /// lacks.
    pub fn of_onnx(onnx: &[u8]) -> Result<Self, FacadeError> {
        Self::with_setup(onnx, SetupChoice::Transparent, &user_keyring()?)
    }

    /// The same in a setup of the caller's choice, with keys in a store of the caller's choice.
    ///
    /// ```no_run
    /// use lemma_prover::{
    ///     Circuit,
    ///     keys::{Keyring, SetupChoice},
    ///     params::SrsChoice,
    ///     store::Store,
    /// };
    ///
    /// // KZG, with the one ceremony that `lemma srs import` has put into this store.
    /// let keyring = Keyring::new(Store::open("keys".as_ref())?);
    /// let kzg = SetupChoice::Kzg(SrsChoice::Ceremony(None));
    /// let circuit = Circuit::with_setup(&std::fs::read("model.onnx")?, kzg, &keyring)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Circuit::of_onnx`].
    pub fn with_setup(onnx: &[u8], setup: SetupChoice, keyring: &Keyring) -> Result<Self, FacadeError> {
        let compiled = compiled(onnx, setup)?;
        let keys = keyring.proving_keys(&compiled, onnx, setup, &Silent)?;
        Ok(Self { compiled, keys })
    }

    /// The id that a verifier must know from elsewhere than the proof.
    ///
    /// ```
    /// # fn publish(circuit: &lemma_prover::Circuit) {
    /// println!("proofs of this model are of circuit {}", circuit.id());
    /// # }
    /// ```
    pub fn id(&self) -> CircuitId {
        self.keys.circuit_id()
    }

    /// Names, shapes and types of inputs and outputs.
    ///
    /// ```
    /// # fn describe(circuit: &lemma_prover::Circuit) {
    /// for port in &circuit.interface().inputs {
    ///     let takes = if port.quantize.is_some() { "floats" } else { "integers" };
    ///     println!("{} {:?} takes {takes}", port.name, port.shape);
    /// }
    /// # }
    /// ```
    pub fn interface(&self) -> &Interface {
        self.compiled.interface()
    }

    /// The bytes of the `.vk` file, for somebody who has neither model nor store.
    ///
    /// ```
    /// # fn hand_out(circuit: &lemma_prover::Circuit) -> Result<(), Box<dyn std::error::Error>> {
    /// std::fs::write("model.vk", circuit.key_file()?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the key is too large for a file.
    pub fn key_file(&self) -> Result<Vec<u8>, FacadeError> {
        Ok(self.keys.verifier().file().encode().map_err(VerifierKeyError::from)?)
    }

    /// Proves what the model answers to inputs, in the order of the ONNX graph, in no context.
    ///
    /// ```
    /// # fn answer(circuit: &lemma_prover::Circuit, pixels: &[f32]) -> Result<(), lemma_prover::FacadeError> {
    /// let proof = circuit.prove(&[lemma_prover::Tensor::Floats(pixels)])?;
    /// println!("{:?}", proof.answers.outputs[0].values);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the inputs are not the model's, or the proof fails.
    pub fn prove(&self, inputs: &[Tensor<'_>]) -> Result<Proof, FacadeError> {
        self.prove_in(inputs, Context::default())
    }

    /// The same, bound to an occasion.
    ///
    /// ```
    /// # fn answer(circuit: &lemma_prover::Circuit, pixels: &[f32], nonce: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
    /// use lemma_prover::{Tensor, verifier::statement::Context};
    ///
    /// // A value that whoever asked has just chosen: a proof that was made before does not have it.
    /// let proof = circuit.prove_in(&[Tensor::Floats(pixels)], Context::new(nonce.to_vec())?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Circuit::prove`].
    pub fn prove_in(&self, inputs: &[Tensor<'_>], context: Context) -> Result<Proof, FacadeError> {
        let ports = &self.interface().inputs;
        if ports.len() != inputs.len() {
            return Err(FacadeError::InputCount { expected: ports.len(), got: inputs.len() });
        }
        let integers: Result<Vec<_>, _> =
            ports.iter().zip(inputs).map(|(port, tensor)| tensor.quantized(port)).collect();
        let proven = prove(&self.keys, &self.compiled, &integers?, context, &Silent)?;
        Ok(Proof { bundle: proven.bundle, answers: Answers::of(proven.statement, self.interface())? })
    }
}

impl Tensor<'_> {
    fn quantized(self, port: &Port) -> Result<Vec<i32>, FacadeError> {
        let name = || port.name.clone();
        match (self, port.quantize) {
            (Self::Integers(integers), _) => Ok(integers.to_vec()),
            (Self::Floats(floats), Some(quantize)) => quantize_input(floats, quantize, port.elem)
                .map_err(|error| FacadeError::Edge { name: name(), error }),
            (Self::Floats(_), None) => Err(FacadeError::Floats { name: name() }),
        }
    }
}

/// What decides about proofs of one circuit.
///
/// ```no_run
/// let verifier = lemma_prover::Verifier::of_onnx(&std::fs::read("model.onnx")?)?;
/// let answers = verifier.verify(&std::fs::read("x.proof")?)?;
/// println!("{:?}", answers.outputs[0].values);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Verifier {
    key: VerifierKey,
}

impl Verifier {
    /// The verifier of an ONNX file's circuit in the transparent scheme, derived from the model itself.
    ///
    /// ```no_run
    /// let verifier = lemma_prover::Verifier::of_onnx(&std::fs::read("model.onnx")?)?;
    /// println!("accepts proofs of circuit {}", verifier.circuit());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Circuit::of_onnx`].
    pub fn of_onnx(onnx: &[u8]) -> Result<Self, FacadeError> {
        Self::with_setup(onnx, SetupChoice::Transparent, &user_keyring()?)
    }

    /// The same in a setup of the caller's choice, with keys in a store of the caller's choice.
    ///
    /// ```
    /// use lemma_prover::{
    ///     Circuit, Verifier,
    ///     keys::{Keyring, SetupChoice},
    ///     store::Store,
    /// };
    ///
    /// let onnx = std::fs::read("../fixtures/edge_cases/tiny_2_3_2_linear.onnx")?;
    /// let folder = tempfile::tempdir()?;
    /// let keyring = Keyring::new(Store::open(folder.path())?);
    /// let verifier = Verifier::with_setup(&onnx, SetupChoice::Transparent, &keyring)?;
    /// // Whoever derives it gets the same id.
    /// let circuit = Circuit::with_setup(&onnx, SetupChoice::Transparent, &keyring)?;
    /// assert_eq!(verifier.circuit(), circuit.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Circuit::of_onnx`].
    pub fn with_setup(onnx: &[u8], setup: SetupChoice, keyring: &Keyring) -> Result<Self, FacadeError> {
        let compiled = compiled(onnx, setup)?;
        Ok(Self { key: keyring.verifier_for(&compiled, onnx, setup, &Silent)? })
    }

    /// The verifier in a `.vk` file, which must be of the circuit the caller trusts: whoever makes a key can make it accept anything.
    /// Parameters are derived in memory; no store is touched.
    ///
    /// ```no_run
    /// use lemma_prover::{Verifier, verifier::circuit_id::CircuitId};
    ///
    /// // The id is what `lemma compile MODEL` shows, or somebody you believe says; the key may come from anybody.
    /// let mut id = [0; 32];
    /// hex::decode_to_slice(std::fs::read_to_string("circuit.txt")?.trim(), &mut id)?;
    /// let verifier = Verifier::of_key(&std::fs::read("model.vk")?, CircuitId(id))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the bytes are no such file, or the key of another circuit.
    pub fn of_key(vk: &[u8], circuit: CircuitId) -> Result<Self, FacadeError> {
        let key = BareKey::read(vk)?;
        key.expect_circuit(circuit)?;
        Ok(Self { key: Parameters::in_memory().complete::<FacadeError>(key, &Silent)? })
    }

    /// The circuit whose proofs are accepted.
    ///
    /// ```
    /// # fn show(verifier: &lemma_prover::Verifier) {
    /// println!("accepts proofs of circuit {}", verifier.circuit());
    /// # }
    /// ```
    pub fn circuit(&self) -> CircuitId {
        self.key.circuit_id()
    }

    /// What a proof made in no context proves. Proofs that rest on a string somebody drew on a machine of their own are refused.
    ///
    /// ```
    /// # fn judge(verifier: &lemma_prover::Verifier, bundle: &[u8]) {
    /// match verifier.verify(bundle) {
    ///     Ok(answers) => println!("{:?}", answers.outputs[0].values),
    ///     Err(refusal) => println!("not valid: {refusal}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`FacadeError::Verify`] says why it proves nothing.
    pub fn verify(&self, bundle: &[u8]) -> Result<Answers, FacadeError> {
        self.verify_in(bundle, Context::default())
    }

    /// The same for a proof made in the caller's context.
    ///
    /// ```
    /// # fn judge(verifier: &lemma_prover::Verifier, bundle: &[u8], nonce: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
    /// use lemma_prover::verifier::statement::Context;
    ///
    /// // The value that was sent along with the question.
    /// let answers = verifier.verify_in(bundle, Context::new(nonce.to_vec())?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_in(&self, bundle: &[u8], context: Context) -> Result<Answers, FacadeError> {
        let expect = Expect { circuit: self.circuit(), context: Some(context), allow_insecure_srs: false };
        Answers::of(verify(bundle, &self.key, &expect)?, self.key.interface())
    }
}

fn user_keyring() -> Result<Keyring, FacadeError> {
    Ok(Keyring::new(Store::open(&Store::default_root()?)?))
}

fn compiled(onnx: &[u8], setup: SetupChoice) -> Result<CompiledCircuit, FacadeError> {
    let model = import(onnx, "the model")?;
    Ok(compile_within(model, setup.scheme(), &plan_budget())?)
}
