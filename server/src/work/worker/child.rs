//! The worker process.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, mpsc::Receiver},
};

use clap::Parser as _;
use lemma_circuits::Budget;
use lemma_prover::{measure, store::Store};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};

use super::{
    failures::failure,
    orders::{Asked, listen},
    process::SUBCOMMAND,
    reports::{Reports, beat},
    workbench::{Answer, Workbench, plan},
};
use crate::work::{
    jobs::{Failure, FailureClass},
    protocol::{Report, Request},
};

/// Exit code when the process cannot begin.
const CANNOT_BEGIN: i32 = 3;

/// Arguments of the hidden subcommand that is a worker process.
#[derive(Clone, Debug, clap::Args)]
pub struct ChildArgs {
    /// Process that started this one; without it there is nothing to do.
    #[arg(long)]
    parent: i32,
    /// Directory of the store; a process without one only plans.
    #[arg(long)]
    store: Option<PathBuf>,
    /// Threads to prove with.
    #[arg(long)]
    threads: usize,
    /// Bytes of proving keys to keep for circuits other than the one in use.
    #[arg(long)]
    keep_bytes: u64,
}

/// Runs a worker process until its parent closes its standard input; the exit code.
///
/// Nothing else in the process may write to standard output.
pub fn child_main(args: ChildArgs) -> i32 {
    if let Err(reason) = begin(&args) {
        eprintln!("{reason}");
        return CANNOT_BEGIN;
    }
    let store = match args.store.as_deref().map(Store::open).transpose() {
        Ok(store) => store,
        Err(error) => {
            eprintln!("{error}");
            return CANNOT_BEGIN;
        }
    };
    let mut bench = store.map(|store| Workbench::new(store, args.keep_bytes));
    let reports = Arc::new(Reports::default());
    let served = beat(reports.clone())
        .and_then(|()| listen(io::stdin()))
        .and_then(|requests| serve(&mut bench, &requests, &reports));
    match served {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            CANNOT_BEGIN
        }
    }
}

/// The command line of a worker process of a program that has no other.
#[derive(Debug, clap::Parser)]
struct ChildCommandLine {
    #[command(flatten)]
    args: ChildArgs,
}

/// For programs with a service inside of them, which starts its workers with [`super::ChildCommand::this_program`]: if this process
/// is such a worker, runs it to its end and gives its exit code. Call it first of all: nothing else may write to standard output, and
/// nothing else in the program is meant for a worker.
pub fn run_if_child() -> Option<i32> {
    let mut words = std::env::args_os();
    let program = words.next()?;
    if words.next()? != SUBCOMMAND {
        return None;
    }
    Some(match ChildCommandLine::try_parse_from(std::iter::once(program).chain(words)) {
        Ok(line) => child_main(line.args),
        Err(error) => {
            eprintln!("{error}");
            CANNOT_BEGIN
        }
    })
}

/// Binds the process to its parent and gives it bounds.
fn begin(args: &ChildArgs) -> Result<(), String> {
    let system = |what: &str| {
        let what = what.to_owned();
        move |error: rustix::io::Errno| format!("cannot {what}: {error}")
    };
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(system("follow the parent process"))?;
    // A parent that died before the line above sends no signal.
    if getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(args.parent) {
        return Err("the parent process is gone".into());
    }
    // A core file would hold the input.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(system("forbid core files"))?;
    // When memory runs out, the kernel is to take this process and not the service. The service answers requests
    // while this one computes.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    let _ = rustix::process::nice(5);
    // The text of a panic could repeat a value.
    std::panic::set_hook(Box::new(|info| match info.location() {
        Some(place) => eprintln!("panicked at {}:{}", place.file(), place.line()),
        None => eprintln!("panicked"),
    }));
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .map_err(|error| format!("cannot start threads: {error}"))
}

fn serve(
    bench: &mut Option<Workbench>,
    requests: &Receiver<io::Result<Asked>>,
    reports: &Reports,
) -> io::Result<()> {
    for asked in requests {
        let asked = asked?;
        let limit = memory_limit(&asked.request, private_bytes());
        let result = limit_memory(limit).and_then(|()| answer(bench, asked, reports));
        let resident_bytes = resident_bytes();
        match result {
            Ok(Answer::Bundle(bundle)) => reports.send(Report::Proven { resident_bytes }, &bundle)?,
            Ok(Answer::Plan(report)) => reports.send(report, &[])?,
            Ok(Answer::Facts(facts)) => reports.send(Report::KeysMade { facts, resident_bytes }, &[])?,
            Err(failure) => reports.send(Report::Failed { failure, resident_bytes }, &[])?,
        }
    }
    Ok(())
}

fn answer(bench: &mut Option<Workbench>, asked: Asked, reports: &Reports) -> Result<Answer, Failure> {
    match (&asked.request, bench) {
        (Request::Plan { scheme, memory_limit, seconds }, None) => {
            let budget = Budget { bytes: *memory_limit, seconds: *seconds };
            Ok(Answer::Plan(plan(&asked.payload, *scheme, &budget)))
        }
        (_, Some(bench)) => bench.answer(asked, reports),
        (_, None) => {
            Err(failure(FailureClass::Keys, "the worker process has no store; it only plans", false))
        }
    }
}

/// Most private memory for a request where so much is mapped already.
fn memory_limit(request: &Request, mapped: u64) -> u64 {
    match request {
        // Half of it is for what this needs beside what earlier circuits have left mapped.
        Request::Prove { memory_limit, .. } | Request::MakeKeys { memory_limit, .. } => {
            (*memory_limit).max(mapped.saturating_add(memory_limit / 2))
        }
        Request::Plan { memory_limit, .. } => *memory_limit,
    }
}

/// Sets the most private memory from here on; the most the system allows stays where it is.
fn limit_memory(bytes: u64) -> Result<(), Failure> {
    let maximum = getrlimit(Resource::Data).maximum;
    let current = Some(maximum.map_or(bytes, |maximum| maximum.min(bytes)));
    setrlimit(Resource::Data, Rlimit { current, maximum }).map_err(|error| {
        failure(FailureClass::OutOfMemory, format!("cannot limit the memory of the worker: {error}"), true)
    })
}

/// The resident set now, in bytes.
fn resident_bytes() -> u64 {
    memory_bytes(1).unwrap_or_else(|| measure::peak_rss_bytes().unwrap_or_default())
}

/// Writable memory that is mapped now, in bytes.
fn private_bytes() -> u64 {
    memory_bytes(5).unwrap_or_default()
}

/// A field of the kernel's account of this process's memory, in bytes.
fn memory_bytes(field: usize) -> Option<u64> {
    let account = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages = account.split_whitespace().nth(field)?.parse::<u64>().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    use lemma_verifier::scheme::Scheme;

    use super::*;
    use crate::work::jobs::Setup;

    #[test]
    fn what_is_mapped_leaves_room_for_keys_but_not_for_plans() {
        let keys = Request::MakeKeys { setup: Setup::Ipa, memory_limit: 100 };
        assert_eq!([0, 50, 90].map(|mapped| memory_limit(&keys, mapped)), [100, 100, 140]);
        let plan = Request::Plan { scheme: Scheme::Ipa, memory_limit: 100, seconds: 1 };
        assert_eq!(memory_limit(&plan, 90), 100);
    }
}
