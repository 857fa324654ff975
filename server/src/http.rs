//! What callers see: routes, wire types, problems. The only room that knows [`problem::Problem`].

mod drain;
mod extract;
pub(crate) mod hosts;
pub(crate) mod metrics;
mod observe;
mod openapi;
pub mod problem;
mod request_id;
pub(crate) mod reserve;
mod routes;
mod state;
mod terms;
mod wire;

pub use routes::document;
pub(crate) use routes::router;
pub(crate) use state::App;
pub(crate) use terms::Terms;
