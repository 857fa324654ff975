//! A whole service: opened, listening, stopped in order.

use std::{io, net::SocketAddr, path::PathBuf};

use metrics_exporter_prometheus::BuildError;
use rayon::ThreadPoolBuildError;
use tokio::net::TcpListener;

use crate::{
    App, app,
    http::metrics,
    process::{config::Config, descriptors, serve::serve, shutdown::Shutdown},
    service::{JobService, OpenError, ServiceConfig},
    work::worker::ChildCommand,
};

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
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] ThreadPoolBuildError),
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
    address: SocketAddr,
    app: App,
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
        let config = Config { listen: address, connections, ..config };
        let app = App::new(service, config, metrics::start()?, shutdown)?;
        Ok(Self { listener, address, app })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its data.
    pub fn data(&self) -> PathBuf {
        self.app.config().data.clone()
    }

    /// Answers until the shutdown begins; then lets running jobs end, answering still but taking no jobs, lets open
    /// requests end and closes the records.
    pub async fn run(self) {
        let (shutdown, config) = (self.app.shutdown().clone(), self.app.config().clone());
        let service = self.app.service().clone();
        let upkeep = tokio::spawn(metrics::upkeep(self.app.metrics().clone()));
        let drained = Shutdown::default();
        let drain = async {
            shutdown.wait().await;
            service.drain(config.grace).await;
            drained.begin();
        };
        tokio::join!(serve(self.listener, app(self.app), config.connections, drained.clone()), drain);
        service.shutdown(config.grace).await;
        upkeep.abort();
        tracing::info!("stopped");
    }
}

fn service_config(config: &Config, child: ChildCommand) -> ServiceConfig {
    ServiceConfig {
        queue_capacity: config.queue,
        max_parallel: config.parallel,
        memory_budget: config.memory,
        plan_memory: config.plan_memory,
        plan_timeout: config.plan_timeout,
        insecure_local_srs: config.insecure_local_srs,
        ..ServiceConfig::new(config.data.clone(), child)
    }
}
