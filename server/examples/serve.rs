//! A service inside a program, and a client that believes nothing it says: `serve MODEL.onnx INPUTS.json`.

use std::{env, error::Error, fs, process};

use lemma_prover::Verifier;
use lemma_server::{
    process::{
        config::{Config, Settings},
        run::Running,
        shutdown::Shutdown,
    },
    work::worker::{ChildCommand, run_if_child},
};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    // The service proves in processes of this program, which end here.
    if let Some(code) = run_if_child() {
        process::exit(code);
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, inputs] = arguments.as_slice() else { return Err("expected MODEL.onnx INPUTS.json".into()) };
    let (onnx, inputs) = (fs::read(model)?, serde_json::from_slice(&fs::read(inputs)?)?);
    let proof = tokio::runtime::Runtime::new()?.block_on(served(&onnx, &inputs))?;
    // Offline, from the model: neither an id nor a key of the service's is trusted.
    let answers = Verifier::of_onnx(&onnx)?.verify(&proof)?;
    for output in &answers.outputs {
        println!("{} {:?}: {:?}", output.name, output.shape, output.values);
    }
    Ok(())
}

/// The proof file that a service makes which runs just for it, on a free port.
async fn served(onnx: &[u8], inputs: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
    let data = tempfile::tempdir()?;
    let settings = Settings {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data: Some(data.path().to_owned()),
        ..Settings::default()
    };
    let stop = Shutdown::default();
    let service = Running::open(Config::of(settings)?, ChildCommand::this_program()?, stop.clone()).await?;
    let base = format!("http://{}", service.address());
    println!("listening on {base}");
    let service = tokio::spawn(service.run());
    let proof = prove(&base, onnx, inputs).await;
    stop.begin();
    service.await?;
    println!("stopped");
    proof
}

async fn prove(base: &str, onnx: &[u8], inputs: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
    let http = Client::new();
    let upload = http.post(format!("{base}/v1/models")).header("content-type", "application/octet-stream");
    let model = answer(upload.body(onnx.to_vec())).await?;
    let build = http.post(format!("{base}/v1/circuits")).json(&json!({ "model": model["id"] }));
    let circuit = ended(&http, base, build).await?["circuit"].clone();
    let order = http.post(format!("{base}/v1/proofs")).json(&json!({ "circuit": circuit, "inputs": inputs }));
    let proof = ended(&http, base, order).await?;
    let bundle = proof["bundle"]["href"].as_str().ok_or("the service made no proof")?;
    let file = http.get(format!("{base}{bundle}")).send().await?.error_for_status()?;
    Ok(file.bytes().await?.to_vec())
}

/// What became of the job that a request asks for. Each request waits for its end, at most a minute.
async fn ended(http: &Client, base: &str, request: RequestBuilder) -> Result<Value, Box<dyn Error>> {
    let mut job = answer(request.header("prefer", "wait=60")).await?;
    while matches!(job["status"].as_str(), Some("queued" | "running")) {
        let href = job["href"].as_str().ok_or("a job has an address")?;
        job = answer(http.get(format!("{base}{href}")).header("prefer", "wait=60")).await?;
    }
    if job["status"] == "succeeded" { Ok(job) } else { Err(job.to_string().into()) }
}

/// The JSON that the service answers. What it refuses is JSON too, and says what to do.
async fn answer(request: RequestBuilder) -> Result<Value, Box<dyn Error>> {
    let response = request.send().await?;
    let (accepted, json) = (response.status().is_success(), response.json::<Value>().await?);
    if accepted { Ok(json) } else { Err(json["detail"].to_string().into()) }
}
