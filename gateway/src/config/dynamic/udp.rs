//! UDP routers and services.

use std::collections::BTreeMap;

use crate::config::object::object;

object! {
    /// Everything of the UDP layer.
    pub struct Udp {
        /// Routers by name.
        routers: BTreeMap<String, UdpRouter> => "routers",
        /// Services by name.
        services: BTreeMap<String, UdpService> => "services",
    }

    /// An entry point's datagrams go to a service.
    pub struct UdpRouter {
        /// Entry points it listens on.
        entry_points: Vec<String> => "entryPoints",
        /// The service, by name.
        service: String => "service",
    }

    /// A UDP service; exactly one of its types is to be set.
    pub struct UdpService {
        /// Servers of one kind.
        load_balancer: Option<UdpLoadBalancer> => "loadBalancer",
        /// Services chosen in turn, by weight.
        weighted: Option<UdpWeighted> => "weighted" [no_label],
    }

    /// Servers that sessions are distributed to.
    pub struct UdpLoadBalancer {
        /// The servers.
        servers: Vec<UdpServer> => "servers" [server],
    }

    /// One server.
    pub struct UdpServer {
        /// Host and port.
        address: String => "address" [no_label],
        /// Port of a container; labels only.
        port: String => "port" [hidden no_file],
    }

    /// Services chosen in turn, by weight.
    pub struct UdpWeighted {
        /// The services.
        services: Vec<UdpWeightedService> => "services",
    }

    /// A service and its share.
    pub struct UdpWeightedService {
        /// Its name.
        name: String => "name",
        /// Its share.
        weight: Option<i64> => "weight" = Some(1),
    }
}
