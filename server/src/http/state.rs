//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::PrometheusHandle;
use rayon::ThreadPoolBuildError;

use crate::{
    http::{extract::BodyBudget, hosts::Hosts, repeats::Repeats},
    process::{config::Config, shutdown::Shutdown},
    service::{JobService, networks::Networks, pool::Pool, predictions::Predictions},
};

/// Threads that run inferences.
const INFER_THREADS: usize = 1;

/// Threads of each pool that reads models: uploads, and networks for inferences. None waits behind another.
const READ_THREADS: usize = 1;

/// Plans that are made side by side, so that a slow one does not hold back all others.
const PLANS: usize = 2;

/// The service with everything its routes need. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

struct Inner {
    service: JobService,
    config: Config,
    hosts: Hosts,
    networks: Networks,
    predictions: Predictions,
    repeats: Repeats,
    bodies: BodyBudget,
    verify: Pool,
    infer: Pool,
    intake: Pool,
    metrics: PrometheusHandle,
    shutdown: Shutdown,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    /// Brings the parts together.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(
        service: JobService,
        config: Config,
        metrics: PrometheusHandle,
        shutdown: Shutdown,
    ) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self(Arc::new(Inner {
            hosts: Hosts::of(&config),
            networks: Networks::new(service.clone(), Pool::new("networks", READ_THREADS)?),
            predictions: Predictions::new(service.clone(), Pool::new("planning", PLANS)?),
            repeats: Repeats::new(),
            bodies: BodyBudget::new(
                config.json_bytes,
                config.file_bytes,
                config.body_memory,
                config.body_timeout,
            ),
            verify: Pool::new("verify", config.verify_threads)?,
            infer: Pool::new("infer", INFER_THREADS)?,
            intake: Pool::new("intake", READ_THREADS)?,
            service,
            config,
            metrics,
            shutdown,
        })))
    }

    /// Jobs, models and circuits.
    pub fn service(&self) -> &JobService {
        &self.0.service
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether the service stops.
    pub fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.0.hosts
    }

    pub(crate) fn networks(&self) -> &Networks {
        &self.0.networks
    }

    pub(crate) fn predictions(&self) -> &Predictions {
        &self.0.predictions
    }

    pub(crate) fn repeats(&self) -> &Repeats {
        &self.0.repeats
    }

    pub(crate) fn verify_pool(&self) -> &Pool {
        &self.0.verify
    }

    pub(crate) fn infer_pool(&self) -> &Pool {
        &self.0.infer
    }

    pub(crate) fn intake_pool(&self) -> &Pool {
        &self.0.intake
    }

    pub(crate) fn metrics(&self) -> &PrometheusHandle {
        &self.0.metrics
    }
}

impl FromRef<App> for BodyBudget {
    fn from_ref(app: &App) -> Self {
        app.0.bodies.clone()
    }
}
