//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::PrometheusHandle;

use super::{extract::BodyBudget, hosts::Hosts, terms::Terms};
use crate::service::JobService;

/// The service with everything its routes need. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    service: JobService,
    terms: Terms,
    hosts: Hosts,
    bodies: BodyBudget,
    metrics: PrometheusHandle,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl App {
    /// Brings the parts together.
    pub(crate) fn new(service: JobService, terms: Terms, metrics: PrometheusHandle) -> Self {
        let hosts = Hosts::new(terms.address, terms.open_to_network, &terms.allowed_hosts);
        let Terms { json_bytes, file_bytes, body_memory, body_timeout, .. } = terms;
        let bodies = BodyBudget::new(json_bytes, file_bytes, body_memory, body_timeout);
        Self(Arc::new(Inner { service, terms, hosts, bodies, metrics }))
    }

    /// Jobs, models and circuits.
    pub(super) fn service(&self) -> &JobService {
        &self.0.service
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.0.terms
    }

    pub(super) fn metrics(&self) -> &PrometheusHandle {
        &self.0.metrics
    }
}

impl FromRef<App> for BodyBudget {
    fn from_ref(app: &App) -> Self {
        app.0.bodies.clone()
    }
}

impl FromRef<App> for Hosts {
    fn from_ref(app: &App) -> Self {
        app.0.hosts.clone()
    }
}
