//! Services: they choose who answers a request, and hand it over to one server at a time.

mod load_balancer;
mod wrr;

pub use load_balancer::{LoadBalancer, Server};
pub use wrr::Wrr;
