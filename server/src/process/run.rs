//! A whole service: opened, listening, stopped in order.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use tokio::net::TcpListener;

use crate::{
    http::{self, App, Terms, metrics},
    process::{config::Config, descriptors, serve::serve, shutdown::Shutdown},
    service::{JobService, OpenError, ServiceConfig},
    work::worker::ChildCommand,
};

/// How long the records may take to close. What was acknowledged is on the disk already.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// The system refuses something else.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// A service that listens and does not answer yet.
#[derive(Debug)]
pub struct Running {
    listener: TcpListener,
    config: Config,
    connections: usize,
    service: JobService,
    metrics: PrometheusHandle,
    shutdown: Shutdown,
}

impl Running {
    /// Takes the address, opens the data directory and brings unfinished jobs back to life. Inside a tokio runtime.
    ///
    /// # Errors
    /// [`RunError`] names the address or the directory.
    pub async fn open(config: Config, child: ChildCommand, shutdown: Shutdown) -> Result<Self, RunError> {
        descriptors::raise();
        let failed = |source| RunError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr()?;
        let service = JobService::open(service_config(&config, child)).await?;
        let connections = descriptors::connections(config.connections);
        let config = Config { listen: address, ..config };
        Ok(Self { listener, config, connections, service, metrics: metrics::start()?, shutdown })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.config.listen
    }

    /// The directory of its data.
    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// Answers until the shutdown begins; then lets running jobs end, answering still but taking no jobs, lets open
    /// requests end and closes the records.
    pub async fn run(self) {
        let Self { listener, config, connections, service, metrics, shutdown } = self;
        let upkeep = tokio::spawn(metrics::upkeep(metrics.clone()));
        let routes = http::router(App::new(service.clone(), terms(&config), metrics));
        let drained = Shutdown::default();
        let drain = async {
            shutdown.wait().await;
            service.drain(config.grace).await;
            drained.begin();
        };
        tokio::join!(serve(listener, routes, connections, drained.clone()), drain);
        if tokio::time::timeout(CLOSE_PATIENCE, service.shutdown(config.grace)).await.is_err() {
            tracing::error!("the records do not close; the next start finds what is queued");
        }
        upkeep.abort();
        tracing::info!("stopped");
    }
}

fn terms(config: &Config) -> Terms {
    Terms {
        address: config.listen,
        open_to_network: config.open_to_network,
        allowed_hosts: config.allowed_hosts.clone(),
        json_bytes: config.json_bytes,
        file_bytes: config.file_bytes,
        body_memory: config.body_memory,
        body_timeout: config.body_timeout,
        queue_timeout: config.queue_timeout,
        prove_timeout: config.prove_timeout,
        insecure_local_srs: config.insecure_local_srs,
    }
}

fn service_config(config: &Config, child: ChildCommand) -> ServiceConfig {
    ServiceConfig {
        queue_capacity: config.queue,
        max_parallel: config.parallel,
        threads: config.threads,
        worker_silence: config.worker_silence,
        memory_budget: config.memory,
        plan_memory: config.plan_memory,
        plan_timeout: config.plan_timeout,
        insecure_local_srs: config.insecure_local_srs,
        ..ServiceConfig::new(config.data.clone(), child)
    }
}
