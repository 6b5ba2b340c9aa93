//! Whether servers, and the services made of them, take requests.

mod check;
mod grpc;
mod passive;
mod probe;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use check::{Check, starts_down};
pub use passive::Passive;

/// Whether a service has somebody to answer. Asked, not told: it is worked out from its servers whenever a balancer above
/// wants to know, and the first server that is up settles it.
#[derive(Debug, Clone)]
pub enum Health {
    /// A load balancer's: up while one of its servers is.
    Servers(Arc<[Arc<AtomicBool>]>),
    /// Up whatever happens.
    Always,
    /// Up while one of these is.
    Any(Arc<[Health]>),
}

impl Health {
    /// Whether there is somebody.
    pub fn is_up(&self) -> bool {
        match self {
            Self::Servers(servers) => servers.iter().any(|up| up.load(Ordering::Relaxed)),
            Self::Always => true,
            Self::Any(parts) => parts.iter().any(Self::is_up),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_up_is_enough() {
        let flags: Vec<_> = (0..3).map(|_| Arc::new(AtomicBool::new(false))).collect();
        let servers = |flags: &[Arc<AtomicBool>]| Health::Servers(flags.into());
        let all = Health::Any([servers(&flags[..1]), servers(&flags[1..])].into());
        assert!(!all.is_up());
        flags[2].store(true, Ordering::Relaxed);
        assert!(all.is_up());
        assert!(!servers(&[]).is_up(), "nobody is there");
    }
}
