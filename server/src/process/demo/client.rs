//! A client of the service: HTTP and JSON, nothing else.

use std::net::SocketAddr;

use reqwest::{RequestBuilder, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Most requests for the end of one job, each of which waits a minute.
const PATIENCE: u32 = 30;

/// How long one request waits.
const WAIT: &str = "wait=60";

/// Why the service did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The service was not reached, or its answer is no JSON.
    #[error("{step}: {source}")]
    Http {
        /// What was tried.
        step: &'static str,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The service answered with a problem.
    #[error("{step}: the service answers {status}: {detail}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// The status.
        status: StatusCode,
        /// The problem's detail.
        detail: String,
    },
    /// A job ended without success.
    #[error("{step}: the job is {status}: {reason}")]
    Unsuccessful {
        /// What was tried.
        step: &'static str,
        /// The job's state.
        status: String,
        /// Why.
        reason: String,
    },
    /// An answer lacks something.
    #[error("{step}: the answer has no {member}")]
    Incomplete {
        /// What was tried.
        step: &'static str,
        /// What is missing.
        member: &'static str,
    },
}

/// An uploaded model.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) bytes: u64,
    pub(super) macs: u64,
}

/// A build or a proof.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    href: String,
    pub(super) status: String,
    pub(super) circuit: Option<String>,
    #[serde(default)]
    failure: Option<Failure>,
    #[serde(default)]
    pub(super) phases: Vec<Phase>,
    #[serde(default)]
    pub(super) bundle: Option<Bundle>,
    #[serde(default)]
    pub(super) prediction: Option<Prediction>,
}

/// What the service expects of a circuit.
#[derive(Debug, Deserialize)]
pub(super) struct Prediction {
    pub(super) k: u32,
    pub(super) advice_columns: u32,
}

/// Why a job failed.
#[derive(Debug, Deserialize)]
struct Failure {
    reason: String,
}

/// Time of a step.
#[derive(Debug, Deserialize)]
pub(super) struct Phase {
    pub(super) phase: String,
    pub(super) seconds: f64,
}

/// A finished proof.
#[derive(Debug, Deserialize)]
pub(super) struct Bundle {
    pub(super) href: String,
}

/// An answer with its proof to follow.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    outputs: Vec<Output>,
    proof: Option<Job>,
}

#[derive(Debug, Deserialize)]
struct Output {
    integers: Vec<Vec<i32>>,
}

impl Answer {
    /// Per output, its integers.
    pub(super) fn integers(&self) -> Vec<Vec<i32>> {
        self.outputs.iter().map(|output| output.integers.concat()).collect()
    }
}

/// A client that knows the service's address.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { http: reqwest::Client::new(), base: format!("http://{address}") }
    }

    pub(super) async fn upload(&self, onnx: &'static [u8], tag: &str) -> Result<Model, ClientError> {
        let request = self.http.post(format!("{}/v1/models", self.base)).query(&[("tag", tag)]);
        json_of("upload", request.header("content-type", "application/octet-stream").body(onnx)).await
    }

    pub(super) async fn build(&self, model: &str) -> Result<Job, ClientError> {
        let request = self.http.post(format!("{}/v1/circuits", self.base)).header("prefer", WAIT);
        let build = json_of("build", request.json(&json!({ "model": model }))).await?;
        self.end_of("build", build).await
    }

    /// The answer, and the proof that follows.
    pub(super) async fn infer(
        &self,
        circuit: &str,
        inputs: &Value,
        context: &str,
    ) -> Result<(Answer, Job), ClientError> {
        let body = json!({ "circuit": circuit, "inputs": inputs, "context": context });
        let request = self.http.post(format!("{}/v1/infer", self.base)).json(&body);
        let mut answer: Answer = json_of("infer", request).await?;
        let proof = answer.proof.take().ok_or(ClientError::Incomplete { step: "infer", member: "proof" })?;
        Ok((answer, proof))
    }

    /// The job once it has succeeded.
    pub(super) async fn end_of(&self, step: &'static str, mut job: Job) -> Result<Job, ClientError> {
        for _ in 0..PATIENCE {
            if !matches!(job.status.as_str(), "queued" | "running") {
                break;
            }
            job = json_of(step, self.http.get(format!("{}{}", self.base, job.href)).header("prefer", WAIT))
                .await?;
        }
        if job.status == "succeeded" {
            return Ok(job);
        }
        let reason = job.failure.map_or_else(|| "no reason is given".to_owned(), |failure| failure.reason);
        Err(ClientError::Unsuccessful { step, status: job.status, reason })
    }

    pub(super) async fn download(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let step = "download";
        let response = checked(step, self.http.get(format!("{}{path}", self.base))).await?;
        Ok(response.bytes().await.map_err(|source| ClientError::Http { step, source })?.to_vec())
    }
}

async fn json_of<T: DeserializeOwned>(step: &'static str, request: RequestBuilder) -> Result<T, ClientError> {
    let response = checked(step, request).await?;
    response.json().await.map_err(|source| ClientError::Http { step, source })
}

async fn checked(step: &'static str, request: RequestBuilder) -> Result<reqwest::Response, ClientError> {
    let response = request.send().await.map_err(|source| ClientError::Http { step, source })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem: Value = response.json().await.unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("no detail is given").to_owned();
    Err(ClientError::Refused { step, status, detail })
}
