//! The steps, each with the time it took.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    DemoError,
    client::{Answer, Client, ClientError, Job},
    offline::{OfflineError, Verifier},
};

/// An 8-bit network 64-32-10 that reads handwritten digits of 8 x 8 pixels.
const DIGITS_ONNX: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/digits/s8s8.qop.onnx"));

/// One handwritten digit.
const DIGIT_JSON: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/digits/example.json"));

/// How the model is tagged.
const TAG: &str = "digits:demo";

/// One step's time and what it was.
pub(super) fn say(took: Duration, what: &str) {
    line(&format!("{:>9}  {what}", time(took)));
}

/// One line of the demonstration. A reader that has gone away has seen what it wanted.
pub(super) fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// A time for a person.
pub(super) fn time(took: Duration) -> String {
    match took.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

/// Runs a step and says how long it took.
async fn step<T, E>(
    work: impl Future<Output = Result<T, E>>,
    tell: impl FnOnce(&T) -> String,
) -> Result<T, E> {
    let begin = Instant::now();
    let result = work.await?;
    say(begin.elapsed(), &tell(&result));
    Ok(result)
}

/// From the model to a verified proof.
pub(super) async fn show(address: SocketAddr) -> Result<(), DemoError> {
    let client = Client::new(address);
    let model = step(client.upload(DIGITS_ONNX, TAG), |model| {
        format!(
            "POST /v1/models      the digits model: {} bytes of ONNX, {} multiply-accumulates, id {}",
            model.bytes,
            model.macs,
            short(&model.id)
        )
    });
    let model = model.await?;
    let build = step(client.build(&model.id), tell_build).await?;
    let circuit = build.circuit.ok_or(ClientError::Incomplete { step: "build", member: "circuit" })?;
    let (context, inputs) = (context(), inputs());
    let nonce = hex::encode(context);
    let infer = client.infer(&circuit, &inputs, &nonce);
    let (answer, proof) = step(infer, |(answer, _)| tell_answer(answer)).await?;
    let proof = step(client.end_of("proof", proof), tell_proof).await?;
    let bundle = proof.bundle.ok_or(ClientError::Incomplete { step: "proof", member: "bundle" })?;
    let bundle = step(client.download(&bundle.href), |bytes| {
        format!("GET .../bundle       the proof with its statement: {} bytes", bytes.len())
    });
    let bundle = bundle.await?;
    let href = format!("/v1/circuits/{circuit}/vk");
    let key = step(client.download(&href), |bytes| {
        format!("GET .../vk           the verifying key: {} bytes", bytes.len())
    });
    let key = key.await?;
    verify(key, bundle, circuit, context, answer.integers()).await?;
    Ok(())
}

/// Offline: files, a library, and an id that is trusted.
async fn verify(
    key: Vec<u8>,
    bundle: Vec<u8>,
    circuit: String,
    context: [u8; 16],
    answered: Vec<Vec<i32>>,
) -> Result<(), OfflineError> {
    let check = move || {
        let begin = std::time::Instant::now();
        let verifier = Verifier::new(&key, &circuit, &context)?;
        say(
            begin.elapsed(),
            "offline              the key loads; it must be the circuit's, whose id `lemma compile MODEL` derives too",
        );
        let begin = std::time::Instant::now();
        let statement = verifier.check(&bundle)?;
        if statement.outputs != answered {
            return Err(OfflineError::OtherAnswer);
        }
        say(
            begin.elapsed(),
            &format!("offline              the proof is VALID for circuit {}", short(&circuit)),
        );
        let begin = std::time::Instant::now();
        let refusal = verifier.refuse_forgery(&bundle)?;
        say(
            begin.elapsed(),
            &format!("offline              with one output changed it is refused: {refusal}"),
        );
        Ok(())
    };
    tokio::task::spawn_blocking(check).await?
}

fn tell_build(build: &Job) -> String {
    let (k, columns) = build.prediction.as_ref().map_or((0, 0), |found| (found.k, found.advice_columns));
    format!(
        "POST /v1/circuits    compiled, both keys made: 2^{k} rows, {columns} advice columns, circuit {}",
        short(build.circuit.as_deref().unwrap_or_default())
    )
}

fn tell_answer(answer: &Answer) -> String {
    let outputs = answer.integers().concat();
    let best = outputs.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    format!(
        "POST /v1/infer       the answer at once: the picture is a {}; its proof is on the way",
        best.map_or(0, |(digit, _)| digit)
    )
}

fn tell_proof(proof: &Job) -> String {
    let phases: Vec<String> = proof
        .phases
        .iter()
        .map(|phase| format!("{} {}", phase.phase, time(Duration::from_secs_f64(phase.seconds))))
        .collect();
    format!("GET /v1/proofs/...   the proof is {} ({})", proof.status, phases.join(", "))
}

fn short(id: &str) -> String {
    format!("{}...", id.chars().take(12).collect::<String>())
}

/// A nonce of the client's, so that nobody can present an old proof as an answer to this request.
fn context() -> [u8; 16] {
    rand::random()
}

fn inputs() -> Value {
    // A file of this repository.
    serde_json::from_str(DIGIT_JSON).unwrap_or_default()
}
