//! A worker process as its parent sees it.

use std::{
    ffi::OsString,
    io::{self, BufReader, BufWriter, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use lemma_prover::env::LANES_VARIABLE;
use rustix::process::{Pid, Signal, getpid, kill_process_group};

use super::failures::failure;
use crate::work::{
    crash_points,
    jobs::{Failure, FailureClass},
    protocol::{Order, Report, Request, Told, read_message, write_message},
};

/// Most bytes of the child's standard error that are looked at.
const STDERR_BYTES: u64 = 4 << 10;

/// The hidden subcommand that is a worker process.
pub(super) const SUBCOMMAND: &str = "prove-child";

/// How a worker process is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildCommand {
    /// The program.
    pub program: PathBuf,
    /// What comes before the arguments of [`super::ChildArgs`].
    pub arguments: Vec<OsString>,
}

impl ChildCommand {
    /// The hidden subcommand of the running program, which has to begin with [`super::run_if_child`] or have that subcommand.
    ///
    /// # Errors
    /// When the system does not tell which program is running.
    pub fn this_program() -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, arguments: vec![SUBCOMMAND.into()] })
    }
}

/// What a worker process is given at its start.
#[derive(Clone, Debug)]
pub(crate) struct ChildSettings {
    pub(crate) command: ChildCommand,
    /// Directory of the store; a process without one only plans.
    pub(crate) store: Option<PathBuf>,
    pub(crate) threads: usize,
    pub(crate) keep_bytes: u64,
}

/// A running worker process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    orders: Sender<(Order, Vec<u8>)>,
    reports: Receiver<(Report, Vec<u8>)>,
    /// How often the process was heard.
    heard: Arc<AtomicU64>,
    errors: Receiver<String>,
}

/// A process that is killed if not everything it needs can be had.
struct Unattended(Option<Child>);

impl Unattended {
    fn pipes(&mut self) -> io::Result<(ChildStdin, ChildStdout, ChildStderr)> {
        let pipes = self
            .0
            .as_mut()
            .and_then(|child| Some((child.stdin.take()?, child.stdout.take()?, child.stderr.take()?)));
        pipes.ok_or_else(|| io::Error::other("the process has no pipes"))
    }

    fn attended(mut self) -> io::Result<Child> {
        self.0.take().ok_or_else(|| io::Error::other("the process is gone"))
    }
}

impl Drop for Unattended {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Does this on a thread of its own.
fn follow(task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(task).map(drop)
}

impl Worker {
    /// Starts a process. It dies with the calling thread.
    pub(crate) fn start(settings: &ChildSettings) -> io::Result<Self> {
        let ChildSettings { command, store, threads, keep_bytes } = settings;
        let mut start = Command::new(&command.program);
        start
            .args(&command.arguments)
            .arg("--parent")
            .arg(i32::from(getpid().as_raw_nonzero()).to_string())
            .arg("--threads")
            .arg(threads.to_string())
            .arg("--keep-bytes")
            .arg(keep_bytes.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(store) = store {
            start.arg("--store").arg(store);
        }
        // The one variable that decides how a proof is computed.
        if let Some(lanes) = std::env::var_os(LANES_VARIABLE) {
            start.env(LANES_VARIABLE, lanes);
        }
        if let Some(fault) = crash_points::child_fault() {
            start.env(crash_points::CHILD_FAULT, fault);
        }
        let mut child = Unattended(Some(start.spawn()?));
        let (stdin, stdout, stderr) = child.pipes()?;
        let (orders, to_write) = mpsc::channel();
        let (read, reports) = mpsc::channel();
        let (complaint, errors) = mpsc::channel();
        follow(move || write_orders(stdin, &to_write))?;
        let heard = Arc::new(AtomicU64::new(0));
        let hears = heard.clone();
        follow(move || read_reports(stdout, &read, &hears))?;
        follow(move || {
            let mut text = Vec::new();
            // What comes after the first bytes is read and dropped, so that the child never waits for it.
            let mut stderr = stderr;
            let _ = (&mut stderr).take(STDERR_BYTES).read_to_end(&mut text);
            let _ = io::copy(&mut stderr, &mut io::sink());
            let _ = complaint.send(String::from_utf8_lossy(&text).into_owned());
        })?;
        Ok(Self { child: child.attended()?, orders, reports, heard, errors })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub(crate) fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a request without waiting for the process to read it; one that is gone is noticed by
    /// [`Worker::report`].
    pub(crate) fn request(&self, request: Request, payload: Vec<u8>) {
        let _ = self.orders.send((Order::Do(request), payload));
    }

    /// Asks the process to give up its last request; the report that ends it still comes.
    pub(crate) fn cancel(&self) {
        let _ = self.orders.send((Order::Cancel, Vec::new()));
    }

    /// The next report.
    ///
    /// # Errors
    /// When none comes in this time, or none will ever come.
    pub(crate) fn report(&self, wait: Duration) -> Result<(Report, Vec<u8>), RecvTimeoutError> {
        self.reports.recv_timeout(wait)
    }

    /// How often the process was heard so far; it is silent as long as this stays the same.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Kills the process and all it started, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Why a process that reports nothing any more ended.
    pub(crate) fn autopsy(mut self) -> Failure {
        // A process that closed its pipe without ending is of no use either.
        let status = self.end();
        let errors = self.errors.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        post_mortem(status, &errors)
    }

    fn end(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        // A process that is ending by itself keeps its own reason.
        for _ in 0..20 {
            if !self.reports_open() {
                thread::sleep(Duration::from_millis(5));
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Some(status);
                }
            } else {
                break;
            }
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.child.wait().ok()
    }

    fn reports_open(&self) -> bool {
        !matches!(self.reports.try_recv(), Err(mpsc::TryRecvError::Disconnected))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

fn write_orders(stdin: ChildStdin, orders: &Receiver<(Order, Vec<u8>)>) {
    let mut out = BufWriter::new(stdin);
    while let Ok((order, payload)) = orders.recv() {
        if write_message(&mut out, &order, &payload).is_err() {
            break;
        }
    }
}

fn read_reports(stdout: ChildStdout, reports: &Sender<(Report, Vec<u8>)>, heard: &AtomicU64) {
    let mut from = BufReader::new(stdout);
    while let Ok(Some((told, payload))) = read_message(&mut from) {
        heard.fetch_add(1, Ordering::Relaxed);
        if let Told::Report(report) = told
            && reports.send((report, payload)).is_err()
        {
            break;
        }
    }
}

/// What the way a process ended says. Its standard error holds places and sizes, never a value.
fn post_mortem(status: Option<ExitStatus>, errors: &str) -> Failure {
    if errors.contains("memory allocation of") {
        let reason = "the worker process ran out of the memory it may use; raise the memory budget or prove a \
                      smaller model";
        return failure(FailureClass::OutOfMemory, reason, true);
    }
    let reason = match status.map(|status| (status.signal(), status.code())) {
        Some((Some(9), _)) => {
            "the worker process was killed by signal 9, by the system's lack of memory or by \
                               somebody"
                .into()
        }
        Some((Some(signal), _)) => format!("the worker process was killed by signal {signal}"),
        Some((_, Some(code))) => match errors.lines().find(|line| line.starts_with("panicked at ")) {
            Some(place) => format!("the worker process {place}"),
            None => format!("the worker process exited with code {code}"),
        },
        _ => "the worker process is gone".into(),
    };
    failure(FailureClass::Crash, reason, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart() {
        let signal = |signal| Some(ExitStatus::from_raw(signal));
        let code = |code: i32| Some(ExitStatus::from_raw(code << 8));
        assert!(post_mortem(signal(9), "").reason.contains("signal 9"));
        assert!(post_mortem(signal(6), "").reason.contains("signal 6"));
        assert!(post_mortem(code(101), "panicked at a.rs:7\n").reason.contains("panicked at a.rs:7"));
        assert!(post_mortem(code(3), "nothing").reason.contains("code 3"));
        assert_eq!(
            post_mortem(signal(6), "memory allocation of 64 bytes failed").class,
            FailureClass::OutOfMemory
        );
        for failure in [post_mortem(signal(9), ""), post_mortem(None, "")] {
            assert!(failure.retryable && failure.class == FailureClass::Crash);
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let command = ChildCommand { program: "/nonexistent/lemma-server".into(), arguments: Vec::new() };
        let settings = ChildSettings { command, store: None, threads: 1, keep_bytes: 0 };
        assert!(Worker::start(&settings).is_err());
    }
}
