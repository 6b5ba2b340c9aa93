//! Services: they choose who answers a request, and hand it over to one server at a time.

mod balancer;
mod failover;
mod health;
mod hrw;
mod in_flight;
mod least_time;
mod load_balancer;
mod mirroring;
mod p2c;
mod random;
mod slow_start;
mod sticky;
mod strategy;
#[cfg(test)]
mod tests;
mod weighted;
mod wrr;

pub use balancer::Balancer;
pub use failover::{Errors as FailoverErrors, Failover, Side as FailoverSide};
pub use health::{Check as HealthCheck, Health, Passive, starts_down};
pub use hrw::Hrw;
pub use least_time::LeastTime;
pub use load_balancer::{LoadBalancer, Server};
pub use mirroring::{Mirror, Mirroring};
pub use p2c::P2c;
pub use slow_start::SlowStart;
pub use sticky::{Sticky, cookie_name};
pub use strategy::Strategy;
pub use weighted::{Child as WeightedChild, Weighted};
pub use wrr::Wrr;
