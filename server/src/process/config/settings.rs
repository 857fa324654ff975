//! The settings as they are given.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// For a program: one JSON object per line.
    Json,
}

/// Settings of one source; what it does not say is absent. In the file they have the names of these fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// TOML file with further settings
    #[arg(long, value_name = "FILE", env = "LEMMA_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address to listen on, 127.0.0.1:8080 by default; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "LEMMA_LISTEN", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Listen on an address that others reach, although there is no authentication
    #[arg(long, env = "LEMMA_OPEN_TO_NETWORK", num_args = 0..=1, default_missing_value = "true")]
    pub open_to_network: Option<bool>,
    /// Names the service answers to besides localhost and its address, as name or name:port; with --open-to-network,
    /// none means all
    #[arg(long, value_name = "HOSTS", env = "LEMMA_ALLOWED_HOSTS", value_delimiter = ',')]
    pub allowed_hosts: Option<Vec<String>>,
    /// Directory of the database, the proofs and the keys
    #[arg(long, value_name = "DIR", env = "LEMMA_DATA")]
    pub data: Option<PathBuf>,
    /// Most jobs that wait [default: 64]
    #[arg(long, value_name = "JOBS", env = "LEMMA_QUEUE")]
    pub queue: Option<usize>,
    /// Most jobs that run at once, memory permitting [default: 1]
    #[arg(long, value_name = "JOBS", env = "LEMMA_PARALLEL")]
    pub parallel: Option<usize>,
    /// Memory for all running jobs [default: what the system has available]
    #[arg(long, value_name = "MIB", env = "LEMMA_MEMORY_MIB")]
    pub memory_mib: Option<u64>,
    /// Threads that judge proofs, never taken by proving [default: a quarter of the cores]
    #[arg(long, value_name = "THREADS", env = "LEMMA_VERIFY_THREADS")]
    pub verify_threads: Option<usize>,
    /// Threads that run inferences, never taken by proving [default: half of the cores]
    #[arg(long, value_name = "THREADS", env = "LEMMA_INFER_THREADS")]
    pub infer_threads: Option<usize>,
    /// Largest JSON body [default: 8]
    #[arg(long, value_name = "MIB", env = "LEMMA_JSON_MIB")]
    pub json_mib: Option<u64>,
    /// Largest model or proof file [default: 64]
    #[arg(long, value_name = "MIB", env = "LEMMA_FILE_MIB")]
    pub file_mib: Option<u64>,
    /// Memory for the bodies of all requests [default: 256]
    #[arg(long, value_name = "MIB", env = "LEMMA_BODY_MEMORY_MIB")]
    pub body_memory_mib: Option<u64>,
    /// Longest time for a body to arrive [default: 30]
    #[arg(long, value_name = "SECONDS", env = "LEMMA_BODY_TIMEOUT_SECONDS")]
    pub body_timeout_seconds: Option<u64>,
    /// Most connections at once [default: 1024]
    #[arg(long, value_name = "CONNECTIONS", env = "LEMMA_CONNECTIONS")]
    pub connections: Option<usize>,
    /// Longest time in the queue, if the request does not say [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "LEMMA_QUEUE_TIMEOUT_SECONDS")]
    pub queue_timeout_seconds: Option<u64>,
    /// Longest time of one attempt at a job, if the request does not say [default: 1800]
    #[arg(long, value_name = "SECONDS", env = "LEMMA_PROVE_TIMEOUT_SECONDS")]
    pub prove_timeout_seconds: Option<u64>,
    /// Longest time without a sign of life from a process that works on a job; then it is killed, and the job tried again
    /// [default: 60]
    #[arg(long, value_name = "SECONDS", env = "LEMMA_WORKER_SILENCE_SECONDS")]
    pub worker_silence_seconds: Option<u64>,
    /// Most memory that planning one circuit may take, and be predicted to take [default: 2048]
    #[arg(long, value_name = "MIB", env = "LEMMA_PLAN_MEMORY_MIB")]
    pub plan_memory_mib: Option<u64>,
    /// Longest time that planning one circuit may take, and be predicted to take [default: 60]
    #[arg(long, value_name = "SECONDS", env = "LEMMA_PLAN_TIMEOUT_SECONDS")]
    pub plan_timeout_seconds: Option<u64>,
    /// Longest time that running jobs get to finish when the service is told to stop [default: 20]
    #[arg(long, value_name = "SECONDS", env = "LEMMA_GRACE_SECONDS")]
    pub grace_seconds: Option<u64>,
    /// Allow circuits that rest on parameters drawn here: for benchmarks and tests
    #[arg(long, env = "LEMMA_INSECURE_LOCAL_SRS", num_args = 0..=1, default_missing_value = "true")]
    pub insecure_local_srs: Option<bool>,
    /// How log lines look [default: text]
    #[arg(long, value_enum, env = "LEMMA_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Which log lines there are, such as info or lemma_server=debug [default: info]
    #[arg(long, value_name = "FILTER", env = "LEMMA_LOG")]
    pub log: Option<String>,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080")
}

impl Settings {
    /// These settings, and those of `other` where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            config: self.config.or(other.config),
            listen: self.listen.or(other.listen),
            open_to_network: self.open_to_network.or(other.open_to_network),
            allowed_hosts: self.allowed_hosts.or(other.allowed_hosts),
            data: self.data.or(other.data),
            queue: self.queue.or(other.queue),
            parallel: self.parallel.or(other.parallel),
            memory_mib: self.memory_mib.or(other.memory_mib),
            verify_threads: self.verify_threads.or(other.verify_threads),
            infer_threads: self.infer_threads.or(other.infer_threads),
            json_mib: self.json_mib.or(other.json_mib),
            file_mib: self.file_mib.or(other.file_mib),
            body_memory_mib: self.body_memory_mib.or(other.body_memory_mib),
            body_timeout_seconds: self.body_timeout_seconds.or(other.body_timeout_seconds),
            connections: self.connections.or(other.connections),
            queue_timeout_seconds: self.queue_timeout_seconds.or(other.queue_timeout_seconds),
            prove_timeout_seconds: self.prove_timeout_seconds.or(other.prove_timeout_seconds),
            worker_silence_seconds: self.worker_silence_seconds.or(other.worker_silence_seconds),
            plan_memory_mib: self.plan_memory_mib.or(other.plan_memory_mib),
            plan_timeout_seconds: self.plan_timeout_seconds.or(other.plan_timeout_seconds),
            grace_seconds: self.grace_seconds.or(other.grace_seconds),
            insecure_local_srs: self.insecure_local_srs.or(other.insecure_local_srs),
            log_format: self.log_format.or(other.log_format),
            log: self.log.or(other.log),
        }
    }
}
