//! Configuration: flags, environment variables and a TOML file, in this order of precedence.

mod file;
mod settings;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use lemma_prover::store::{Store, StoreError};

use crate::{
    http::hosts::{Host, NoHost},
    service::{Threads, WORKER_SILENCE},
};

pub use settings::{LogFormat, Settings};

/// A mebibyte.
const MIB: u64 = 1 << 20;

/// Why a configuration is unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The configuration file is larger than any configuration.
    #[error("configuration file {}: it has more than {limit} bytes; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The configuration file is not TOML, or has members nobody knows.
    #[error("configuration file {}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: toml::de::Error,
    },
    /// A value outside its range.
    #[error("{name} is {got}, expected {least} to {most}")]
    Range {
        /// Name of the setting.
        name: &'static str,
        /// The value.
        got: u64,
        /// Smallest value.
        least: u64,
        /// Largest value.
        most: u64,
    },
    /// An address that others reach.
    #[error(
        "the service has no authentication: whoever reaches {address} can use it. Listen on 127.0.0.1, or pass \
         --open-to-network if access is restricted elsewhere"
    )]
    OpenToNetwork {
        /// The address.
        address: SocketAddr,
    },
    /// A name that is none.
    #[error(
        "allowed_hosts has {got:?}, which is {source}; list names such as lemma.example or lemma.example:8080"
    )]
    AllowedHost {
        /// The name.
        got: String,
        /// What is wrong with it.
        #[source]
        source: NoHost,
    },
    /// There is no directory for data.
    #[error("no directory for data: {0}; pass --data DIR")]
    NoData(#[source] StoreError),
}

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether access is restricted elsewhere.
    pub open_to_network: bool,
    /// Names the service answers to besides those of its own address; with `open_to_network`, none means all.
    pub allowed_hosts: Vec<Host>,
    /// Directory of the database, the blobs and the keys.
    pub data: PathBuf,
    /// Most jobs that wait.
    pub queue: usize,
    /// Most jobs that run at once.
    pub parallel: usize,
    /// Memory for all running jobs, in bytes; what the system has available if absent.
    pub memory: Option<u64>,
    /// Threads for requests that are answered at once.
    pub threads: Threads,
    /// Largest JSON body, in bytes.
    pub json_bytes: u64,
    /// Largest model or proof file, in bytes.
    pub file_bytes: u64,
    /// Memory for the bodies of all requests, in bytes.
    pub body_memory: u64,
    /// Longest time for a body to arrive.
    pub body_timeout: Duration,
    /// Most connections at once.
    pub connections: usize,
    /// Longest time in the queue, if the request does not say.
    pub queue_timeout: Duration,
    /// Longest time of one attempt, if the request does not say.
    pub prove_timeout: Duration,
    /// Longest time without a sign of life from a process that works on a job.
    pub worker_silence: Duration,
    /// Memory for one plan of a circuit, in bytes.
    pub plan_memory: u64,
    /// Longest time of one plan of a circuit.
    pub plan_timeout: Duration,
    /// Longest time that running jobs get to finish at a shutdown.
    pub grace: Duration,
    /// Whether circuits may rest on parameters drawn here.
    pub insecure_local_srs: bool,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are, in the notation of the `tracing-subscriber` crate.
    pub log: String,
}

impl Config {
    /// Combines flags and environment variables with the file they name, and checks every value.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or the setting.
    pub fn load(flags: Settings) -> Result<Self, ConfigError> {
        let file = flags.config.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Self::of(flags.or(file))
    }

    /// Checks settings; what is absent gets its default.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn of(settings: Settings) -> Result<Self, ConfigError> {
        let listen = settings.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let open_to_network = settings.open_to_network.unwrap_or(false);
        if !listen.ip().is_loopback() && !open_to_network {
            return Err(ConfigError::OpenToNetwork { address: listen });
        }
        let data = match settings.data {
            Some(data) if !data.as_os_str().is_empty() => data,
            _ => default_data().map_err(ConfigError::NoData)?,
        };
        let seconds = |name, value: Option<u64>, default, most| {
            within(name, value.unwrap_or(default), 1, most).map(Duration::from_secs)
        };
        let mebibytes = |name, value: Option<u64>, default, most| {
            within(name, value.unwrap_or(default), 1, most).map(|mib| mib * MIB)
        };
        let count = |name, value: Option<usize>, default: usize, most: usize| {
            let value = within(name, value.unwrap_or(default) as u64, 1, most as u64)?;
            Ok::<_, ConfigError>(usize::try_from(value).unwrap_or(most))
        };
        let (threads, silence) = (Threads::here(), WORKER_SILENCE.as_secs());
        let memory = settings.memory_mib.map(|mib| mebibytes("memory_mib", Some(mib), 1, 1 << 24));
        Ok(Self {
            listen,
            open_to_network,
            allowed_hosts: hosts(settings.allowed_hosts.unwrap_or_default())?,
            data,
            queue: count("queue", settings.queue, 64, 1 << 20)?,
            parallel: count("parallel", settings.parallel, 1, 1 << 10)?,
            memory: memory.transpose()?,
            threads: Threads {
                verify: count("verify_threads", settings.verify_threads, threads.verify, 1 << 8)?,
                infer: count("infer_threads", settings.infer_threads, threads.infer, 1 << 8)?,
                ..threads
            },
            json_bytes: mebibytes("json_mib", settings.json_mib, 8, 1 << 10)?,
            file_bytes: mebibytes("file_mib", settings.file_mib, 64, 64)?,
            body_memory: mebibytes("body_memory_mib", settings.body_memory_mib, 256, 1 << 20)?,
            body_timeout: seconds("body_timeout_seconds", settings.body_timeout_seconds, 30, 3600)?,
            connections: count("connections", settings.connections, 1024, 1 << 16)?,
            queue_timeout: seconds("queue_timeout_seconds", settings.queue_timeout_seconds, 3600, 604_800)?,
            prove_timeout: seconds("prove_timeout_seconds", settings.prove_timeout_seconds, 1800, 86_400)?,
            worker_silence: seconds(
                "worker_silence_seconds",
                settings.worker_silence_seconds,
                silence,
                86_400,
            )?,
            plan_memory: mebibytes("plan_memory_mib", settings.plan_memory_mib, 2048, 1 << 20)?,
            plan_timeout: seconds("plan_timeout_seconds", settings.plan_timeout_seconds, 60, 3600)?,
            grace: seconds("grace_seconds", settings.grace_seconds, 20, 86_400)?,
            insecure_local_srs: settings.insecure_local_srs.unwrap_or(false),
            log_format: settings.log_format.unwrap_or_default(),
            log: settings.log.unwrap_or_else(|| "info".to_owned()),
        })
    }
}

fn hosts(names: Vec<String>) -> Result<Vec<Host>, ConfigError> {
    let host = |got: String| match got.parse() {
        Ok(host) => Ok(host),
        Err(source) => Err(ConfigError::AllowedHost { got, source }),
    };
    names.into_iter().map(host).collect()
}

/// `server` in the directory of the command line's store.
fn default_data() -> Result<PathBuf, StoreError> {
    Store::default_root().map(|root| root.join("server"))
}

fn within(name: &'static str, got: u64, least: u64, most: u64) -> Result<u64, ConfigError> {
    if (least..=most).contains(&got) { Ok(got) } else { Err(ConfigError::Range { name, got, least, most }) }
}

#[cfg(test)]
mod tests;
