//! A job service on a directory of its own, with the digits network.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lemma_server::{
    service::{JobService, ServiceConfig, SubmitError, Submitted},
    store::records::{Idempotency, NewJob, Records},
    work::{
        jobs::{CircuitWork, Job, JobId, JobState, Outcome, Priority, ProofWork, Setup, Work},
        worker::ChildCommand,
    },
};
use lemma_tests::Fixture;
use lemma_verifier::{circuit_id::CircuitId, digest::Digest, statement::Context, verify::Expect};
use rustix::process::{Pid, Signal, kill_process};

/// A network that takes and gives 8-bit integers.
const MODEL: &str = "digits/s8s8_integer_io.qop.onnx";

/// The longest a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The network with its stored inferences.
pub(crate) fn digits() -> Fixture {
    Fixture::load(MODEL)
}

/// Where one service keeps its data; keys are shared by all tests and runs, since making them is not what is tested.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    worker: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
        // A name of its own, by which the service's worker processes are found.
        let worker = directory.path().join("worker");
        link(&worker);
        Self { directory, worker }
    }

    pub(crate) fn config(&self) -> ServiceConfig {
        config(self.directory.path())
    }

    pub(crate) async fn open(&self) -> JobService {
        JobService::open(self.config()).await.expect("the service opens")
    }

    /// Until it is dropped, worker processes that are started do nothing and end with their service.
    pub(crate) fn with_idle_worker(&self) -> OtherWorker<'_> {
        fs::remove_file(&self.worker).expect("removes");
        let script = "#!/bin/sh\nexec cat >/dev/null\n";
        fs::write(&self.worker, script).expect("writes");
        fs::set_permissions(&self.worker, fs::Permissions::from_mode(0o755)).expect("allows to run");
        OtherWorker(self)
    }

    /// Until it is dropped, worker processes that are started end at once, as if they had crashed.
    pub(crate) fn with_failing_worker(&self) -> OtherWorker<'_> {
        fs::remove_file(&self.worker).expect("removes");
        std::os::unix::fs::symlink("/bin/false", &self.worker).expect("links");
        OtherWorker(self)
    }

    /// The service's worker processes.
    pub(crate) fn workers(&self) -> Vec<Pid> {
        processes_of(&self.worker)
    }

    /// The worker process as soon as there is one.
    pub(crate) async fn worker(&self) -> Pid {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let [pid] = self.workers()[..] {
                return pid;
            }
            assert!(Instant::now() < deadline, "no worker process");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// See [`Place::with_idle_worker`] and [`Place::with_failing_worker`].
pub(crate) struct OtherWorker<'a>(&'a Place);

impl Drop for OtherWorker<'_> {
    fn drop(&mut self) {
        fs::remove_file(&self.0.worker).expect("removes");
        link(&self.0.worker);
    }
}

fn link(worker: &Path) {
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_lemma-server"), worker).expect("links");
}

/// The settings of a service whose directory was made by [`Place::new`].
pub(crate) fn config(directory: &Path) -> ServiceConfig {
    let child = ChildCommand { program: directory.join("worker"), arguments: vec!["prove-child".into()] };
    let store_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store");
    let config = ServiceConfig::new(directory.to_path_buf(), child);
    ServiceConfig { store_dir, insecure_local_srs: true, ..config }
}

/// Processes whose program was started under this name.
pub(crate) fn processes_of(program: &Path) -> Vec<Pid> {
    let wanted = program.as_os_str().as_encoded_bytes();
    let entries = fs::read_dir("/proc").expect("lists processes");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).next() == Some(wanted))
        })
        .filter_map(Pid::from_raw)
        .collect()
}

pub(crate) fn send(pid: Pid, signal: Signal) {
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
}

/// Whether a process is there and is not a zombie.
pub(crate) fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Uploads the model and makes its keys.
pub(crate) async fn circuit(service: &JobService) -> CircuitId {
    let (model, _) = service.put_model(digits().model, serde_json::json!({})).await.expect("keeps the model");
    let build = NewJob {
        work: Work::Circuit(CircuitWork { model: model.model, setup: Setup::KzgInsecureLocal }),
        inputs: None,
        predicted_memory: Some(100 << 20),
        ..proof(CircuitId([0; 32]), 0)
    };
    let job = submit(service, build).await;
    let job = ended(service, job.id).await;
    match job.outcome {
        Some(Outcome::Circuit { circuit }) => circuit,
        _ => panic!("no circuit: {job:?}"),
    }
}

/// A proof of one stored inference.
pub(crate) fn proof(circuit: CircuitId, row: usize) -> NewJob {
    NewJob {
        work: Work::Proof(ProofWork { circuit, context: context(row) }),
        inputs: Some(inputs(row)),
        predicted_memory: None,
        priority: Priority::Normal,
        queue_timeout: Duration::from_secs(600),
        prove_timeout: Duration::from_secs(600),
        meta: None,
    }
}

pub(crate) fn with_key(job: NewJob, key: &str, request: &str) -> Asked {
    let request = Digest::of(request.as_bytes());
    Asked { idempotency: Some(Idempotency { key: key.into(), request }), ..job.into() }
}

fn context(row: usize) -> Vec<u8> {
    format!("row {row}").into_bytes()
}

fn inputs(row: usize) -> Vec<Vec<i32>> {
    digits().inputs.values().map(|array| array.row(row).integers()).collect()
}

/// A job with whoever asks for it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) owner: &'static str,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) job: NewJob,
}

impl From<NewJob> for Asked {
    fn from(job: NewJob) -> Self {
        Self { owner: "", idempotency: None, job }
    }
}

pub(crate) async fn accept(service: &JobService, asked: impl Into<Asked>) -> Result<Submitted, SubmitError> {
    let Asked { owner, idempotency, job } = asked.into();
    service.admit(owner, idempotency.as_ref(), |claim| claim.submit(job)).await
}

pub(crate) async fn submit(service: &JobService, asked: impl Into<Asked>) -> Job {
    accept(service, asked).await.expect("takes the job").into_job()
}

/// The job when it has ended.
pub(crate) async fn ended(service: &JobService, job: JobId) -> Job {
    let job = service.wait(job, PATIENCE).await.expect("reads").expect("the job is there");
    assert!(job.state().is_terminal(), "it takes too long: {job:?}");
    job
}

/// The job when it is in this state.
pub(crate) async fn until(service: &JobService, id: JobId, state: JobState) -> Job {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let job = service.job(id).await.expect("reads").expect("the job is there");
        if job.state() == state {
            return job;
        }
        assert!(!job.state().is_terminal() && Instant::now() < deadline, "no {state:?}: {job:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Demands that a job has succeeded with a proof of this stored inference.
pub(crate) async fn check_proof(service: &JobService, job: &Job, row: usize) {
    assert_eq!(job.state(), JobState::Succeeded, "{job:?}");
    let bundle = service.bundle(job).await.expect("has a bundle");
    let Work::Proof(work) = &job.work else { panic!("no proof job: {job:?}") };
    let expect = Expect {
        circuit: work.circuit,
        context: Some(Context::new(context(row)).expect("a short context")),
        allow_insecure_srs: true,
    };
    let judgement = service.judge(bundle, expect).await.expect("has the key");
    let statement = judgement.verdict.expect("verifies");
    assert_eq!(statement.inputs, inputs(row));
    let outputs: Vec<_> = digits().integers.values().map(|array| array.row(row).integers()).collect();
    assert_eq!(statement.outputs, outputs);
}

impl Place {
    /// The records of its service, seen from aside.
    pub(crate) async fn records(&self) -> Records {
        Records::open(&self.directory.path().join("records.sqlite")).await.expect("opens")
    }

    /// Where a blob of its service is or would be.
    pub(crate) fn blob(&self, kind: &str, digest: Digest) -> PathBuf {
        self.directory.path().join("blobs").join(kind).join(digest.to_string())
    }
}
