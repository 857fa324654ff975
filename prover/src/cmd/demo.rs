//! `lemma demo`: the whole way from a picture to a verified proof, explained.

use std::time::Duration;

use lemma_prover::{inputs, keys::ProvingKeys, measure::Stopwatch, progress::Phase, prove::prove};
use lemma_verifier::{
    artifact::ProofBundle,
    interface::Interface,
    statement::{Context, Statement},
    verify::{Expect, verify},
};

use super::{
    answer::{self, Answer},
    args::{DemoArgs, MemoryArgs},
    bundled::{DIGIT_JSON, DIGIT_WIDTH, DIGITS_NAME, DIGITS_ONNX},
    compile::{circuit_json, insecure_note},
    failure::Failure,
    model::OnnxModel,
    output::{self, Outcome},
    picture,
    progress::Screen,
    prove::proving_keys,
    run::infer,
    session::{Compiled, Session, compile_model, setup_choice},
    text,
};

/// Runs the command.
pub(crate) fn run(args: &DemoArgs, session: &Session) -> Result<Outcome, Failure> {
    let setup = setup_choice(args.scheme, &args.setup)?;
    let onnx = OnnxModel::of(DIGITS_ONNX.to_vec(), DIGITS_NAME.to_owned())?;
    let interface = onnx.model.interface();
    let inputs = inputs::read(DIGIT_JSON, &interface, None).map_err(Failure::internal)?;
    session.output.say("A neural network reads a handwritten digit, and proves that it did.\n");
    explain_picture(session, &interface, &inputs);

    let watch = Stopwatch::start();
    let outputs = infer(&onnx.model, &inputs)?;
    let digit = explain_answer(session, &interface, &outputs, watch.read().wall)?;

    let compiled = compile_model(onnx, setup)?;
    explain_circuit(session, &compiled);

    let screen = Screen::default();
    let watch = Stopwatch::start();
    let keys = proving_keys(session, &compiled, MemoryArgs::default(), &screen)?;
    explain_keys(session, &keys, &screen, watch.read().wall)?;

    let proven = prove(&keys, &compiled.circuit, &inputs, Context::default(), &screen)?;
    let prove_time = screen.total(Phase::Prove).wall;
    explain_proof(session, &proven.bundle, prove_time, digit);

    let verify_time = check(&keys, &proven.bundle)?;
    explain_verification(session, verify_time);

    let forged = forge(&proven.bundle, &interface, digit)?;
    let refusal = refused(&keys, &forged.bundle)?;
    explain_refusal(session, &refusal, digit, forged.digit, &keys);

    let mut json = circuit_json(&compiled.circuit);
    json.extend(output::fields([
        ("circuit", keys.circuit_id().to_string().into()),
        ("digit", digit.into()),
        ("outputs", answer::json(&answer::answers(&interface.outputs, &outputs)?)),
        ("proof_bytes", proven.bundle.len().into()),
        ("prove_s", prove_time.as_secs_f64().into()),
        ("verify_s", verify_time.as_secs_f64().into()),
        ("valid", true.into()),
        ("forgery_refused", refusal.into()),
    ]));
    Ok(Outcome::done(closing(), json.into()))
}

fn explain_picture(session: &Session, interface: &Interface, inputs: &[Vec<i32>]) {
    let (Some(port), Some(pixels)) = (interface.inputs.first(), inputs.first()) else { return };
    let dequantize = |pixel: &i32| match port.quantize {
        Some(quantization) => (pixel - quantization.zero_point) as f32 * quantization.scale,
        None => *pixel as f32,
    };
    let brightness: Vec<f32> = pixels.iter().map(dequantize).collect();
    session.output.say(format!(
        "1. The picture: {} pixels, each one an 8-bit integer.\n\n{}\n",
        pixels.len(),
        picture::draw(&brightness, DIGIT_WIDTH)
    ));
}

/// Says what the model answers and returns the digit.
fn explain_answer(
    session: &Session,
    interface: &Interface,
    outputs: &[Vec<i32>],
    took: Duration,
) -> Result<usize, Failure> {
    let answers = answer::answers(&interface.outputs, outputs)?;
    let digit = answers.first().and_then(Answer::greatest).map_or(0, |greatest| greatest.0);
    session.output.say(format!(
        "2. The model answers {digit}. [{}]\n   Ten scores, one per digit, computed in integers exactly as onnxruntime \
         computes them:\n{}\n",
        text::seconds(took.as_secs_f64()),
        scores(outputs, digit)
    ));
    Ok(digit)
}

fn scores(outputs: &[Vec<i32>], digit: usize) -> String {
    let scores = outputs.first().map(Vec::as_slice).unwrap_or_default();
    let digits = (0..scores.len()).map(|digit| format!("{digit:>5}")).collect::<String>();
    let values = scores.iter().map(|score| format!("{score:>5}")).collect::<String>();
    format!("     digit {digits}\n     score {values}\n           {:>1$}", "^", 5 * (digit + 1))
}

fn explain_circuit(session: &Session, compiled: &Compiled) {
    let circuit = &compiled.circuit;
    let (shape, plan) = (circuit.shape(), circuit.layout());
    session.output.say(format!(
        "3. The model becomes a circuit: equations that hold only if every layer was computed right. [{}]\n   \
         {} rows in {} columns. Its {} multiplications take no cell of their own: each layer is one\n   \
         equation between polynomials, checked at a random point that nobody knew beforehand.\n",
        text::seconds(compiled.elapsed.as_secs_f64()),
        text::count(plan.rows() as u64),
        shape.num_advice(),
        text::count(circuit.model().macs()),
    ));
}

fn explain_keys(
    session: &Session,
    keys: &ProvingKeys,
    screen: &Screen,
    took: Duration,
) -> Result<(), Failure> {
    let made = screen.total(Phase::ProvingKey).wall > Duration::ZERO;
    let setup = match (keys.verifier().srs(), keys.verifier().insecure_srs()) {
        (None, _) => "The ipa scheme needs no trusted setup: the parameters come from a hash function.",
        (Some(_), false) => "The kzg scheme uses the parameters of a public ceremony.",
        (Some(_), true) => "INSECURE: the kzg parameters were made on this machine. For benchmarks only.",
    };
    let parameters = screen.total(Phase::Parameters).wall;
    let how = match made {
        true => format!(
            "Made now, {} of it for the parameters, and kept for the next time",
            text::seconds(parameters.as_secs_f64())
        ),
        false => "Read, because they were made before".to_owned(),
    };
    session.output.say(format!(
        "4. Keys for the circuit. [{}]\n   {how}, in\n   {}\n   {setup}\n   Circuit id {}\n   \
         is a hash of the model, the layout and the verifying key: the same on every machine.\n",
        text::seconds(took.as_secs_f64()),
        session.store()?.root().display(),
        keys.circuit_id(),
    ));
    Ok(())
}

fn explain_proof(session: &Session, bundle: &[u8], took: Duration, digit: usize) {
    session.output.say(format!(
        "5. The proof: {}. [{}]\n   It states: this circuit, on these 64 pixels, gives these ten scores - so the answer is \
         {digit}.\n",
        text::bytes(bundle.len() as u64),
        text::seconds(took.as_secs_f64()),
    ));
}

fn expect(keys: &ProvingKeys) -> Expect {
    // Whoever runs the demo has just made the parameters, and was told so.
    Expect { circuit: keys.circuit_id(), context: Some(Context::default()), allow_insecure_srs: true }
}

/// Verifies the bytes and returns the time it took.
fn check(keys: &ProvingKeys, bundle: &[u8]) -> Result<Duration, Failure> {
    let watch = Stopwatch::start();
    verify(bundle, keys.verifier(), &expect(keys)).map_err(Failure::internal)?;
    Ok(watch.read().wall)
}

fn explain_verification(session: &Session, took: Duration) {
    session.output.say(format!(
        "6. Anyone verifies it offline, from the proof's bytes, the verifying key and the circuit id: VALID. [{}]\n   \
         The id is what is trusted: whoever has the model derives it, and a key of another id is refused.\n",
        text::seconds(took.as_secs_f64()),
    ));
}

/// A bundle whose statement claims another answer.
struct Forgery {
    bundle: Vec<u8>,
    digit: usize,
}

/// Swaps the winning score with another and seals the file again, checksum included: only the proof itself can
/// tell.
fn forge(bundle: &[u8], interface: &Interface, digit: usize) -> Result<Forgery, Failure> {
    let mut bundle = ProofBundle::decode(bundle).map_err(Failure::internal)?;
    let mut statement = Statement::decode(&bundle.statement, interface).map_err(Failure::internal)?;
    let scores = statement.outputs.first_mut().filter(|scores| digit < scores.len());
    let scores = scores.ok_or_else(|| Failure::internal("the digits model has no scores"))?;
    let claimed = (digit + 7) % scores.len();
    scores.swap(digit, claimed);
    bundle.statement = statement.encode(interface).map_err(Failure::internal)?;
    Ok(Forgery { bundle: bundle.encode().map_err(Failure::internal)?, digit: claimed })
}

/// Why the forgery is refused.
///
/// # Errors
/// [`Failure::Internal`] when it is not.
fn refused(keys: &ProvingKeys, forged: &[u8]) -> Result<String, Failure> {
    match verify(forged, keys.verifier(), &expect(keys)) {
        Err(error) => Ok(error.to_string()),
        Ok(_) => Err(Failure::internal("a forged statement was accepted")),
    }
}

fn explain_refusal(session: &Session, refusal: &str, digit: usize, claimed: usize, keys: &ProvingKeys) {
    session.output.say(format!(
        "7. A forger changes the answer from {digit} to {claimed} in the file and mends its checksum: INVALID.\n   \
         Reason: {refusal}.{}\n",
        insecure_note(keys.verifier()),
    ));
}

fn closing() -> String {
    "Your own model, quantized by onnxruntime to int8 or uint8:\n\n  \
       lemma compile model.onnx                             what it will cost, and its circuit id\n  \
       lemma prove model.onnx --input x.npz -o x.proof      answer and proof\n  \
       lemma verify x.proof --onnx model.onnx               the verdict, for the model\n  \
       lemma verify x.proof --circuit ID --vk model.vk      the same, for its circuit id and a key (`lemma vk`)\n  \
       lemma ops                                            which operators can be proven"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrow_points_at_the_winning_score() {
        let drawn = scores(&[vec![1, -20, 7]], 2);
        let columns: Vec<usize> = drawn.lines().map(str::len).collect();
        assert_eq!(columns[0], columns[2], "{drawn}");
        assert!(drawn.ends_with('^'));
    }

    #[test]
    fn the_bundled_digit_is_read_as_what_it_is() {
        let onnx = OnnxModel::of(DIGITS_ONNX.to_vec(), DIGITS_NAME.to_owned()).unwrap();
        let interface = onnx.model.interface();
        let inputs = inputs::read(DIGIT_JSON, &interface, None).unwrap();
        let outputs = infer(&onnx.model, &inputs).unwrap();
        let answers = answer::answers(&interface.outputs, &outputs).unwrap();
        assert_eq!(answers[0].greatest().unwrap().0, 0);
    }
}
