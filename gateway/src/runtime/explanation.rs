//! What becomes of one request and why, as plain data: what `gateway explain` prints and `/api/explain` answers.

use std::net::IpAddr;

use serde::Serialize;

/// A request to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub method: String,
    /// A whole URL, or a path with the host in `headers`.
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// The address the connection comes from.
    pub client_ip: Option<IpAddr>,
    /// Over TLS, also where the URL does not say so.
    pub tls: bool,
    /// The entry point by name; the one that the URL's port leads to where none is given.
    pub entry_point: Option<String>,
}

/// The answer. Its fields in this order are the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub request: Seen,
    /// Why the request is refused, whether or not a router takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Every router of the entry point, in the order tried.
    pub routers: Vec<Tried>,
    /// Routers of the entry point that are not in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<Disabled>,
    /// The router that takes the request, and below it the child that does; empty: 404.
    pub chosen: Vec<Chosen>,
    /// What the handshake for this host uses; none on plain connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsChoice>,
    /// What is worth knowing beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The request as rules see it. Values of fields are not repeated, and of parameters not those that may be secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    pub method: String,
    pub url: String,
    pub entry_point: String,
    /// How the entry point came about.
    pub entry_point_because: String,
    pub tls: bool,
    pub client_ip: String,
    /// Empty where the request names none.
    pub host: String,
    /// Normalised; what matches is what servers get.
    pub path: String,
}

/// One router that was, or would have been, tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    pub name: String,
    pub rule: String,
    pub priority: Priority,
    pub matched: bool,
    /// False behind the one that takes the request: nobody looks at it.
    pub reached: bool,
    /// The matchers that keep it from matching.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
    /// Its children, where it has some and matches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Tried>,
}

/// A priority and where it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Priority {
    pub value: i64,
    pub from: PriorityFrom,
}

/// Where a priority is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PriorityFrom {
    /// It was written.
    Set,
    /// The length of the rule in bytes, as none was written.
    RuleLength,
}

/// A matcher that did not match, and what it looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub matcher: String,
    pub saw: String,
}

/// A router that is not in force, with the reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disabled {
    pub name: String,
    /// Whether its rule matches; none where the rule cannot be used.
    pub matches: Option<bool>,
    pub errors: Vec<String>,
}

/// A router that takes the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chosen {
    pub router: String,
    /// In the order in which they see the request, those of the entry point first.
    pub middlewares: Vec<MiddlewareUsed>,
    /// None for a router that leaves it to its children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceUsed>,
}

/// A middleware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MiddlewareUsed {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a chain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MiddlewareUsed>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceUsed {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// How one of the servers is chosen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub strategy: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerUsed>,
    /// Services that it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<PartUsed>,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerUsed {
    pub url: String,
    pub weight: i64,
    /// `UP` or `DOWN`, where the gateway runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
}

/// A service as a part of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartUsed {
    /// For example `weight 3`, `mirror 10 %` or `fallback`.
    pub role: String,
    #[serde(flatten)]
    pub service: ServiceUsed,
}

/// TLS options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsChoice {
    pub server_name: String,
    /// None: the handshake is refused, because the options of this host could not be used.
    pub options: Option<String>,
}
