//! Services to test, and a client.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{OnceLock, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use lemma_server::{
    process::{
        config::{Config, Settings},
        run::Running,
        shutdown::Shutdown,
    },
    work::worker::ChildCommand,
};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The bundled digits network.
pub(crate) const DIGITS: &[u8] = include_bytes!("../../../fixtures/digits/s8s8.qop.onnx");
/// The same with a Softmax at its end.
pub(crate) const SOFTMAX: &[u8] = include_bytes!("../../../fixtures/digits/s8s8_softmax.qop.onnx");
const DIGIT: &str = include_str!("../../../fixtures/digits/example.json");

/// A service in this process, stopped when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) data: PathBuf,
    http: reqwest::Client,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    circuit: OnceCell<String>,
}

/// An answer: status, headers, and the body if it is JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Checks that it is a problem of this kind and returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, name: &str, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["type"], format!("urn:lemma:problem:{name}"));
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["instance"], format!("urn:lemma:request:{}", self.header("x-request-id")));
        assert!(!self.json["title"].as_str().unwrap().is_empty());
        self.json["detail"].as_str().unwrap()
    }

    /// Checks the status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}", self.json, self.headers);
        self
    }
}

/// The program with the hidden subcommand that proves.
pub(crate) fn child() -> ChildCommand {
    ChildCommand { program: env!("CARGO_BIN_EXE_lemma-server").into(), arguments: vec!["prove-child".into()] }
}

/// Processes that work on jobs do not begin before this file is gone; those that plan do.
pub(crate) fn held_child(gate: &Path) -> ChildCommand {
    child_after(r#"case "$*" in *--store*) while [ -e "$path" ]; do sleep 0.02; done;; esac"#, gate)
}

/// Worker processes that run this first, in a shell that knows a path. Of their arguments, only processes that plan have no
/// `--store`.
pub(crate) fn child_after(script: &str, path: &Path) -> ChildCommand {
    let ChildCommand { program, arguments } = child();
    let script = format!("path=$1; shift; {script}; exec \"$@\"");
    let shell = ["-c", &script, "sh"].map(OsString::from);
    let held = [path.as_os_str().to_owned(), program.into_os_string()];
    ChildCommand {
        program: "/bin/sh".into(),
        arguments: shell.into_iter().chain(held).chain(arguments).collect(),
    }
}

/// An empty directory below the build's directory.
pub(crate) fn directory(name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("http").join(name);
    if data.exists() {
        fs::remove_dir_all(&data).unwrap();
    }
    data
}

/// Settings of a service on a free port.
pub(crate) fn settings(data: &Path) -> Settings {
    Settings {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data: Some(data.to_owned()),
        insecure_local_srs: Some(true),
        ..Settings::default()
    }
}

/// The service that most tests share.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let data = directory("shared");
        Server::start(settings(&data), data)
    })
}

impl Server {
    /// Starts a service with a runtime of its own, because every test has another one.
    pub(crate) fn start(settings: Settings, data: PathBuf) -> Self {
        Self::start_with(settings, data, child())
    }

    /// The same with other worker processes.
    pub(crate) fn start_with(settings: Settings, data: PathBuf, child: ChildCommand) -> Self {
        let shutdown = Shutdown::default();
        let stopping = shutdown.clone();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let config = Config::of(settings).unwrap();
                let running = Running::open(config, child, stopping).await.unwrap();
                tell.send(running.address()).unwrap();
                running.run().await;
            });
        });
        let address = told.recv().unwrap();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(120))
            // A connection lives in the runtime of the test that opened it.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { address, data, http, shutdown, thread: Some(thread), circuit: OnceCell::new() }
    }

    /// Tells the service to stop.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.begin();
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        answer(self.request(Method::POST, path)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn post_bytes(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/octet-stream");
        answer(request.body(body)).await
    }

    /// The digits circuit, built on first use.
    pub(crate) async fn circuit(&self) -> &str {
        let build = || async {
            let model = self.post_bytes("/v1/models?tag=digits:test", DIGITS).await;
            assert!(model.status.is_success(), "{}", model.json);
            self.build(&json!({ "model": "digits:test" })).await
        };
        self.circuit.get_or_init(build).await
    }

    /// The id of a circuit that is built as asked for.
    pub(crate) async fn build(&self, request: &Value) -> String {
        let request = self.request(Method::POST, "/v1/circuits").header("prefer", "wait=60").json(request);
        let build = answer(request).await.is(200);
        assert_eq!(build.json["status"], "succeeded", "{}", build.json);
        build.json["circuit"].as_str().unwrap().to_owned()
    }

    /// A request for a proof of the bundled digit.
    pub(crate) async fn order(&self) -> Value {
        json!({ "circuit": self.circuit().await, "inputs": digit() })
    }

    /// A finished proof of the bundled digit.
    pub(crate) async fn proof(&self, order: &Value) -> Value {
        let request = self.request(Method::POST, "/v1/proofs").header("prefer", "wait=60").json(order);
        let proof = answer(request).await.is(200).json;
        assert_eq!(proof["status"], "succeeded", "{proof}");
        proof
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.begin();
        if let Some(thread) = self.thread.take() {
            // A panic of the service has been printed; a second one would hide the test's own.
            let _ = thread.join();
        }
    }
}

/// One handwritten digit, a 0.
pub(crate) fn digit() -> Value {
    serde_json::from_str(DIGIT).unwrap()
}

/// Sends a request.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap().to_vec();
    let json = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status, headers, json, bytes }
}
