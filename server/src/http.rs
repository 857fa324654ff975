//! What callers see: routes, wire types, problems. The only room that knows [`problem::Problem`].

mod drain;
mod extract;
pub mod hosts;
pub mod metrics;
pub(crate) mod observe;
pub mod openapi;
pub mod problem;
mod repeats;
pub(crate) mod reserve;
mod routes;
mod state;
pub mod wire;

pub use observe::start as start_logging;
pub(crate) use routes::router;
pub use state::App;
