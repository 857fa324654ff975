//! The job service in a process of its own, which a test can kill at any moment.
//!
//! The process is this very test binary, asked by an environment variable to serve. It reads one command per line
//! from standard input and answers each with one line; an answer to `submit` is an acknowledgement.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use lemma_server::{
    service::{JobService, Submitted},
    work::jobs::JobId,
};
use lemma_verifier::{circuit_id::CircuitId, digest::Digest};

use crate::digits::{accept, config, proof, with_key};

const DIRECTORY: &str = "LEMMA_CRASH_TEST_DIRECTORY";

/// What precedes every answer, since the test harness prints lines too.
const MARK: &str = "answer: ";

/// Serves if the environment asks for it; does nothing in an ordinary run of the tests.
pub(crate) fn serve_if_asked() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let service =
        runtime.block_on(JobService::open(config(&PathBuf::from(directory)))).expect("the service opens");
    answer("ready");
    for line in io::stdin().lines() {
        let line = line.expect("reads");
        answer(&runtime.block_on(obey(&service, &line)));
    }
    runtime.block_on(service.shutdown(Duration::from_secs(30)));
}

fn answer(text: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{MARK}{text}").and_then(|()| out.flush()).expect("writes");
}

async fn obey(service: &JobService, line: &str) -> String {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["submit", key, circuit, row] => {
            let circuit = CircuitId(circuit.parse::<Digest>().expect("an id").0);
            let job = proof(circuit, row.parse().expect("a number"));
            match accept(service, with_key(job, key, row)).await {
                Ok(Submitted::New(job) | Submitted::Replayed(job)) => job.id.to_string(),
                Err(error) => format!("refused {error}"),
            }
        }
        ["cancel", id] => {
            let job = service.cancel(id.parse().expect("an id")).await.expect("writes");
            job.map_or("unknown", |job| job.state().as_str()).into()
        }
        ["state", id] => {
            let job = service.job(id.parse().expect("an id")).await.expect("reads");
            job.map_or("unknown", |job| job.state().as_str()).into()
        }
        _ => format!("what is {line:?}?"),
    }
}

/// The other end.
pub(crate) struct Server {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a process on this directory, with these variables added to its environment; `None` when it died
    /// before it was ready.
    pub(crate) fn start(directory: &Path, environment: &[(&str, &str)]) -> Option<Self> {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "server_process", "--nocapture"])
            .env(DIRECTORY, directory)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let commands = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut server = Self { process, commands, answers };
        match server.answer() {
            Some(answer) => {
                assert_eq!(answer, "ready");
                Some(server)
            }
            None => {
                server.kill();
                None
            }
        }
    }

    /// The answer to a command; `None` when the process died first.
    pub(crate) fn ask(&mut self, command: &str) -> Option<String> {
        writeln!(self.commands, "{command}").ok()?;
        self.answer()
    }

    /// Submits a proof of a row; the acknowledged job.
    pub(crate) fn submit(&mut self, key: &str, circuit: CircuitId, row: usize) -> Option<JobId> {
        let answer = self.ask(&format!("submit {key} {circuit} {row}"))?;
        Some(answer.parse().unwrap_or_else(|_| panic!("{answer}")))
    }

    fn answer(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(answer) = line.trim_end().strip_prefix(MARK) {
                return Some(answer.into());
            }
        }
    }

    /// Like `kill -9`.
    pub(crate) fn kill(mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        self.process.wait().expect("waits");
    }

    /// Kills from another thread after this time.
    pub(crate) fn killer(&self, after: Duration) -> std::thread::JoinHandle<()> {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        std::thread::spawn(move || {
            std::thread::sleep(after);
            if let Some(pid) = pid {
                crate::digits::send(pid, rustix::process::Signal::KILL);
            }
        })
    }

    /// Waits for a process that is dying.
    pub(crate) fn wait(mut self) {
        self.process.wait().expect("waits");
    }
}
