//! Providers: where routing configuration comes from.

use std::collections::BTreeMap;

use crate::config::decode::Anything;
use crate::config::dynamic::ClientTls;
use crate::config::object::object;
use crate::types::{Duration, Secret};

/// Every provider in the default order of precedence, by the name that follows the `@` of an object's name.
pub const PROVIDER_NAMES: [&str; 17] = [
    "kubernetesgateway",
    "kubernetescrd",
    "kubernetes",
    "kubernetesingressnginx",
    "swarm",
    "docker",
    "file",
    "redis",
    "knative",
    "consul",
    "consulcatalog",
    "nomad",
    "etcd",
    "ecs",
    "http",
    "zookeeper",
    "rest",
];

const DOCKER_SOCKET: &str = "unix:///var/run/docker.sock";
const DEFAULT_RULE: &str = "Host(`{{ normalize .Name }}`)";

object! {
    /// Where routing configuration comes from.
    pub struct Providers {
        /// Backends throttle duration: minimum duration between 2 events from providers before applying a new configuration. It avoids unnecessary reloads if multiples events are sent in a short amount of time.
        providers_throttle_duration: Duration => "providersThrottleDuration" = Duration::from_secs(2),
        /// Defines the providers order of precedence.
        precedence: Vec<String> => "precedence" = PROVIDER_NAMES.map(str::to_owned).to_vec(),
        /// Enable Docker backend with default settings.
        docker: Option<DockerProvider> => "docker" [empty idle],
        /// Enable Docker Swarm backend with default settings.
        swarm: Option<SwarmProvider> => "swarm" [empty idle],
        /// Enable File backend with default settings.
        file: Option<FileProvider> => "file",
        /// Kubernetes Ingress.
        kubernetes_ingress: Option<Anything> => "kubernetesIngress" [empty later],
        /// Kubernetes Ingress NGINX.
        kubernetes_ingress_nginx: Option<Anything> => "kubernetesIngressNGINX" [empty later],
        /// Kubernetes custom resources.
        kubernetes_crd: Option<Anything> => "kubernetesCRD" [empty later],
        /// Kubernetes Gateway API.
        kubernetes_gateway: Option<Anything> => "kubernetesGateway" [empty later],
        /// Knative.
        knative: Option<Anything> => "knative" [empty later],
        /// Enable Rest backend with default settings.
        rest: Option<RestProvider> => "rest" [empty idle],
        /// Consul Catalog.
        consul_catalog: Option<Anything> => "consulCatalog" [empty later],
        /// Nomad.
        nomad: Option<Anything> => "nomad" [empty later],
        /// AWS ECS.
        ecs: Option<Anything> => "ecs" [empty later],
        /// Consul.
        consul: Option<Anything> => "consul" [empty later],
        /// Etcd.
        etcd: Option<Anything> => "etcd" [empty later],
        /// ZooKeeper.
        zookeeper: Option<Anything> => "zooKeeper" [empty later],
        /// Enable Redis backend with default settings.
        redis: Option<RedisProvider> => "redis" [empty idle],
        /// Enable HTTP backend with default settings.
        http: Option<HttpProvider> => "http" [empty idle],
        /// Plugins configuration.
        plugin: BTreeMap<String, Anything> => "plugin" [later],
    }

    /// Files.
    pub struct FileProvider {
        /// Load dynamic configuration from one or more .yml or .toml files in a directory.
        directory: String => "directory",
        /// Watch provider.
        watch: bool => "watch" = true,
        /// Load dynamic configuration from a file.
        filename: String => "filename",
        /// Enable debug logging of generated configuration template.
        debug_log_generated_template: bool => "debugLogGeneratedTemplate",
    }

    /// Containers of a Docker engine.
    pub struct DockerProvider {
        /// Expose containers by default.
        exposed_by_default: bool => "exposedByDefault" = true,
        /// Constraints is an expression that the gateway matches against the container's labels to determine whether to create any route for that container.
        constraints: String => "constraints",
        /// Disregards the Docker containers health checks with respect to the creation or removal of the corresponding services.
        allow_empty_services: bool => "allowEmptyServices",
        /// Default Docker network used.
        network: String => "network",
        /// Use the ip address from the bound port, rather than from the inner network.
        use_bind_port_ip: bool => "useBindPortIP",
        /// Watch Docker events.
        watch: bool => "watch" = true,
        /// Default rule.
        default_rule: String => "defaultRule" = DEFAULT_RULE.to_owned(),
        /// Username for Basic HTTP authentication.
        username: String => "username",
        /// Password for Basic HTTP authentication.
        password: Secret => "password",
        /// Docker server endpoint. Can be a TCP or a Unix socket endpoint.
        endpoint: String => "endpoint" = DOCKER_SOCKET.to_owned(),
        /// Enable Docker TLS support.
        tls: Option<ClientTls> => "tls",
        /// Client timeout for HTTP connections.
        http_client_timeout: Duration => "httpClientTimeout",
    }

    /// Services of a Docker swarm.
    pub struct SwarmProvider {
        /// Expose containers by default.
        exposed_by_default: bool => "exposedByDefault" = true,
        /// Constraints is an expression that the gateway matches against the container's labels to determine whether to create any route for that container.
        constraints: String => "constraints",
        /// Disregards the Docker containers health checks with respect to the creation or removal of the corresponding services.
        allow_empty_services: bool => "allowEmptyServices",
        /// Default Docker network used.
        network: String => "network",
        /// Use the ip address from the bound port, rather than from the inner network.
        use_bind_port_ip: bool => "useBindPortIP",
        /// Watch Docker events.
        watch: bool => "watch" = true,
        /// Default rule.
        default_rule: String => "defaultRule" = DEFAULT_RULE.to_owned(),
        /// Username for Basic HTTP authentication.
        username: String => "username",
        /// Password for Basic HTTP authentication.
        password: Secret => "password",
        /// Docker server endpoint. Can be a TCP or a Unix socket endpoint.
        endpoint: String => "endpoint" = DOCKER_SOCKET.to_owned(),
        /// Enable Docker TLS support.
        tls: Option<ClientTls> => "tls",
        /// Client timeout for HTTP connections.
        http_client_timeout: Duration => "httpClientTimeout",
        /// Polling interval for swarm mode.
        refresh_seconds: Duration => "refreshSeconds" = Duration::from_secs(15),
    }

    /// Configuration put by HTTP.
    pub struct RestProvider {
        /// Activate REST Provider directly on the entryPoint named traefik.
        insecure: bool => "insecure",
    }

    /// Configuration fetched by HTTP.
    pub struct HttpProvider {
        /// Load configuration from this endpoint.
        endpoint: String => "endpoint" [always],
        /// Polling interval for endpoint.
        poll_interval: Duration => "pollInterval" = Duration::from_secs(5),
        /// Polling timeout for endpoint.
        poll_timeout: Duration => "pollTimeout" = Duration::from_secs(5),
        /// Define custom headers to be sent to the endpoint.
        headers: BTreeMap<String, String> => "headers",
        /// Enable TLS support.
        tls: Option<ClientTls> => "tls",
        /// Defines the maximum size of the response body in bytes.
        max_response_body_size: i64 => "maxResponseBodySize" = -1,
    }

    /// Keys of a Redis.
    pub struct RedisProvider {
        /// Root key used for KV store.
        root_key: String => "rootKey" = "traefik".to_owned(),
        /// KV store endpoints.
        endpoints: Vec<String> => "endpoints" = vec!["127.0.0.1:6379".to_owned()],
        /// Enable TLS support.
        tls: Option<ClientTls> => "tls",
        /// Username for authentication.
        username: String => "username",
        /// Password for authentication.
        password: Secret => "password",
        /// Database to be selected after connecting to the server.
        db: i64 => "db",
        /// Enable Sentinel support.
        sentinel: Option<RedisSentinel> => "sentinel",
    }

    /// A Redis found by Sentinel.
    pub struct RedisSentinel {
        /// Name of the master.
        master_name: String => "masterName",
        /// Username for Sentinel authentication.
        username: String => "username",
        /// Password for Sentinel authentication.
        password: Secret => "password",
        /// Defines whether to route commands to the closest master or replica nodes (mutually exclusive with RandomStrategy and ReplicaStrategy).
        latency_strategy: bool => "latencyStrategy",
        /// Defines whether to route commands randomly to master or replica nodes (mutually exclusive with LatencyStrategy and ReplicaStrategy).
        random_strategy: bool => "randomStrategy",
        /// Defines whether to route all commands to replica nodes (mutually exclusive with LatencyStrategy and RandomStrategy).
        replica_strategy: bool => "replicaStrategy",
        /// Use replicas disconnected with master when cannot get connected replicas.
        use_disconnected_replicas: bool => "useDisconnectedReplicas",
    }
}
